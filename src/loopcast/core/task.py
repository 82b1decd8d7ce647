"""What is forecast, from what, how far ahead: the facts that travel in the artifact."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

from loopcast.core.errors import ConfigError

Aggregate = Literal["sum", "mean", "last", "count"]
Gaps = Literal["missing", "zero"]
Duplicates = Literal["error", "sum", "last"]
Origins = Literal["shared", "own"]


@dataclass(frozen=True)
class Columns:
    """The columns of one role."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Numeric columns first."""
        return self.numeric + self.categorical


@dataclass(frozen=True)
class Task:
    """Everything that turns rows into the artifact's inputs; `history` and `season` are in steps.

    `gaps`: what a step without a row means; `duplicates`: what two rows in a step mean where
    nothing is aggregated. `zone`: an IANA name, grid time is that zone's wall clock.
    `origins`: whether all series end at one origin ("shared": dated data; who ended earlier is
    filled by `gaps`) or each at its own last step ("own": positions without dates).
    `mean`: is it forecast too, beside the quantiles?
    """

    target: str
    time: str
    series: tuple[str, ...]
    frequency: str
    horizon: int
    season: int = 0
    history: int = 0
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    static: Columns = field(default_factory=Columns)
    past: Columns = field(default_factory=Columns)
    future: Columns = field(default_factory=Columns)
    aggregate: Aggregate | None = None
    gaps: Gaps = "missing"
    duplicates: Duplicates = "error"
    zone: str | None = None
    time_format: str | None = None
    observed: str | None = None
    origins: Origins = "shared"
    mean: bool = False

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise ConfigError(f"horizon is {self.horizon}; it must be at least 1 step")
        if list(self.quantiles) != sorted(set(self.quantiles)) or not self.quantiles:
            raise ConfigError(f"quantiles are {self.quantiles}; they must rise, each once")
        if not 0 < self.quantiles[0] <= self.quantiles[-1] < 1:
            raise ConfigError(f"quantiles are {self.quantiles}; they must lie between 0 and 1")

    def to_json(self) -> str:
        """The text that `from_json` reads back to an equal task."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Unknown fields are refused: a newer writer meant something by them."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`, lists and tuples alike."""
        known = {f.name for f in fields(cls)}
        if unknown := set(facts) - known:
            raise ConfigError(
                f"the task has unknown fields {sorted(unknown)}; known: {sorted(known)}"
            )
        roles: dict[str, Columns] = {
            role: Columns(**{str(kind): tuple(names) for kind, names in facts[role].items()})
            for role in ("static", "past", "future")
            if role in facts
        }
        named = [name for name in ("series", "quantiles") if name in facts]
        tuples: dict[str, Any] = {name: tuple(facts[name]) for name in named}
        merged: dict[str, Any] = {**facts, **roles, **tuples}
        return cls(**merged)
