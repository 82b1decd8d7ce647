"""Do the times of the rows make sense, and do they lie on the grid?"""

import re
from datetime import datetime
from typing import Any

import numpy as np

from loopcast.core.frequency import WEEKDAYS, Frequency
from loopcast.core.grid import grid
from loopcast.core.task import Task
from loopcast.data.checks.finding import Finding, few, moment, plural, spell
from loopcast.data.checks.table import Array, Table

EARLIEST, LATEST = 1900, 2200
STRAY = 0.01
"""Rows beyond a gap longer than all other data are strays if they are at most this share."""
RECENT = 12
"""More steps than the grid looks at to tell whether the last one is complete."""
REGULAR, UNEQUAL = 0.9, 0.1
"""Distances between rows that differ less than UNEQUAL in such a share are another frequency."""
OFFSET, LOOKED = re.compile(r"\d\d:?\d\d.*[+-](\d\d:?\d\d)$"), 1000
"""How an offset is written, and at most so many times are looked at for one."""
MONTHLY = 4
"""Months are four or five weeks: from so many steps on, distances may differ by one."""


def unreadable(values: Array, good: Array, task: Task) -> list[Finding]:
    """Times that cannot be read at all."""
    if good.all():
        return []
    wrong = values[~good]
    wanted = f"of the form {task.time_format!r}" if task.time_format else "ISO dates (2024-01-31)"
    advice = "state the format (data.time_format, e.g. '%d.%m.%Y') or leave these rows out"
    if task.frequency.isdigit():
        wanted = "whole numbers"
        advice = "name a calendar frequency for dates (D, W-SUN, MS, h), or leave these rows out"
    return [
        Finding(
            "unreadable-time",
            "error",
            len(wrong),
            few(repr(value) for value in wrong[:1000].tolist()),
            f"{len(wrong) / len(values):.1%} of the times in {task.time!r} cannot be read; they"
            f" should be {wanted}",
            advice,
        )
    ]


