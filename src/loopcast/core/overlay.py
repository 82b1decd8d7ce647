"""Rows of a table with the actual values that came another way: replaced, and continued."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.task import Task

Rows = dict[str, list[Any]]
Key = tuple[str, ...]
Values = Mapping[Key, Mapping[int, float]]
"""Value by step of each series; NaN is a value that was withdrawn."""


def overlaid(
    rows: Rows,
    values: Values,
    task: Task,
    owners: Sequence[Key],
    steps: Sequence[int],
    times: Callable[[list[int]], list[Any]],
    weight: str | None = None,
) -> Rows:
    """Steps with a value get it; steps without a row become one.

    `owners` and `steps` are each row's key and step; `times` writes `moments` as the rows write
    theirs. `weight`: a column that is 1 in new rows.
    """
    target, when = list(rows[task.target]), list(rows[task.time])
    newest = max([*steps, *(step for known in values.values() for step in known)], default=None)
    seen: set[tuple[Key, int]] = set()
    for row, (owner, step) in enumerate(zip(owners, steps, strict=True)):
        if step in values.get(owner, {}):
            first = (owner, step) not in seen  # rows that are summed: the actual is the sum
            rest = 0.0 if task.aggregate == "sum" else None
            target[row] = values[owner][step] if first else rest
            if task.aggregate and step == newest:  # an actual value is that of the whole step
                when[row] = times([step])[0]
            seen.add((owner, step))
    changed = {**rows, task.target: target, task.time: when}
    return _appended(changed, values, seen, task, times, weight)


def moments(steps: NDArray[np.int64], frequency: Frequency, task: Task) -> NDArray[Any]:
    """When a row of a whole step lies: on its label, or at its end where rows are aggregated.

    A last step whose rows end early is not over, see core.origins.
    """
    if task.aggregate and frequency.dated:
        return frequency.start(steps + 1) - np.timedelta64(1, "s")
    return frequency.time(steps)


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
