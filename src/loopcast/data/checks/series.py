"""Checks of each series' course: standstill, begin and end, length, zeros."""

import numpy as np

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks.finding import Finding, plural, warning_if, where
from loopcast.data.checks.life import Life
from loopcast.data.splits import Splits

STILL = 6
"""A value that stands for at least so many steps ..."""
LONGER = 3
"""... and so many times longer than any before is frozen; series that ended likewise."""
SOME, MANY = 0.01, 0.1
"""Standing series are a warning from the share SOME on, short and ended ones from MANY on."""
ZEROS = 0.3
FEW_ROWS, SOME_ROWS, FEW_SERIES = 100, 1000, 5


def check(panel: Panel, task: Task, life: Life, splits: Splits | None) -> list[Finding]:
    """Everything that can be told from `Life`."""
    train = panel.origin if splits is None else splits.train
    learned = _learned(panel, train)
    if not learned.any():
        detail = "not one value lies in the train part"
        advice = "give a longer history, or shorten data.validation and data.test"
        return [Finding("nothing-to-train", "error", len(panel), (), detail, advice)]
    return [
        *_constant(panel, life),
        *_frozen(panel, life),
        *_ended(panel, task, life),
        *_begun(panel, task, life, learned),
        *_lengths(panel, task, _spans(panel, life, train)),
        *_amount(panel, learned),
        *_zeros(panel, task, life),
    ]


def _learned(panel: Panel, train: np.ndarray) -> np.ndarray:
    """Observed steps in the train part, [series]."""
    seen = ~np.isnan(panel.target) & (panel.indices <= train[panel.owners])
    return np.bincount(panel.owners[seen], minlength=len(panel))


def _spans(panel: Panel, life: Life, train: np.ndarray) -> np.ndarray:
    """Steps from the first observed one to the last, within the train part, [series]."""
    last_ago = np.maximum(life.last_ago, panel.origin - train)
    return np.where(life.observed > 0, np.maximum(life.first_ago - last_ago + 1, 0), 0)


def _constant(panel: Panel, life: Life) -> list[Finding]:
    affected = (life.rest == life.observed) & (life.observed >= STILL) & (life.zeros == 0)
    if not affected.any():
        return []
    told = where(panel, affected, life.observed, panel.origin)
    detail = f"{affected.mean():.1%} of the series hold one value throughout"
    severity = warning_if(affected.mean() >= SOME)
    return [told.finding("constant", severity, detail, "leave them out; nothing can be learned")]


def _frozen(panel: Panel, life: Life) -> list[Finding]:
    """Standing zeros are told as ended."""
    long = life.rest >= np.maximum(STILL, LONGER * life.longest_rest)
    affected = long & (life.rest < life.observed) & (life.active_ago == life.last_ago)
    if not affected.any():
        return []
    told = where(panel, affected, life.rest, panel.origin - life.last_ago)
    detail = (
        f"{plural(len(told.series), 'series', 'series')} end with one value for up to"
        f" {life.rest[told.series].max():,} steps, far longer than ever before"
    )
    advice = "a frozen sensor or filled-in values? mark these steps unknown (data.observed)"
    severity = warning_if(affected.mean() >= SOME)
    return [told.finding("frozen", severity, detail, advice)]


def _ended(panel: Panel, task: Task, life: Life) -> list[Finding]:
    """Long silence: without any row, or of zeros, and longer than the series is used to."""
    silent = (life.last_ago >= max(task.horizon, STILL)) & (
        life.last_ago > LONGER * life.longest_gap
    )
    zero = life.active_ago - life.last_ago
    asleep = (zero >= max(task.horizon, task.season, STILL)) & (zero > LONGER * life.zero_rest)
    affected = (silent | asleep) & (life.zeros < life.observed)
    if not affected.any():
        return []
    told = where(panel, affected, life.active_ago, panel.origin - life.active_ago)
    ago = int(np.median(life.active_ago[told.series]))
    detail = (
        f"{affected.mean():.1%} of the series ended: the last sign of life is {ago:,} steps before"
        " the origin (median)"
    )
    advice = "leave out what is no longer sold or measured: its forecasts mean little"
    severity = warning_if(affected.mean() > MANY)
    return [told.finding("ended", severity, detail, advice)]


