"""Several rows of a series in one step, where the task does not say what that means."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.clock_change import repeated
from loopcast.core.errors import DuplicateRows, WrongTime
from loopcast.core.task import Task

Array = NDArray[Any]


def surplus(place: Array, step: Array, task: Task) -> tuple[Array, Array]:
    """Which rows [row] share a place with others, and the rows in each such row's place.

    The hour that the zone's clock repeats in autumn may stand twice.
    """
    counts = np.bincount(place)
    if counts.max(initial=0) < 2:
        return place[:0], place[:0]
    rows = np.flatnonzero(counts[place] > 1)
    number = counts[place[rows]]
    wrong = number > 1 + repeated(step[rows], task)
    return rows[wrong], number[wrong]


def refuse(place: Array, rows: Array, number: Array, task: Task, example: str) -> None:
    """Raises WrongTime where several rows a step are the rule, else DuplicateRows.

    `rows` and `number`: what `surplus` found, `example`: one of them, named.
    """
    if len(np.unique(place[rows])) > 0.5 * len(np.unique(place)):
        raise WrongTime(
            f"most steps hold several rows (up to {number.max()}, {example}), but the task's"
            f" frequency is {task.frequency}: give one row a step, or set aggregate (sum, mean,"
            " last or count)"
        )
    count = len(rows) - len(np.unique(place[rows]))
    raise DuplicateRows(
        f"{count} rows fall into a step that has one already, e.g. {number.max()} rows of"
        f" {example}; remove them, or set duplicates (sum or last) or aggregate (sum, mean, last"
        " or count)"
    )
