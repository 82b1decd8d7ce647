"""Steps without a value: closed days that all series share, gaps of single ones, a cut last step."""

import numpy as np

from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks.blocks import tail
from loopcast.data.checks.finding import Finding, few, moment, plural, warning_if, where
from loopcast.data.checks.life import Life

MANY_STEPS, MANY_SERIES, SOME_STEPS = 0.05, 0.1, 0.01
"""Gaps are a warning from MANY_STEPS on, or from SOME_STEPS on if MANY_SERIES have them."""
TOGETHER = 5
"""From so many series on, a step that none of them has is closed for all, not a gap of each."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONDAY = 3  # days from a Monday to 1970-01-01
EARLIER, LATEST = 8, 100
COMPLETE = "leave an incomplete step out (the source's `where` or query): it looks like a collapse"
HALF = 0.5


def check(panel: Panel, task: Task, life: Life) -> list[Finding]:
    """`Life` tells what is absent; what all series share is taken off."""
    closed, first = _closed(panel, task)
    return [
        *_gaps(panel, task, life, closed, first),
        *_shared(panel, task, life, closed, first),
        *_last_step(panel, task),
    ]


def _closed(panel: Panel, task: Task) -> tuple[np.ndarray, int]:
    """Which steps no series has, [step] from the panel's first one on, and that first one."""
    first = int(panel.start.min())
    seen = np.bincount(panel.indices[~np.isnan(panel.target)] - first)
    frequency = Frequency.parse(task.frequency)
    if not frequency.dated or task.origins == "own":
        return np.zeros(len(seen), dtype=bool), first
    if len(panel) >= TOGETHER:
        return seen == 0, first
    if frequency.unit != "day":
        return np.zeros(len(seen), dtype=bool), first
    weekday = _weekdays(np.arange(len(seen)) + first)
    return np.bincount(weekday, seen, minlength=7)[weekday] == 0, first


def _weekdays(days: np.ndarray) -> np.ndarray:
    return (days + MONDAY) % 7


def _gaps(panel: Panel, task: Task, life: Life, closed: np.ndarray, first: int) -> list[Finding]:
    shared = np.r_[0, np.cumsum(closed)]
    begin, end = (
        np.clip(panel.origin - ago - first, 0, len(closed) - 1)
        for ago in (life.first_ago, life.last_ago)
    )
    own = np.where(life.observed > 0, life.absent - (shared[end + 1] - shared[begin]), 0)
    if not own.any():
        return []
    affected = own > 0
    share = own.sum() / life.span.sum()
    often = share >= MANY_STEPS or (share >= SOME_STEPS and affected.mean() >= MANY_SERIES)
    told = where(panel, affected, own, panel.origin)
    return [
        told.finding(
            "gaps",
            warning_if(often),
            f"{plural(int(own.sum()), 'step')} ({share:.1%}) between the first and the last value"
            f" of {plural(len(told.series), 'series', 'series')} have none",
            "set data.gaps: zero if no row means that nothing was sold; missing leaves them unknown",
        )
    ]


def _shared(panel: Panel, task: Task, life: Life, closed: np.ndarray, first: int) -> list[Finding]:
    if not closed.any():
        return []
    frequency = Frequency.parse(task.frequency)
    steps = np.flatnonzero(closed) + first
    shown = few(moment(frequency, int(step)) for step in steps)
    detail = f"no series has a value in {plural(len(steps), 'step')} ({closed.mean():.1%} of all)"
    if frequency.unit == "day":
        every = np.bincount(_weekdays(np.arange(len(closed)) + first), minlength=7)
        none = np.bincount(_weekdays(steps), minlength=7) >= 0.9 * every
        names = [f"{day}s" for day, missing in zip(DAYS, none, strict=True) if missing]
        detail += f"; closed on {' and '.join(names)}" if names else ""
        if names == ["Saturdays", "Sundays"]:
            advice = "data.frequency: B leaves weekends out"
            return [Finding("closed-steps", "note", len(steps), shown, detail, advice)]
    advice = "fine for holidays and closed days: they are masked"
    return [Finding("closed-steps", "note", len(steps), shown, detail, advice)]


def _last_step(panel: Panel, task: Task) -> list[Finding]:
    """A last step that few series have, or whose total falls as it never did."""
    if task.origins == "own":
        return []
    recent = tail(panel, min(max(task.season, EARLIER), LATEST) + 2)
    there = ~np.isnan(recent) & ((recent != 0) | (task.gaps != "zero"))
    before = there[:, :-1].sum(0)
    kept = (there[:, :-1] & there[:, 1:]).sum(0) / np.maximum(before, 1)
    when = moment(Frequency.parse(task.frequency), int(panel.origin.max()))
    if before[-1] >= TOGETHER and kept[-1] < HALF and kept[:-1].min() > 1 - HALF / 2:
        lost = there[:, -2] & ~there[:, -1]
        told = where(panel, lost, lost, panel.origin)
        detail = (
            f"{1 - kept[-1]:.0%} of the series that had a value one step before have none in {when}"
        )
        return [told.finding("partial-last-step", "warning", detail, COMPLETE)]
    within = Frequency.parse(task.frequency).unit == "minute"
    if (
        within and task.season > LATEST
    ):  # what falls once a season would be seen as falling for the first time
        return []
    ratio = _ratios(recent)
    if len(ratio) <= EARLIER or not ratio[-1] < HALF * ratio[:-1].min():
        return []
    detail = (
        f"the total falls to {ratio[-1]:.0%} of the step before in {when}, in the"
        f" {len(ratio) - 1} steps before never below {ratio[:-1].min():.0%}"
    )
    return [Finding("partial-last-step", "warning", 1, (when,), detail, COMPLETE)]


def _ratios(recent: np.ndarray) -> np.ndarray:
    """Each step's total as a share of the step before, over the series that have both."""
    both = ~np.isnan(recent[:, 1:]) & ~np.isnan(recent[:, :-1])
    now = np.where(both, recent[:, 1:], 0).sum(0, dtype=np.float64)
    before = np.where(both, recent[:, :-1], 0).sum(0, dtype=np.float64)
    usable = both.any(0) & (before > 0) & (now >= 0)
    return now[usable] / before[usable] if usable[-1] else np.zeros(0)
