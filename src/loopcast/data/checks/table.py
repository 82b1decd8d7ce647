"""Raw rows read as far as they can be: what the checks of rows look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.errors import WrongTime
from loopcast.core.frequency import Frequency
from loopcast.core.rows import BLANK, columns, truth
from loopcast.core.task import Task
from loopcast.core.text import codes

Array = NDArray[Any]
PROBE = 1000
"""If not one in so many distinct times can be read, the rest is not tried."""


@dataclass(frozen=True)
class Table:
    """Rows whose time can be read, [row] each.

    `keys` holds the codes [row] and texts [code] of each key column. `order` sorts the rows by
    series and step; `spot` numbers series and step, sorted that way.
    """

    task: Task
    frequency: Frequency
    cells: Mapping[str, Array]
    keys: Mapping[str, tuple[Array, Array]]
    owner: Array
    time: Array
    step: Array
    target: Array
    order: Array
    spot: Array

    def name(self, row: int) -> str:
        """The key of the series a row belongs to."""
        keys = [texts[code[row]] for code, texts in self.keys.values()]
        return ", ".join(keys) or "the series"


def table(cells: Mapping[str, Array], task: Task, time: Array, good: Array) -> Table:
    """`time` [good row] are the times of the rows marked in `good` [row]."""
    kept = cells if good.all() else {name: column[good] for name, column in cells.items()}
    frequency = Frequency.parse(task.frequency)
    step = frequency.index(time)
    keys = {name: codes(kept[name]) for name in task.series}
    owner = _owners(keys, len(time))
    spot = _spots(owner, step)
    order = np.argsort(spot, kind="stable")
    counted = task.aggregate == "count"
    target = np.ones(len(time)) if counted else loose(kept[task.target])
    return Table(task, frequency, kept, keys, owner, time, step, target, order, spot[order])


def _spots(owner: Array, step: Array) -> Array:
    low = int(step.min()) if len(step) else 0
    return owner * (int(step.max()) - low + 1 if len(step) else 1) + (step - low)


def _owners(keys: Mapping[str, tuple[Array, Array]], rows: int) -> Array:
    """A number for each combination of keys, [row]; not all numbers need to occur."""
    owner = np.zeros(rows, dtype=np.int64)
    for code, distinct in keys.values():
        owner = owner * max(len(distinct), 1) + code
        if len(distinct) > 1 and owner.max(initial=0) > len(owner):
            owner = np.unique(owner, return_inverse=True)[1]
    return owner


def cells_of(rows: Any, names: Sequence[str]) -> dict[str, Array]:
    """The named columns that are there, whatever holds the rows; raises NoRows and DataError."""
    return {name: _plain(column) for name, column in columns(rows, (), names).items()}


def _plain(column: Array) -> Array:
    """Every kind of missing object as None: pandas' NA cannot even be compared."""
    if column.dtype != object or not (missing := pd.isna(column)).any():
        return column
    plain = column.copy()
    plain[missing] = None
    return plain


def readable_times(values: Array, task: Task) -> tuple[Array, Array]:
    """The times that can be read, [good row], and which rows those are, [row]."""
    frequency = Frequency.parse(task.frequency)
    try:
        parsed = times.parse(values, frequency, task.zone, task.time_format)
        return parsed, np.ones(len(values), dtype=bool)
    except WrongTime:
        good = _readable(values, frequency, task)
    empty = np.zeros(0, dtype="M8[s]" if frequency.dated else np.int64)
    if not good.any():
        return empty, good
    return times.parse(values[good], frequency, task.zone, task.time_format), good


def _readable(values: Array, frequency: Frequency, task: Task) -> Array:
    if values.dtype.kind == "M":
        return ~np.isnat(values)
    listed = values.tolist()
    known: dict[Any, bool] = {}
    for value in dict.fromkeys(listed):
        if len(known) == PROBE and not any(known.values()):
            break
        known[value] = _one(value, frequency, task)
    return np.array([known.get(value, False) for value in listed], dtype=bool)


def _one(value: Any, frequency: Frequency, task: Task) -> bool:
    cell = np.empty(1, dtype=object)
    cell[0] = value
    try:
        times.parse(cell, frequency, task.zone, task.time_format)
    except WrongTime:
        return False
    return True


def loose(values: Array) -> Array:
    """Numbers as float64, infinities kept, NaN for whatever else a cell holds."""
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    listed = [np.nan if _blank(value) else truth(value) for value in values.tolist()]
    try:
        return np.array(listed, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array([_float(value) for value in listed])


def unreadable_numbers(values: Array) -> Array:
    """Which cells hold something that is neither a number nor blank, [row]."""
    if values.dtype.kind in "fiub":
        return np.zeros(len(values), dtype=bool)
    if values.dtype.kind in "mM":
        return np.ones(len(values), dtype=bool)
    lost = np.flatnonzero(np.isnan(loose(values)))
    wrong = np.zeros(len(values), dtype=bool)
    wrong[lost] = [not _blank(value) for value in values[lost].tolist()]
    return wrong


def _blank(value: Any) -> bool:
    if isinstance(value, str):
        return value in BLANK
    return value is None


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan
