"""The `retrain:` section of the service's config; see docs/loop.md. Unknown names are refused."""

from collections.abc import Mapping
from typing import Any

import msgspec

from loopcast.core.errors import ConfigError


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of the section."""


class Triggers(Section, frozen=True, kw_only=True):
    """What begins a retrain. Ages are in steps of the data, so that no clock can start one."""

    alarm: bool = True  # an open alarm of monitoring about the champion
    again: tuple[
        int, ...
    ] = ()  # so many steps after an alarm's retrain, when the new world has told more
    age: int | None = None  # steps that have come since the champion's data ended
    rows: int | None = None  # actual values that have come since then


class Gates(Section, frozen=True, kw_only=True):
    """What a challenger must show on windows that neither version has trained on."""

    gain: float = 0.02  # the loss is lower by this share at least
    significance: float = (
        0.05  # of the paired test, one-sided, shared by the recipes that were tried
    )
    naive: float = 1.0  # of the seasonal naive forecast's loss at most
    losing: float = (
        1.25  # the same while the champion loses to it: better, if not yet good, may serve
    )
    coverage: float = 0.10  # how far the outer range's coverage may lie below its level
    category: float = 0.25  # how much worse a category may become, clearly (by the same test)
    stability: float = 1.5  # how much more its forecasts may change from origin to origin


class Watch(Section, frozen=True, kw_only=True):
    """When a promotion is taken back: the version before it, replayed, is better on what came since."""

    steps: int = 3  # so many must have come first; 0: never
    gain: float = 0.05
    significance: float = 0.05


class Retrain(Section, frozen=True, kw_only=True):
    """The whole section. `recipes`: flags of a fit by name, tried one after the other."""

    config: str  # the experiment's YAML
    set: dict[str, Any] = {}  # flags over the YAML, of every recipe: {data.time_format: null}
    recipes: dict[str, dict[str, Any]] = msgspec.field(default_factory=lambda: {"again": {}})
    holdout: int = 3  # the last steps, on which champion and challenger are compared
    cooldown: int = 3  # steps between two attempts
    triggers: Triggers = Triggers()
    gates: Gates = Gates()
    watch: Watch = Watch()
    folder: str = "retrains"  # where snapshots and runs lie
    keep: int = 3  # folders of attempts that stay
    minutes: float = 60.0  # for one training

    def __post_init__(self) -> None:
        if self.holdout < 2 or self.cooldown < 1 or not self.recipes or self.minutes <= 0:
            raise ConfigError(
                f"retrain: holdout {self.holdout} must be 2 or more, cooldown {self.cooldown} 1 or"
                f" more, minutes {self.minutes:g} above 0, and recipes name one at least"
            )


def read(section: Mapping[str, Any], name: str) -> Retrain:
    """Raises ConfigError that names the field."""
    if not section:
        raise ConfigError(f"{name} has no retrain: section; docs/loop.md shows one")
    try:
        return msgspec.convert(dict(section), Retrain)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: retrain: {error}") from error
