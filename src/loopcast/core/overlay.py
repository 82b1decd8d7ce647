"""Rows of a table with the actual values that came another way: replaced, and continued."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.task import Task

Rows = dict[str, list[Any]]
Key = tuple[str, ...]
Values = Mapping[Key, Mapping[int, float]]
"""Value by step of each series; NaN is a value that was withdrawn."""
NEVER = -(1 << 62)


def overlaid(
    rows: Rows,
    values: Values,
    task: Task,
    owners: Sequence[Key],
    steps: Sequence[int],
    written: Callable[[NDArray[Any]], list[Any]],
    weight: str | None = None,
) -> Rows:
    """Steps with a value get it; steps without a row become one.

    `owners` and `steps` are each row's key and step; `written`: times as the rows write theirs.
    `weight`: a column that is 1 in new rows.
    """
    target, when = list(rows[task.target]), list(rows[task.time])
    last = _last(values, task, owners, steps)
    end = written(last.end)[0] if last.over else None
    seen: set[tuple[Key, int]] = set()
    for row, (owner, step) in enumerate(zip(owners, steps, strict=True)):
        if step in values.get(owner, {}):
            first = (owner, step) not in seen  # rows that are summed: the actual is the sum
            value = values[owner][step]
            rest = 0.0 if task.aggregate == "sum" and not isnan(value) else None
            target[row] = value if first else rest
            if end is not None and step == last.step:
                when[row] = end
            seen.add((owner, step))
    changed = {**rows, task.target: target, task.time: when}
    return _appended(changed, values, seen, task, lambda fresh: written(last.times(fresh)), weight)


@dataclass(frozen=True)
class _Last:
    """The newest step, and whether actual values tell that it is over; see core.origins.

    They do where every series that has rows in it has its value.
    """

    step: int
    over: bool
    frequency: Frequency
    aggregated: bool

    @property
    def end(self) -> NDArray[Any]:
        """Its last second, [1]."""
        return self._ends(np.array([self.step]))

    def times(self, steps: list[int]) -> NDArray[Any]:
        """When rows of whole steps lie: on the label, or at the end where rows are aggregated."""
        fresh = np.array(steps)
        if not self.aggregated:
            return self.frequency.time(fresh)
        begun = (fresh == self.step) & (not self.over)
        return np.where(begun, self.frequency.start(fresh), self._ends(fresh))

    def _ends(self, steps: NDArray[np.int64]) -> NDArray[Any]:
        return self.frequency.start(steps + 1) - np.timedelta64(1, "s")


def _last(values: Values, task: Task, owners: Sequence[Key], steps: Sequence[int]) -> _Last:
    frequency = Frequency.parse(task.frequency)
    aggregated = task.aggregate is not None and frequency.dated
    known = (step for one in values.values() for step, value in one.items() if value == value)  # noqa: PLR0124
    newest = max([max(steps, default=NEVER), max(known, default=NEVER)])
    if not aggregated:
        return _Last(newest, False, frequency, aggregated)
    there = {owner for owner, step in zip(owners, steps, strict=True) if step == newest}
    given = [values.get(owner, {}).get(newest, nan) for owner in there]
    return _Last(newest, not any(map(isnan, given)), frequency, aggregated)


def _appended(
    rows: Rows,
    values: Values,
    seen: set[tuple[Key, int]],
    task: Task,
    times: Callable[[list[int]], list[Any]],
    weight: str | None,
) -> Rows:
    fresh = [
        (key, step, value)
        for key, known in values.items()
        for step, value in known.items()
        if (key, step) not in seen
    ]
    if not fresh:
        return rows
    added: Rows = {
        task.time: times([step for _, step, _ in fresh]),
        task.target: [value for *_, value in fresh],
    }
    for at, name in enumerate(task.series):
        added[name] = [key[at] for key, *_ in fresh]
    for name in filter(None, (task.observed, weight)):
        added[name] = [1] * len(fresh)
    return {name: [*rows[name], *added.get(name, [None] * len(fresh))] for name in rows}
