"""The `monitoring:` section of the service's config; see docs/monitoring.md. Unknown names are refused."""

from collections.abc import Mapping
from typing import Any

import msgspec

from loopcast.core.errors import ConfigError


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of the section."""


class Webhook(Section, frozen=True, kw_only=True):
    """The operator's own address, sent a JSON object when an alarm opens or closes."""

    url: str
    timeout: float = 5.0
    retries: int = 2
    bearer_variable: str | None = None  # the environment variable that holds its key

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"monitoring: webhook.url is {self.url!r}; write http:// or https://")
        if self.timeout <= 0 or self.retries < 0:
            raise ConfigError("monitoring: webhook.timeout is above 0, webhook.retries 0 or more")


class Ranges(Section, frozen=True, kw_only=True):
    """How ranges are recalibrated; the service applies it where `recalibrate: true` is set there."""

    groups: tuple[str, ...] = ()  # static columns; each text of each has offsets of its own
    seasons: float = 2.0  # of what came last that are learnt from
    rate: float = 0.05  # how far a missed level moves the one that is aimed at
    prior: int = 50  # points that the model's own ranges count for
    room: float = 0.03  # coverage may lie so far from the range's nominal share

    def __post_init__(self) -> None:
        if self.seasons <= 0 or not 0 <= self.rate < 1 or self.prior < 0 or not 0 < self.room < 1:
            raise ConfigError(
                f"monitoring: ranges has seasons {self.seasons:g}, rate {self.rate:g}, prior"
                f" {self.prior}, room {self.room:g}; rate and room lie below 1, none below 0"
            )


class Rules(Section, frozen=True, kw_only=True):
    """The whole section."""

    alpha: float = 0.05  # years with a false alarm
    groups: tuple[str, ...] | None = None  # static columns whose categories are watched; None: all
    reference: int = 12  # looks that there must be to compare with
    backtest: int = 400  # steps at most that are replayed for it
    period: int | None = None  # steps in a row of accuracy; None: by the frequency
    ranges: Ranges = Ranges()
    webhook: Webhook | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ConfigError(f"monitoring: alpha is {self.alpha:g}; it lies from 0 to 0.5")
        if self.reference < 8 or self.backtest < 0:
            raise ConfigError(
                f"monitoring: reference is {self.reference} looks, backtest {self.backtest} steps;"
                " reference is 8 or more, backtest 0 or more"
            )
        if self.period is not None and self.period < 1:
            raise ConfigError(f"monitoring: period is {self.period} steps; it is 1 or more")


def rules(raw: Mapping[str, Any]) -> Rules:
    """Plain values -> Rules; raises ConfigError that names the field."""
    try:
        return msgspec.convert(dict(raw), Rules)
    except msgspec.ValidationError as error:
        raise ConfigError(f"monitoring: {error}") from error
