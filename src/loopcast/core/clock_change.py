"""Steps of the wall clock that a zone has twice in autumn, and those it has not in spring."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.task import Task
from loopcast.core.times import clock

Array = NDArray[Any]
Bools = NDArray[np.bool_]
CLOCKS = np.array(["1900-01-01", "2200-12-31"], dtype="M8[D]")
"""No clock is known to change before or after."""


def repeated(steps: Array, task: Task) -> Bools:
    """Which steps hold wall-clock time that the zone's autumn day has twice?"""
    return _told(steps, task, lambda walls, zone: any(_moved(wall, zone) < 0 for wall in walls))


def skipped(steps: Array, task: Task) -> Bools:
    """Which steps hold nothing but wall-clock time that the zone's spring day leaves out?"""
    return _told(steps, task, lambda walls, zone: all(_moved(wall, zone) > 0 for wall in walls))


def _told(steps: Array, task: Task, which: Callable[[list[datetime], ZoneInfo], bool]) -> Bools:
    """Each distinct step of the days whose clock is changed is looked at once."""
    frequency = Frequency.parse(task.frequency)
    if frequency.unit != "minute" or task.zone is None or not len(steps):
        return np.zeros(len(steps), dtype=bool)
    zone = clock(task.zone)
    distinct, place = _distinct(steps)
    starts = frequency.time(distinct)
    days, day = np.unique(starts.astype("M8[D]"), return_inverse=True)
    changed = np.flatnonzero(_changes(days, zone)[day])
    found = np.zeros(len(distinct), dtype=bool)
    for number, start in zip(changed, starts[changed].tolist(), strict=True):
        minutes = range(0, frequency.count, 15)
        found[number] = which([start + timedelta(minutes=more) for more in minutes], zone)
    return found[place]


def _distinct(steps: Array) -> tuple[Array, Array]:
    """Distinct steps in order, and the place of each among them; without sorting where it can be."""
    low, span = int(steps.min()), int(np.ptp(steps)) + 1
    if span > 4 * len(steps) + 1000:
        return np.unique(steps, return_inverse=True)
    there = np.zeros(span, dtype=bool)
    there[steps - low] = True
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[steps - low]


def _changes(days: Array, zone: ZoneInfo) -> Bools:
    """Is the offset from UTC another one a day before or after? A step may run over midnight."""
    found = (days >= CLOCKS[0]) & (days <= CLOCKS[1])
    nearby = [(days[found] + shift).astype("M8[s]").tolist() for shift in (-1, 0, 1, 2)]
    offsets = np.array(
        [[one.replace(tzinfo=zone).utcoffset().total_seconds() for one in day] for day in nearby]
    )
    found[found] = np.ptp(offsets, axis=0) > 0
    return found


def _moved(wall: datetime, zone: ZoneInfo) -> float:
    """Seconds the clock is put forward over this time: 0 where it stands once."""
    early, late = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert early is not None
    assert late is not None
    return (late - early).total_seconds()