def _begun(panel: Panel, task: Task, life: Life, learned: np.ndarray) -> list[Finding]:
    """Series that are young although others are not, and those that slept before their begin."""
    recent = max(task.season, task.horizon)
    alive = life.observed > 0
    young = alive & (life.first_ago < recent) & (2 * recent < np.median(life.first_ago))
    found = []
    if young.any():
        told = where(panel, young, -life.first_ago, panel.origin - life.first_ago)
        unseen = int((learned[young] == 0).sum())
        detail = (
            f"{plural(len(told.series), 'series', 'series')} began less than {recent} steps ago,"
            f" {unseen:,} of them after the train part"
        )
        advice = "expect wide forecasts; static columns help where a series has no history yet"
        found.append(told.finding("begun", "note", detail, advice))
    asleep = life.first_ago - life.awake_ago
    late = (asleep >= max(task.season, task.horizon, STILL)) & (asleep > life.steps / 5)
    late &= life.zeros < life.observed
    if late.any():
        told = where(panel, late, asleep, panel.origin - life.awake_ago)
        detail = (
            f"{late.mean():.1%} of the series begin with zeros for over a fifth of their length"
        )
        advice = "not on sale yet? leave these rows out or mark them unknown (data.observed)"
        found.append(told.finding("late-start", "note", detail, advice))
    return found


def _lengths(panel: Panel, task: Task, steps: np.ndarray) -> list[Finding]:
    """`steps`: from the first observed one to the last in the train part, [series]."""
    need = task.history + task.horizon
    short = steps < need
    found = []
    if short.any():
        told = where(panel, short, -steps, panel.origin)
        severity = warning_if(MANY < short.mean() < 1)
        detail = (
            f"{short.mean():.1%} of the series have less than {task.history} + {task.horizon} steps"
            " (history + horizon) in the train part; theirs are padded"
        )
        advice = "fine for some; for many, set a shorter data.history"
        found.append(told.finding("too-short", severity, detail, advice))
    if task.season > 1 and steps.max() < 2 * task.season:
        told = where(panel, steps < 2 * task.season, -steps, panel.origin)
        detail = (
            f"the train part covers {max(int(steps.max()), 0)} steps, less than two seasons of"
            f" {task.season}: what repeats cannot be told from what happened once"
        )
        advice = "give a longer history, or name a shorter data.season if there is one"
        found.append(told.finding("short-season", "warning", detail, advice))
    return found


def _amount(panel: Panel, learned: np.ndarray) -> list[Finding]:
    rows = int(learned.sum())
    found = []
    if rows < SOME_ROWS:
        severity = warning_if(rows < FEW_ROWS)
        detail = f"only {plural(rows, 'value')} to learn from"
        advice = (
            "keep the network small (model.network), and compare with the seasonal naive forecast"
        )
        found.append(Finding("few-rows", severity, rows, (), detail, advice))
    if 1 < len(panel) < FEW_SERIES:
        detail = f"only {len(panel)} series: static columns and keys tell them apart, no more"
        advice = "more series of the same kind would help all of them"
        found.append(Finding("few-series", "note", len(panel), (), detail, advice))
    return found


def _zeros(panel: Panel, task: Task, life: Life) -> list[Finding]:
    found = []
    empty = (life.observed > 0) & (life.zeros == life.observed)
    if empty.any():
        told = where(panel, empty, life.observed, panel.origin)
        detail = f"{empty.mean():.1%} of the series are zero throughout"
        severity = warning_if(empty.mean() > MANY)
        found.append(told.finding("all-zero", severity, detail, "leave them out"))
    share = life.zeros / np.maximum(life.observed, 1)
    often = (share >= ZEROS) & ~empty
    if often.any():
        told = where(panel, often, share, panel.origin)
        total = life.zeros.sum() / max(int(life.observed.sum()), 1)
        detail = (
            f"{total:.1%} of all values are 0; {often.mean():.1%} of the series are 0 in at least"
            f" {ZEROS:.0%} of their steps"
        )
        advice = (
            "a median forecast of 0 is right there; judge by pinball, plan with higher quantiles"
        )
        found.append(told.finding("intermittent", "note", detail, advice))
    return found
