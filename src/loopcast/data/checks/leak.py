"""Known-ahead columns that can only be known once the target is."""

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks.finding import Finding, few

ROWS = 300_000
"""A leak shows in every series: so many rows, from evenly chosen series, are enough."""
LEVELS, CHANGES = 0.99, 0.98
"""A leak correlates with the target in its levels and, unlike a common trend, in its changes."""
ENOUGH, DISTINCT = 8, 20
COPIED = 0.999
SIGNAL = 0.95
LAGS = 8
"""Copies of the target up to so many steps back are looked for, if they lie in the horizon."""

Values = NDArray[np.float64]


def check(panel: Panel, task: Task) -> list[Finding]:
    """`task.future` only: a past column may hold anything up to the origin."""
    if not task.future.numeric:
        return []
    rows = _sample(panel)
    owner = panel.owners[rows]
    target = panel.target[rows].astype(np.float64)
    found: list[Finding] = []
    for i, name in enumerate(task.future.numeric):
        column = panel.future[rows, i].astype(np.float64)
        found += _column(name, owner, target, column, task.horizon)
    return found


def _sample(panel: Panel) -> NDArray[np.int64]:
    """Rows of evenly chosen series, up to each origin."""
    every = max(1, len(panel.target) // ROWS)
    chosen = panel.owners % every == 0
    return np.flatnonzero(chosen & (panel.indices <= panel.origin[panel.owners]))


def _column(
    name: str, owner: NDArray, target: Values, column: Values, horizon: int
) -> list[Finding]:
    for lag in range(min(horizon, LAGS, len(target))):
        then = np.r_[np.full(lag, np.nan), target[: len(target) - lag]]
        then[lag:][owner[lag:] != owner[: len(owner) - lag]] = np.nan
        if share := _copied(then, column):
            return [_copy(name, lag, share)]
    level = _within(owner, target, column)
    if level >= LEVELS and _within(owner, *_changes(owner, target, column)) >= CHANGES:
        detail = (
            f"{name!r} follows the target of the same step (correlation {level:.3f} within series)"
        )
        return [_leak(name, "warning", detail)]
    return _signal(name, target, column)


def _copied(target: Values, column: Values) -> float:
    """Share of equal cells; 0 where that proves nothing."""
    known = ~np.isnan(target) & ~np.isnan(column) & (target != 0)
    if known.sum() < DISTINCT or len(np.unique(column[known][:100_000])) < DISTINCT:
        return 0.0
    share = float(np.isclose(target[known], column[known], rtol=1e-5).mean())
    return share if share >= COPIED else 0.0


def _copy(name: str, lag: int, share: float) -> Finding:
    back = "the same step" if not lag else f"{lag} step{'s' if lag > 1 else ''} before"
    detail = f"{name!r} is the target of {back} in {share:.1%} of the steps"
    return _leak(name, "error", detail)


def _leak(name: str, severity: str, detail: str) -> Finding:
    advice = (
        f"move {name!r} from data.future to data.past unless it is really known a horizon ahead"
    )
    return Finding(
        "leak", "error" if severity == "error" else "warning", 1, few([name]), detail, advice
    )


def _changes(owner: NDArray, target: Values, column: Values) -> tuple[Values, Values]:
    first = np.r_[True, owner[1:] != owner[:-1]]
    return tuple(  # type: ignore[return-value]
        np.where(first, np.nan, np.diff(values, prepend=np.nan)) for values in (target, column)
    )


def _within(owner: NDArray, target: Values, column: Values) -> float:
    """The middle series' absolute correlation; 0 where too few values vary."""
    known = ~np.isnan(target) & ~np.isnan(column)
    who, x, y = owner[known], target[known], column[known]
    count = np.bincount(who)
    number = np.maximum(count, 1)
    x = x - (np.bincount(who, x) / number)[who]
    y = y - (np.bincount(who, y) / number)[who]
    xx, yy, xy = np.bincount(who, x * x), np.bincount(who, y * y), np.bincount(who, x * y)
    usable = (count >= ENOUGH) & (xx > 0) & (yy > 0)
    if not usable.any():
        return 0.0
    return float(np.median(np.abs(xy[usable]) / np.sqrt(xx[usable] * yy[usable])))


def _signal(name: str, target: Values, column: Values) -> list[Finding]:
    """A column that is missing just where nothing was sold tells what was sold."""
    known = ~np.isnan(target)
    none, blank = target[known] == 0, np.isnan(column[known])
    if none.sum() < ENOUGH or none.all() or not blank.any() or blank.all():
        return []
    agree = float(np.corrcoef(none, blank)[0, 1])
    if agree < SIGNAL:
        return []
    detail = f"{name!r} is missing just where the target is 0 (correlation {agree:.2f})"
    return [_leak(name, "warning", detail)]
