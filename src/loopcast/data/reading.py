"""From a source to a panel: which columns are read, what each is, how rows become the grid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopcast.core.errors import ConfigError
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid
from loopcast.core.panel import Panel
from loopcast.core.rows import columns
from loopcast.core.task import Aggregate, Columns, Duplicates, Gaps, Origins, Task
from loopcast.core.times import clock
from loopcast.data.source import Source


@dataclass(frozen=True)
class Reading:
    """The `data:` section as far as it says what the rows mean."""

    source: Source
    time: str
    target: str
    frequency: str
    horizon: int
    series: tuple[str, ...] = ()
    time_format: str | None = None
    zone: str | None = None
    season: int | None = None
    history: int | None = None
    static: tuple[str, ...] | None = None
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    aggregate: Aggregate | None = None
    gaps: Gaps = "missing"
    duplicates: Duplicates = "error"
    observed: str | None = None
    weight: str | None = None
    origins: Origins | None = None
    memory: float | None = None

    @property
    def large(self) -> bool:
        """Would the rows take more than `memory` GB, by default a quarter of what is free?"""
        if self.memory == 0:
            return True
        weight = self.source.weighs(self.wanted)
        limit = free() / 4 if self.memory is None else self.memory * 1e9
        return weight is not None and weight > limit

    @property
    def static_names(self) -> tuple[str, ...]:
        """Key columns are static too, unless `static` is empty or names some of them."""
        if self.static is None:
            return self.series
        named = set(self.static) & set(self.series)
        keys = () if named or not self.static else self.series
        return tuple(dict.fromkeys((*keys, *self.static)))

    @property
    def wanted(self) -> list[str]:
        """Every column that is read."""
        target = [] if self.aggregate == "count" else [self.target]
        extra = [name for name in (self.observed, self.weight) if name]
        roles = (*self.static_names, *self.past, *self.future)
        return list(dict.fromkeys([*self.series, self.time, *target, *roles, *extra]))

    def rows(self) -> dict[str, np.ndarray]:
        """The columns as arrays; keys and declared categories as text."""
        return columns(self.source.read(self.wanted, self._text), self.wanted)

    def chunks(self) -> Iterator[dict[str, np.ndarray]]:
        """The same rows, some at a time."""
        for frame in self.source.chunks(self.wanted, self._text):
            if len(frame):
                yield columns(frame, self.wanted)

    @property
    def _text(self) -> list[str]:
        text = [*self.series, *self.categorical]
        if self.time_format and self.time not in text:
            text.append(self.time)
        return [name for name in text if name in self.wanted]

    def task(self, rows: dict[str, np.ndarray]) -> Task:
        """Without history and season, which the rows' grid decides."""
        frequency = Frequency.parse(self.frequency)
        if self.zone is not None:
            clock(self.zone)
        for name, steps in (("season", self.season), ("history", self.history)):
            if steps is not None and steps < 0:
                raise ConfigError(f"data.{name} is {steps}; it is a number of steps")
        undated: Origins = "shared" if frequency.dated else "own"
        unknown = set(self.categorical) - {*self.static_names, *self.past, *self.future}
        if unknown:
            raise ConfigError(
                f"categorical names {sorted(unknown)}, which have no role; add them to"
                " static, past or future"
            )
        return Task(
            target=self.target,
            time=self.time,
            series=self.series,
            frequency=frequency.name,
            horizon=self.horizon,
            season=self.season or frequency.season,
            history=self.history or 0,
            static=self._role(self.static_names, rows),
            past=self._role(self.past, rows),
            future=self._role(self.future, rows),
            aggregate=self.aggregate,
            gaps=self.gaps,
            duplicates=self.duplicates,
            zone=self.zone,
            time_format=self.time_format,
            observed=self.observed,
            origins=self.origins or undated,
        )

    def panel(self, rows: dict[str, np.ndarray], task: Task) -> Panel:
        """See grid."""
        return grid(rows, task, weight=self.weight)

    def _role(self, names: Sequence[str], rows: dict[str, np.ndarray]) -> Columns:
        forced = {*self.series, *self.categorical}
        categorical = tuple(n for n in names if n in forced or not numeric(rows[n]))
        return Columns(tuple(n for n in names if n not in categorical), categorical)


def numeric(values: np.ndarray) -> bool:
    """Numbers, booleans, or text that reads as numbers throughout."""
    if values.dtype.kind in "fiub":
        return True
    if values.dtype.kind in "mM":  # dates are a category, as their text in a file is
        return False
    present = pd.Series(values).dropna()
    present = present[present.astype(str) != ""]
    kinds = {type(value) for value in present}
    if kinds <= {bool, np.bool_}:
        return True
    if any(issubclass(kind, date | timedelta | np.datetime64 | np.timedelta64) for kind in kinds):
        return False
    return bool(pd.to_numeric(present, errors="coerce").notna().all())


def free() -> float:
    """Bytes of memory that are free, as far as the system tells."""
    try:
        facts = Path("/proc/meminfo").read_text(encoding="ascii")
        return 1024.0 * int(facts.split("MemAvailable:")[1].split()[0])
    except (OSError, IndexError, ValueError):
        return float("inf")


def _tuple(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def configured(options: dict[str, Any]) -> Reading:
    """Lists as YAML gives them become tuples."""
    names = ("series", "static", "past", "future", "categorical")
    clean: dict[str, Any] = {
        k: _tuple(v) if k in names and v is not None else v for k, v in options.items()
    }
    return Reading(**clean)
