"""Checks of the rows before they are put on the grid: columns, keys, times, duplicates, target."""

from typing import Any

from loopcast.core.errors import NoRows
from loopcast.core.task import Task
from loopcast.data.checks import columns, duplicates, keys, target, timing
from loopcast.data.checks.finding import Finding
from loopcast.data.checks.table import cells_of, readable_times, table


def check_rows(
    rows: Any, task: Task, non_negative: bool | None = None, weight: str | None = None
) -> list[Finding]:
    """`rows`: whatever `core.rows.columns` reads; `weight`: the column that weighs rows, if any.

    Columns that the task does not name only tell copies of a row from rows that differ.
    `non_negative`: whether the target cannot be negative; None: a few negatives are told.
    """
    found, present = columns.presence(rows, task, weight)
    try:
        cells = cells_of(rows, present)
    except NoRows:
        advice = "check the file, the query and the source's `where`"
        return [Finding("no-rows", "error", 0, (), "the source holds no row", advice)]
    found += columns.types(cells, task, weight)
    if task.time not in cells or any(f.code == "missing-column" for f in found):
        return found
    time, good = readable_times(cells[task.time], task)
    found += timing.unreadable(cells[task.time], good, task)
    found += timing.zoned(cells[task.time], task)
    if not good.any():
        return found
    rest = table(cells, task, time, good)
    return [
        *found,
        *keys.check(rest),
        *timing.check(rest),
        *duplicates.check(rest),
        *target.check(rest, non_negative),
        *columns.hidden(rest),
    ]
