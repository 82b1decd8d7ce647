"""What a caller gave, rows of history, rows known ahead and keys without rows, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.frequency import Frequency
from loopcast.core.rows import columns, numbers
from loopcast.core.task import Task
from loopcast.core.text import codes, text

Array = NDArray[Any]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """`history`: its rows can hold a target; `dated`: they have a time."""

    columns: dict[str, Array]
    history: bool
    dated: bool

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 1


@dataclass(frozen=True)
class Given:
    """The parts one below the other; a column that a part lacks is missing in its rows."""

    parts: tuple[Part, ...]

    @classmethod
    def gather(
        cls,
        rows: Any,
        task: Task,
        future: Any,
        series: Any,
        weight: str | None,
        alone: bool = False,
    ) -> "Given":
        """Only the columns the task names are looked at; `alone`: there is no history at all."""
        roles = (*task.static.names, *task.past.names, *task.future.names)
        extra = [name for name in (task.observed, weight) if name]
        target = () if task.aggregate == "count" else (task.target,)
        names = tuple(dict.fromkeys((*task.series, task.time, *target, *roles, *extra)))
        history = {name: np.zeros(0, dtype=object) for name in names}
        parts = [Part(history if alone else columns(rows, names), True, True)]
        if future is not None:
            known = (*task.series, task.time, *task.future.names)
            parts.append(Part(columns(future, known, task.static.names), False, True))
        if series is not None:
            parts.append(Part(columns(series, task.series, task.static.names), False, False))
        return cls(tuple(parts))

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def history(self) -> Bools:
        """Which rows can hold a target, [row]."""
        return _stacked([np.full(len(part), part.history) for part in self.parts])

    @property
    def dated(self) -> Bools:
        """Which rows have a time, [row]."""
        return _stacked([np.full(len(part), part.dated) for part in self.parts])

    def time(self, task: Task, frequency: Frequency) -> Array:
        """Wall clock or integers, [row]; 1970 or 0 where a row has no time."""
        kind = "M8[s]" if frequency.dated else "i8"
        return _stacked(
            [
                times.parse(part.columns[task.time], frequency, task.zone, task.time_format)
                if part.dated
                else np.zeros(len(part), dtype=kind)
                for part in self.parts
            ]
        )

    def numeric(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, [row]; NaN where missing."""
        return _stacked(
            [
                numbers(part.columns[name], name)
                if name in part.columns
                else np.full(len(part), np.nan)
                for part in self.parts
            ]
        )

    def coded(self, name: str) -> tuple[NDArray[np.int64], Array]:
        """A column of text as numbers [row] and the texts they stand for."""
        blank = np.array([""], dtype=object)
        found = [part.columns.get(name, np.repeat(blank, len(part))) for part in self.parts]
        if len({cells.dtype for cells in found}) > 1:
            found = [text(cells) for cells in found]
        return codes(_stacked(found))


def _stacked(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