def zoned(values: Array, task: Task) -> list[Finding]:
    """Offsets from UTC where no zone is named: what lies on a day's edge lands in another one."""
    frequency = Frequency.parse(task.frequency)
    if task.time_format and "%z" not in task.time_format:
        return []
    if (
        not frequency.dated
        or frequency.unit == "minute"
        or task.zone
        or values.dtype.kind not in "OU"
    ):
        return []
    looked = values[:: -(-len(values) // LOOKED)].tolist()
    told = list(dict.fromkeys(str(value) for value in looked if _offset(value)))
    if not told:
        return []
    detail = "times carry an offset from UTC and count by UTC's clock, so steps may shift by one"
    advice = "set data.zone (such as Europe/Berlin), whose clock tells which day it is"
    return [Finding("zone-unknown", "warning", len(values), few(told), detail, advice)]


def _offset(value: Any) -> bool:
    if isinstance(value, str):
        found = OFFSET.search(value)
        return found is not None and found[1].strip("0:") != ""
    return isinstance(value, datetime) and bool(value == value and value.utcoffset())  # noqa: PLR0124


def check(table: Table) -> list[Finding]:
    """Every check of readable times."""
    found = _odd(table) + _stray(table)
    if table.frequency.unit == "business":
        found += _weekends(table)
    if table.task.aggregate is None:
        found += _off_grid(table)
    else:
        found += _partial(table)
    return found + _spacing(table)


def _odd(table: Table) -> list[Finding]:
    if not table.frequency.dated:
        return []
    years = table.time.astype("M8[Y]").astype(np.int64) + 1970
    wrong = (years < EARLIEST) | (years > LATEST)
    detail = f"{plural(int(wrong.sum()), 'row')} before {EARLIEST} or after {LATEST}"
    return _far(table, wrong, detail)


def _far(table: Table, wrong: Array, detail: str) -> list[Finding]:
    if not wrong.any():
        return []
    advice = (
        "placeholder dates? leave these rows out: a late one moves the origin of all series, an"
        " early one makes a long empty history"
    )
    shown = few(spell(time) for time in np.unique(table.time[wrong]))
    return [Finding("odd-time", "warning", int(wrong.sum()), shown, detail, advice)]


def _stray(table: Table) -> list[Finding]:
    """A few rows further from the rest than the rest is long: wrong dates, not history."""
    known = ~np.isnan(table.target)
    if table.frequency.dated:
        years = table.time.astype("M8[Y]").astype(np.int64) + 1970
        known &= (years >= EARLIEST) & (years <= LATEST)
    steps, counts = _counted(table.step[known])
    early, late = 0, len(steps) - 1
    for _ in range(len(steps) - 1):
        apart = np.diff(steps[early : late + 1])
        if not len(apart):
            break
        at = early + int(np.argmax(apart))
        below, above = counts[early : at + 1].sum(), counts[at + 1 : late + 1].sum()
        few_below = below < above
        rest = (at + 1, late) if few_below else (early, at)
        span = steps[rest[1]] - steps[rest[0]]
        if min(below, above) > STRAY * counts.sum() or apart.max() <= max(span, 2):
            break
        early, late = rest
    if not len(steps) or (early, late) == (0, len(steps) - 1):
        return []
    wrong = known & ((table.step < steps[early]) | (table.step > steps[late]))
    low, high = (moment(table.frequency, int(steps[i])) for i in (early, late))
    detail = f"{plural(int(wrong.sum()), 'row')} far away from all others ({low} to {high})"
    return _far(table, wrong, detail)


def _counted(steps: Array) -> tuple[Array, Array]:
    """Distinct steps in order and the rows in each; counting is faster than sorting."""
    if not len(steps) or np.ptp(steps) > 10 * len(steps) + 1000:
        return np.unique(steps, return_counts=True)
    low = steps.min()
    rows = np.bincount(steps - low)
    return np.flatnonzero(rows) + low, rows[rows > 0]


def _weekends(table: Table) -> list[Finding]:
    weekday = (table.time.astype("M8[D]").astype(np.int64) + 3) % 7
    wrong = weekday >= 5
    if not wrong.any():
        return []
    return [
        Finding(
            "weekend-rows",
            "warning",
            int(wrong.sum()),
            few(spell(time) for time in np.unique(table.time[wrong].astype("M8[D]"))),
            f"{wrong.mean():.1%} of the rows lie on a Saturday or Sunday and count as the Friday before",
            "use data.frequency: D if weekends count, or leave these rows out",
        )
    ]


def _off_grid(table: Table) -> list[Finding]:
    labels = table.frequency.time(table.step)
    off = table.time != labels
    if not off.any():
        return []
    if _one_offset(table):
        time, label = (spell(times[np.argmax(off)]) for times in (table.time, labels))
        detail = f"every step is labelled with another moment than the rows: {label} for {time}"
        advice = f"fine; forecasts carry the labels of data.frequency {table.frequency.name}"
        return [Finding("other-label", "note", int(off.sum()), (), detail, advice)]
    return [
        Finding(
            "off-grid",
            "warning",
            int(off.sum()),
            few(spell(time) for time in np.unique(table.time[off][:100_000])),
            f"{off.mean():.1%} of the times lie inside a step of {table.frequency.name}, not on its label",
            "check data.frequency; set data.aggregate (sum, mean, last) if these are single events",
        )
    ]


def _one_offset(table: Table) -> bool:
    """Are all times equally far from the begin of their step, or from its end?"""
    begin = table.time - table.frequency.start(table.step)
    if (begin == begin[0]).all():
        return True
    end = table.frequency.start(table.step + 1) - table.time
    return bool((end == end[0]).all())


def _partial(table: Table) -> list[Finding]:
    """The last step, where its rows end early: the grid decides, asked with the last rows alone."""
    known = np.isfinite(table.target)
    if not table.frequency.dated or not known.any():
        return []
    last = int(table.step[known].max())
    recent = known & (table.step > last - RECENT)
    task = Task(
        table.task.target, "time", (), table.task.frequency, 1, aggregate=table.task.aggregate
    )
    cells = {"time": table.time[recent], task.target: table.target[recent]}
    origin = int(grid(cells, task).origin[0])
    if origin >= last:
        return []
    late = int((known & (table.step > origin)).sum())
    end = spell(table.time[known].max())
    detail = f"the step {moment(table.frequency, last)} is not over: its rows end at {end}"
    advice = f"nothing; it is left out, and {moment(table.frequency, origin)} is the origin"
    return [Finding("partial-last-step", "note", late, (), detail, advice)]


def _spacing(table: Table) -> list[Finding]:
    """Rows that stand several steps apart, always: another frequency."""
    distinct = table.spot[np.r_[True, table.spot[1:] != table.spot[:-1]]]
    span = int(table.step.max() - table.step.min()) + 1
    apart = np.diff(distinct)[distinct[1:] // span == distinct[:-1] // span]
    if len(apart) < 10:
        return []
    usual = int(np.median(apart))
    unequal = max(usual * UNEQUAL, usual >= MONTHLY)
    share = float((abs(apart - usual) <= unequal).mean())
    if usual < 2 or share < REGULAR:
        return []
    return [
        Finding(
            "other-frequency",
            "warning",
            len(apart),
            (),
            f"rows of a series stand {usual} steps of {table.frequency.name} apart ({share:.0%} of them)",
            f"set data.frequency to {_suggestion(table, usual)}",
        )
    ]


def _suggestion(table: Table, usual: int) -> str:
    unit, count = table.frequency.unit, table.frequency.count * usual
    if unit == "day" and usual == 7:
        weekday = int((table.time[0].astype("M8[D]").astype(np.int64) + 3) % 7)
        return f"W-{WEEKDAYS[weekday]}"
    if unit == "day":
        names = {30: "MS", 31: "MS", 90: "QS", 91: "QS", 92: "QS", 365: "YS"}
        return names.get(usual, "what the rows are")
    if unit == "week":
        names = {4: "MS", 5: "MS", 13: "QS", 52: "YS"}
        return names.get(usual, "what the rows are")
    if unit == "minute":
        other = f"{count}min" if 1440 % count == 0 else "what the rows are"
        return {60: "h", 1440: "D"}.get(count, other)
    if unit == "month":
        return {3: "QS", 12: "YS"}.get(count, "what the rows are")
    return str(count) if unit == "integer" else "what the rows are"
