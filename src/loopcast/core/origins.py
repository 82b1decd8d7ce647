"""The origin: the last complete step over all rows given, unless named."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.errors import NoRows
from loopcast.core.frequency import Frequency
from loopcast.core.task import Task

Array = NDArray[Any]
Steps = NDArray[np.int64]

EARLIER = 8
"""With how many earlier steps the last one is compared to tell whether it is complete."""
FEWEST = 2
"""Fewer earlier steps say nothing: then the last step must reach its last day, or 3/4 of itself."""
SHARE = 0.75


def named(origin: Any, frequency: Frequency, task: Task) -> int:
    """The grid step of a time written as in the rows."""
    cells = np.array([origin], dtype=object)
    return int(frequency.index(times.parse(cells, frequency, task.zone, task.time_format))[0])


def last_steps(series: Array, step: Array, time: Array, task: Task, count: int) -> Steps:
    """[series], from the rows [row] that have a target."""
    if not len(step):
        raise NoRows("no row has a history; name the origin to forecast from keys alone")
    last, frequency = int(step.max()), Frequency.parse(task.frequency)
    if task.origins == "own":
        never = np.iinfo(np.int64).min
        ends = np.full(count, never)
        np.maximum.at(ends, series, step)
        return np.where(ends > never, ends, last)
    if task.aggregate and frequency.dated and not _complete(step, time, last, frequency):
        last -= 1
    return np.full(count, last)


def _complete(step: Array, time: Array, last: int, frequency: Frequency) -> bool:
    """Does the last step's last row lie as late in it as those of the steps before?

    As late means: as large a share of the step is over, or as little time is left; months that are
    labelled with their last day differ in the one, with their first day in the other.
    """
    steps = np.arange(last, last - EARLIER - 1, -1)
    latest = [time[step == one] for one in steps]
    present = np.array([len(rows) > 0 for rows in latest])
    begin, end = frequency.start(steps)[present], frequency.start(steps + 1)[present]
    reached = np.array([rows.max() for rows in latest if len(rows)])
    shares, left = (reached - begin) / (end - begin), end - reached
    if len(shares) > FEWEST:
        return bool(shares[0] >= shares[1:].min() or left[0] <= left[1:].max())
    if frequency.unit == "minute":
        return bool(shares[0] >= SHARE)
    return bool(left[0] <= np.timedelta64(1, "D"))
