"""Has the world moved away from the model? Tests on errors, never on inputs.

Three scopes share the nominal rate `alpha` of false alarms in a year: the mean over the whole panel
(so that shocks which all series share count once) has half of it; groups and single series, with
the false discovery rate over all of them controlled (Benjamini-Hochberg), have a tenth; the rest
is a reserve for what a simulated year is too simple for. Two kinds: "level", errors lie
above or below what they were; "size", what of them could not be told from the look before is larger.
See `scores` and `chance` for the test.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from loopcast.monitoring.chance import p_values, threshold
from loopcast.monitoring.scores import Course, course, whitened

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Kind = Literal["level", "size"]
KINDS: tuple[Kind, ...] = ("level", "size")

CLIP = 6.0
"""In medians of the reference's |error|: a larger error counts as one of this size."""
COMPLETE = 0.8
"""A look at many series counts where so many of them have landed."""
USABLE = 0.75
"""A row is tested alone where the reference holds so many of its looks."""
PANEL, ROWS = 0.5, 0.1
"""Shares of alpha."""
RELEASE = 2.0
"""An alarm ends where the score falls below."""


@dataclass(frozen=True)
class Looked:
    """One kind of test of one scope's rows, [row, look] each; `alarm` is its state at each look."""

    kind: Kind
    error: Floats  # mean error of the row, clipped; of size: mean |surprise|
    score: Floats
    p: Floats  # of a year with a score as large, where nothing changes
    was: Floats  # [row], mean of the same over the reference
    alarm: Bools
    threshold: Floats  # [row], of the score; of rows: of one that is alone


@dataclass(frozen=True)
class Verdict:
    """`panel` has one row; `rows` has the groups first, then the series."""

    alpha: float
    panel: tuple[Looked, ...]  # one a kind
    rows: tuple[Looked, ...]


def examine(
    reference: Floats,
    since: Floats,
    *,
    season: int,
    year: int,
    alpha: float = 0.05,
    groups: Sequence[NDArray[np.int64]] = (),
) -> Verdict:
    """Errors in naive scales, [series, look] each, NaN: none; `since` follows `reference`.

    `season`, `year`: looks in them. `groups`: the series of each. One error a look and series.
    """
    size = np.abs(reference)
    known = size[np.isfinite(size)]
    most = CLIP * float(np.median(known[known > 0])) if (known > 0).any() else np.inf
    parts = (np.clip(reference, -most, most), np.clip(since, -most, most))
    panel, rows = [], []
    for kind in KINDS:
        shape = Shape(season, year, 2 if kind == "level" else 1)
        before, after = parts
        single = _tested(before, after, shape, None)
        every = np.arange(len(before))
        many = [_pooled(before, after, chosen) for chosen in (every, *groups)]
        wide_before, wide_after = (np.concatenate(part) for part in zip(*many, strict=True))
        wide = _tested(wide_before, wide_after, shape, single.course)
        tests = len(KINDS) * (len(groups) + len(before))
        panel.append(_panel(kind, wide, PANEL * alpha / len(KINDS)))
        rows.append(_beside(kind, wide, single, ROWS * alpha / max(tests, 1)))
        parts = _surprises(*parts, float(single.course.autocorrelation.mean()))
    found = _discoveries([one.p for one in rows], ROWS * alpha)
    rows = [_held(one, new) for one, new in zip(rows, found, strict=True)]
    return Verdict(alpha, tuple(panel), tuple(rows))


def _surprises(before: Floats, after: Floats, phi: float) -> tuple[Floats, Floats]:
    """What one look does not tell of the next, by size.

    Nothing is fitted to a single series: the reference would look smaller than what comes after.
    """
    rest = whitened(before, after, np.full(len(before), phi))
    return np.abs(rest[0]), np.abs(rest[1])


@dataclass(frozen=True)
class Shape:
    """What the null distribution of a test depends on beside the row."""

    season: int
    year: int
    sides: int


@dataclass(frozen=True)
class _Tested:
    was: Floats
    error: Floats
    score: Floats
    p: Floats
    course: Course
    looks: int  # of the reference
    shape: Shape

    def threshold(self, p: float) -> Floats:
        """[row], the score that has this p value."""
        shape = self.shape
        where = (self.looks, shape.year, shape.season, shape.sides)
        return np.array([threshold(p, phi, *where) for phi in self.course.autocorrelation])


def _tested(before: Floats, after: Floats, shape: Shape, like: Course | None) -> _Tested:
    """Rows whose reference has too few looks are not tested."""
    seen = np.isfinite(before)
    looks = max(int(seen.any(0).sum()), 1)  # closed days and gaps keep their places and say nothing
    found = course(before, after, shape.season, like)
    score = np.fmax(found.up, found.down) if shape.sides == 2 else found.up
    usable = seen.sum(1) >= USABLE * looks
    score = np.where(usable[:, None], score, np.nan)
    p = p_values(score, found.autocorrelation, looks, shape.year, shape.season, shape.sides)
    return _Tested(_means(before), after, score, p, found, looks, shape)


def _pooled(before: Floats, after: Floats, chosen: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """[1, look] each: the mean over series, where enough of them have landed."""
    return _mean(before[chosen]), _mean(after[chosen])


def _mean(values: Floats) -> Floats:
    seen = np.isfinite(values)
    count = seen.sum(0)
    mean = np.where(seen, values, 0).sum(0) / np.maximum(count, 1)
    return np.where(count >= max(COMPLETE * len(values), 1), mean, np.nan)[None]


def _means(values: Floats) -> Floats:
    """[row]"""
    seen = np.isfinite(values)
    return np.where(seen, values, 0).sum(1) / np.maximum(seen.sum(1), 1)


def _panel(kind: Kind, wide: _Tested, alpha: float) -> Looked:
    crossed = wide.p[:1] <= alpha
    limit = wide.threshold(alpha)[:1]
    one = Looked(kind, wide.error[:1], wide.score[:1], wide.p[:1], wide.was[:1], crossed, limit)
    return _held(one, crossed)


def _beside(kind: Kind, wide: _Tested, single: _Tested, alpha: float) -> Looked:
    error, score, p, was = (
        np.concatenate([getattr(wide, name)[1:], getattr(single, name)])
        for name in ("error", "score", "p", "was")
    )
    limit = np.concatenate([wide.threshold(alpha)[1:], single.threshold(alpha)])
    return Looked(kind, error, score, p, was, np.zeros(p.shape, bool), limit)


def _discoveries(p: Sequence[Floats], alpha: float) -> list[Bools]:
    """Benjamini-Hochberg over all rows and kinds, at each look."""
    whole = np.concatenate(p)
    count = len(whole)
    order = np.sort(whole, axis=0)
    fits = order <= alpha * np.arange(1, count + 1)[:, None] / count
    last = np.where(fits.any(0), count - 1 - np.argmax(fits[::-1], axis=0), -1)
    limit = np.where(last >= 0, np.take_along_axis(order, np.maximum(last, 0)[None], 0)[0], -1.0)
    return [one <= limit for one in p]


def _held(one: Looked, crossed: Bools) -> Looked:
    """An alarm begins where the threshold is crossed, and lasts until the score is small again."""
    state = np.zeros(len(crossed), bool)
    alarm = np.zeros(crossed.shape, bool)
    for look in range(crossed.shape[1]):
        score = one.score[:, look]
        state = crossed[:, look] | (state & ~(score < RELEASE))
        alarm[:, look] = state
    return replace(one, alarm=alarm)
