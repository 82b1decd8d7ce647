"""Rows that stand twice, and steps without any row."""

import numpy as np

from loopcast.core.duplicates import surplus
from loopcast.core.text import codes
from loopcast.data.checks.finding import Finding, few, listing, moment, plural
from loopcast.data.checks.table import Array, Table

WHOLE, USUAL, LEAST = 0.8, 0.2, 20
"""A day of LEAST rows stands twice if WHOLE of them have a copy, and USUAL at most elsewhere."""
LOADS = (2, 3, 5)
TOLD = 0.001


def check(table: Table) -> list[Finding]:
    """Steps with several rows, copies of rows, and steps without any."""
    same = np.r_[False, table.spot[1:] == table.spot[:-1]]
    found = []
    if same.any():
        copies = _copies(table)
        found += _copied(table, copies) if table.task.aggregate else _several(table, same, copies)
    return found + _absent(table, int((~same).sum()))


def _copies(table: Table) -> Array:
    """The group of rows alike in every column that each row belongs to; -1 where alone, [row]."""
    time = table.time.astype(np.int64)
    spot = table.owner * (int(time.max() - time.min()) + 1) + time - time.min()
    order = np.argsort(spot, kind="stable")
    same = spot[order][1:] == spot[order][:-1]
    rows = np.sort(order[np.r_[False, same] | np.r_[same, False]])
    number = np.unique(spot[rows], return_inverse=True)[1]
    for name, column in table.cells.items():
        if name not in (*table.task.series, table.task.time):
            code, distinct = codes(column[rows])
            number = np.unique(number * (len(distinct) + 1) + code, return_inverse=True)[1]
    group = np.full(len(time), -1)
    group[rows] = np.where(np.bincount(number)[number] > 1, number, -1) if len(rows) else 0
    return group


def _surplus(group: Array) -> int:
    """Rows that repeat an earlier one."""
    alike = group[group >= 0]
    return len(alike) - len(np.unique(alike))


def _several(table: Table, same: Array, group: Array) -> list[Finding]:
    """More than one row in a step although nothing is aggregated; the grid's own rule decides."""
    place, task = np.cumsum(~same) - 1, table.task
    rows, number = surplus(place, table.step[table.order], task)
    steps, first = np.unique(place[rows], return_index=True)
    if not len(steps):
        return []
    count = len(rows) - len(steps)
    most = first[np.argsort(-number[first], kind="stable")[:5]]
    copies = _surplus(group)
    exact = f", {copies:,} of them exact copies of another row" if copies else ""
    advice = "remove them, or set data.duplicates (sum or last)"
    if len(steps) > 0.5 * (place[-1] + 1):
        advice = f"set data.aggregate (sum, mean, last, count), or a frequency finer than {task.frequency}"
    return [
        Finding(
            "duplicates",
            "error" if task.duplicates == "error" else "note",
            count,
            few(
                f"{table.name(i)} at {moment(table.frequency, table.step[i])}"
                for i in table.order[rows[most]].tolist()
            ),
            f"{plural(count, 'row')} in a step that holds one of the same series already{exact}",
            advice if task.duplicates == "error" else f"data.duplicates: {task.duplicates} decides",
        )
    ]


def _copied(table: Table, group: Array) -> list[Finding]:
    """Copies count twice in an aggregate; single ones can be real, whole days cannot."""
    count = _surplus(group)
    if count <= TOLD * len(group):
        return []
    days, twice = _whole_days(table, group)
    found = f"{plural(count, 'row')} ({count / len(group):.2%}) repeat another one in every column that is read"
    if len(twice) and days > len(twice):
        named = [str(day) for day in twice]
        return [
            Finding(
                "copied-rows",
                "warning",
                count,
                few(named),
                f"{found}; {plural(len(twice), 'day')} stand twice as a whole ({listing(named, 9)})",
                "loaded twice? select DISTINCT rows in the query, or leave one load out",
            )
        ]
    advice = "fine if one event can happen twice at a time; else select DISTINCT rows in the query"
    return [Finding("copied-rows", "note", count, (), found, advice)]


def _whole_days(table: Table, group: Array) -> tuple[int, Array]:
    """How many days have rows, and which of them were loaded several times as a whole.

    Then nearly all their rows stand two, four, ... or three, six, ... times; of busy days half do.
    """
    number = np.unique(group, return_inverse=True)[1]
    times = np.where(group >= 0, np.bincount(number)[number], 1)
    day = table.time.astype("M8[D]") if table.frequency.dated else table.time
    days, number = np.unique(day, return_inverse=True)
    rows = np.bincount(number)
    share = np.max([np.bincount(number, times % n == 0) / rows for n in LOADS], axis=0)
    if np.median(share) > USUAL:
        return len(days), days[:0]
    return len(days), days[(share >= WHOLE) & (rows >= LEAST)]


def _absent(table: Table, there: int) -> list[Finding]:
    """Where an absent step means zero, how many zeros that makes."""
    if table.task.gaps != "zero":
        return []
    first = np.full(int(table.owner.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, table.owner, table.step)
    began = first[np.unique(table.owner)]
    total = int((table.step.max() - began + 1).sum())
    absent = total - there
    if absent <= 0:
        return []
    return [
        Finding(
            "absent-steps",
            "note",
            absent,
            (),
            f"{absent / total:.1%} of the steps from each series' first row on have no row, and"
            " count as 0 (data.gaps: zero)",
            "use data.gaps: missing where no row means that nothing is known",
        )
    ]
