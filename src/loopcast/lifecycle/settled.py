"""How far the data reach for most series: the first value of a step does not make it complete."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.frequency import Frequency
from loopcast.core.rows import numbers
from loopcast.core.task import Task
from loopcast.core.text import text

Columns = dict[str, NDArray[Any]]

SHARE = 0.8
"""Of the series that usually have a value: with fewer, more are on their way."""
EARLIER = 8
"""Steps that say how many usually have one."""
LATE = 2
"""Steps that are left out at most: series may have ended."""


def settled(rows: Mapping[str, NDArray[Any]], task: Task) -> Columns:
    """Without the values of newest steps that only a few series have yet.

    The number of series with a value is compared with the median of the steps before, and with that
    of a season ago where that is lower. Where none of the last steps is complete, nothing is left out.
    """
    frequency = Frequency.parse(task.frequency)
    step = frequency.index(times.parse(rows[task.time], frequency, task.zone, task.time_format))
    known = np.ones(len(step), dtype=bool)
    if task.aggregate != "count":
        known = np.isfinite(numbers(rows[task.target], task.target))
    if not known.any():
        return dict(rows)
    last = int(step[known].max())
    season = max(task.season, 1)
    recent = np.flatnonzero(known & (step > last - season - 2 * EARLIER - 1))
    counts = _series(rows, task, recent, step[recent], last - season - 2 * EARLIER)
    end = _complete(counts, season)
    if end == len(counts) - 1:
        return dict(rows)
    late = known & (step > last - (len(counts) - 1 - end))
    return {name: column[~late] for name, column in rows.items()}


def _series(
    rows: Mapping[str, NDArray[Any]],
    task: Task,
    recent: NDArray[np.int64],
    step: NDArray[np.int64],
    first: int,
) -> NDArray[np.int64]:
    """How many series have a value, [step], from `first` on."""
    owner = np.zeros(len(recent), np.int64)
    for name in task.series:
        code = np.unique(text(rows[name][recent]).astype(str), return_inverse=True)[1]
        owner = np.unique(owner * (code.max(initial=0) + 1) + code, return_inverse=True)[1]
    place = np.unique((step - first) * (owner.max(initial=0) + 1) + owner)
    return np.bincount(place // (owner.max(initial=0) + 1))


def _complete(counts: NDArray[np.int64], season: int) -> int:
    """The last complete step's place."""
    newest = len(counts) - 1
    for end in range(newest, max(newest - LATE - 1, 0), -1):
        usual = float(np.median(counts[max(end - EARLIER, 0) : end]))
        if end >= season:
            usual = min(usual, float(counts[end - season]) or usual)
        if counts[end] >= SHARE * usual:
            return end
    return newest
