"""What a forecast is judged with; every sum is taken in float64.

Arrays are [window, horizon]; a NaN actual is not counted, a NaN forecast spoils the score it is in.
A score that has nothing to judge is NaN.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
LEVEL_PRECISION = 6  # decimals at which two quantile levels are the same one


def mae(actual: Array, forecast: Array) -> float:
    """Mean absolute error, in the target's units."""
    return _mean(np.abs(forecast - actual), known(actual))


def rmse(actual: Array, forecast: Array) -> float:
    """Root of the mean squared error, in the target's units."""
    return float(np.sqrt(_mean(np.square(forecast - actual, dtype=np.float64), known(actual))))


def smape(actual: Array, forecast: Array) -> float:
    """200 |f - a| / (|f| + |a|) on average, from 0 to 200; two zeros are a perfect forecast."""
    size = np.abs(forecast) + np.abs(actual)
    error = np.abs(forecast - actual)
    share = np.divide(error, size, out=np.where(size == 0, 0, size), where=size > 0)
    return 200 * _mean(share, known(actual))


def wape(actual: Array, forecast: Array) -> float:
    """Sum of |f - a| over sum of |a|; NaN where all actuals are zero."""
    seen = known(actual)
    return _ratio(_sum(np.abs(forecast - actual), seen), _sum(np.abs(actual), seen))


def bias(actual: Array, forecast: Array) -> float:
    """Sum of f - a over sum of |a|: above 0 where too much is forecast."""
    seen = known(actual)
    return _ratio(_sum(forecast - actual, seen), _sum(np.abs(actual), seen))


def mase(actual: Array, forecast: Array, scale: Array) -> float:
    """Mean over windows of each window's mean |f - a| / scale [window].

    So every window counts the same, whatever it holds of unknown steps; windows without a scale
    above zero, or without a known step, are left out.
    """
    error = np.where(known(actual), np.abs(forecast - actual), 0)
    steps = known(actual).sum(1)
    usable = scaled(scale) & (steps > 0)
    if not usable.any():
        return float("nan")
    means = error.sum(1, dtype=np.float64)[usable] / steps[usable]
    return float(np.mean(means / scale[usable]))


def pinball(actual: Array, quantiles: Array, levels: Sequence[float]) -> float:
    """Mean quantile loss over steps and levels; quantiles are [window, horizon, quantile]."""
    seen = known(actual)
    return _ratio(_pinball_sum(actual, quantiles, levels, seen), int(seen.sum()) * len(levels))


def wql(actual: Array, quantiles: Array, levels: Sequence[float]) -> float:
    """Twice the sum of quantile losses over the sum of |a|, mean over levels."""
    seen = known(actual)
    size = _sum(np.abs(actual), seen) * len(levels)
    return _ratio(2 * _pinball_sum(actual, quantiles, levels, seen), size)


def scaled_pinball(actual: Array, quantiles: Array, levels: Sequence[float], scale: Array) -> float:
    """Mean over windows of each window's mean quantile loss / scale [window]; see `mase`."""
    losses = np.zeros(actual.shape)
    for index, level in enumerate(levels):
        error = actual - quantiles[..., index]
        losses += np.maximum(level * error, (level - 1) * error)
    return mase(actual, actual + losses / len(levels), scale)


def coverage(actual: Array, low: Array, high: Array) -> float:
    """Share of actuals from `low` to `high`, both included, in [0, 1]."""
    spoiled = np.isnan(low) | np.isnan(high)
    inside = np.where(spoiled, np.nan, (low <= actual) & (actual <= high))
    return _mean(inside, known(actual))


def intervals(levels: Sequence[float]) -> dict[str, tuple[int, int]]:
    """Positions of each symmetric pair of levels by its nominal percent: 0.1 and 0.9 are "80"."""
    place = {round(level, LEVEL_PRECISION): index for index, level in enumerate(levels)}
    return {
        f"{100 * (1 - 2 * level):.6g}": (index, place[round(1 - level, LEVEL_PRECISION)])
        for level, index in place.items()
        if level < 0.5 and round(1 - level, LEVEL_PRECISION) in place
    }


def median(quantiles: Array, levels: Sequence[float]) -> Array:
    """The point forecast [...] of quantiles [..., quantile]; between levels where 0.5 is not one."""
    place = float(np.interp(0.5, levels, np.arange(len(levels))))
    low, high = int(np.floor(place)), int(np.ceil(place))
    if low == high:
        return quantiles[..., low]
    return quantiles[..., low] * (high - place) + quantiles[..., high] * (place - low)


def known(actual: Array) -> NDArray[np.bool_]:
    """Where there is something to judge."""
    return ~np.isnan(actual)


def scaled(scale: Array) -> NDArray[np.bool_]:
    """Which windows MASE can count."""
    return np.isfinite(scale) & (scale > 0)


def _pinball_sum(
    actual: Array, quantiles: Array, levels: Sequence[float], seen: NDArray[np.bool_]
) -> float:
    """Level by level: all at once would hold a second copy of the quantiles."""
    total = 0.0
    for index, level in enumerate(levels):
        error = actual - quantiles[..., index]
        total += _sum(np.maximum(level * error, (level - 1) * error), seen)
    return total


def _sum(values: Array, seen: NDArray[np.bool_]) -> float:
    return float(values.sum(where=seen, dtype=np.float64))


def _mean(values: Array, seen: NDArray[np.bool_]) -> float:
    return _ratio(_sum(values, seen), int(seen.sum()))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
