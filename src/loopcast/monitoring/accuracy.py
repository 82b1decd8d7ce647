"""How good answered forecasts were, by period, steps ahead, category and version."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.naive import naive_quantiles, seasonal_naive
from loopcast.core.scores import intervals
from loopcast.monitoring.forecasts import Given, grouping
from loopcast.store.accuracy import Accuracy

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

PERIODS = {"day": 7, "business": 5, "week": 4}
DAY = 24 * 60
CATEGORIES = 50
"""Of a column with more, only the largest get rows of their own."""


def period_length(frequency: Frequency, season: int, named: int | None) -> int:
    """Steps in a row: a month, four weeks, a week, a day."""
    if named is not None:
        return named
    if frequency.unit == "minute":
        return max(DAY // frequency.count, 1)
    if frequency.unit == "integer":
        return max(season, 1)
    return PERIODS.get(frequency.unit, 1)


def horizon_groups(horizon: int) -> list[tuple[int, int]]:
    """Steps ahead that are told together: 1, 2-3, 4-7, 8-15, ..., both ends included."""
    edges = [1]
    while edges[-1] * 2 <= horizon:
        edges.append(edges[-1] * 2)
    ends = [edge - 1 for edge in edges[1:]] + [horizon]
    return list(zip(edges, ends, strict=True))


def horizon_name(first: int, last: int) -> str:
    """As the table and /metrics have it."""
    return str(first) if first == last else f"{first}-{last}"


def accuracies(
    given: Given, firsts: Sequence[int], length: int, groups: Sequence[str] | None
) -> Iterator[Accuracy]:
    """Rows of the periods that begin at these steps."""
    points = Points(given)
    horizon = given.part.actual.shape[1]
    parts: list[tuple[str, str, Any, Any]] = [("", "", slice(None), slice(None))]
    for first, last in horizon_groups(horizon):
        parts.append(("horizon", horizon_name(first, last), slice(None), slice(first - 1, last)))
    for column in grouping(given.task, given.part.keys, groups):
        texts = given.static(column)
        names, counts = np.unique(texts.astype(str), return_counts=True)
        for name in names[np.argsort(-counts, kind="stable")[:CATEGORIES]]:
            parts.append((column, str(name), texts == name, slice(None)))
    for begin in firsts:
        within = given.landed & (given.steps >= begin) & (given.steps < begin + length)
        if not within.any():
            continue
        for column, text, rows, steps in parts:
            chosen = np.zeros(within.shape, bool)
            chosen[rows, steps] = within[rows, steps]
            if chosen.any():
                whole = (given.part.version, begin, begin + length - 1, column, text)
                yield Accuracy(*whole, int(chosen.sum()), *points.sums(chosen))


class Points:
    """What every point adds to the sums, [forecast, horizon] each."""

    def __init__(self, given: Given) -> None:
        actual, quantiles = given.part.actual, given.part.quantiles.astype(np.float64)
        levels, history = given.task.quantiles, given.part.history
        horizon, season = actual.shape[1], given.task.season
        kept = np.asarray(np.isfinite(history).any(1))[:, None] & given.landed
        naive = seasonal_naive(history, season, horizon)
        wide = naive_quantiles(history, season, horizon, levels)
        scaled = np.isfinite(given.errors) & kept
        error, apart = given.point - actual, np.abs(naive - actual)
        self._terms: dict[str, tuple[Floats, Bools]] = {
            "error": (error, given.landed),
            "absolute": (np.abs(error), given.landed),
            "actual": (np.abs(actual), given.landed),
            "pinball": (_pinball(actual, quantiles, levels), given.landed),
            "scaled": (np.abs(given.errors), scaled),
            "scaled_points": (np.ones(actual.shape), scaled),
            "naive_absolute": (apart, kept),
            "naive_actual": (np.abs(actual), kept),
            "naive_scaled": (apart / given.scale[:, None], scaled),
            "naive_pinball": (_pinball(actual, wide, levels), kept),
            "naive_points": (np.ones(actual.shape), kept),
        }
        self._inside = {
            nominal: (quantiles[..., low] <= actual) & (actual <= quantiles[..., high])
            for nominal, (low, high) in intervals(levels).items()
        }

    def sums(self, chosen: Bools) -> tuple[dict[str, float], dict[str, int]]:
        """Over these points; then how many lie inside each range."""
        sums = {
            name: float(values[chosen & seen].sum()) for name, (values, seen) in self._terms.items()
        }
        return sums, {name: int(inside[chosen].sum()) for name, inside in self._inside.items()}


def _pinball(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> Floats:
    """Mean over levels, [forecast, horizon]."""
    total = np.zeros(actual.shape)
    for place, level in enumerate(levels):
        error = actual - quantiles[..., place]
        total += np.maximum(level * error, (level - 1) * error)
    return total / len(levels)
