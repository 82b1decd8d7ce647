"""The seasonal naive forecast: what every network must beat, and what errors are scaled with."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Panel

Array = NDArray[np.floating[Any]]


def seasonal_naive(history: Array, season: int, horizon: int) -> Array:
    """[window, horizon] from history [window, step]: the last observed value of the same phase.

    A phase that was never observed gets the last observed value of any; an empty history gets 0.
    """
    season = max(season, 1)
    cycles = _cycles(history, season)
    phases = _last(cycles)  # [window, season]
    level = np.nan_to_num(_last(history[:, :, None]), nan=0.0)  # [window, 1]
    phases = np.where(np.isnan(phases), level, phases)
    return phases[:, np.arange(horizon) % season]


def naive_quantiles(
    history: Array, season: int, horizon: int, levels: Sequence[float]
) -> NDArray[np.float32]:
    """[window, horizon, quantile]: normal around `seasonal_naive`.

    The deviation is the root mean square of the history's seasonal differences, and grows with the
    square root of the seasons ahead. A history of less than a season has no differences: its own
    spread stands in.
    """
    season = max(season, 1)
    ahead = np.sqrt(np.arange(horizon) // season + 1)  # [horizon]
    normal = np.array([NormalDist().inv_cdf(level) for level in levels])
    spread = _deviation(history, season)[:, None, None] * ahead[:, None] * normal
    return (seasonal_naive(history, season, horizon)[:, :, None] + spread).astype(np.float32)


def naive_scale(train: Panel, season: int) -> NDArray[np.float64]:
    """Mean absolute seasonal difference of each series, [series]; NaN where there is none.

    `train` is the train part: rows after its origins do not count.
    """
    blocks = [_naive_scale(part, max(season, 1)) for _, part in train.blocks()]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _naive_scale(train: Panel, season: int) -> NDArray[np.float64]:
    target = np.where(train.indices <= train.origin[train.owners], train.target, np.nan)
    owners = train.owners
    apart = np.abs(target[season:].astype(np.float64) - target[:-season])
    counts = (owners[season:] == owners[:-season]) & ~np.isnan(apart)
    series = owners[season:][counts]
    sums = np.bincount(series, apart[counts], minlength=len(train))
    numbers = np.bincount(series, minlength=len(train))
    return np.divide(sums, numbers, out=np.full(len(train), np.nan), where=numbers > 0)


def window_scale(history: Array, season: int) -> NDArray[np.float64]:
    """Mean absolute seasonal difference within each history [window, step]; NaN where there is none.

    Told from the window alone, so errors can be scaled wherever the forecast's input is kept. A
    history no longer than a season has differences of neighbours.
    """
    season = max(season, 1) if history.shape[1] > season else 1
    exact = history.astype(np.float64)
    apart = np.abs(exact[:, season:] - exact[:, :-season])
    number = (~np.isnan(apart)).sum(1)
    sums = np.nansum(apart, axis=1)
    return np.divide(sums, number, out=np.full(len(history), np.nan), where=number > 0)


def _cycles(history: Array, season: int) -> Array:
    """[window, cycle, phase], NaN on the left; the last phase is that of the last step."""
    windows, steps = history.shape
    missing = max(-steps % season, 0) if steps else season
    padded = np.pad(history.astype(np.float64), ((0, 0), (missing, 0)), constant_values=np.nan)
    return padded.reshape(windows, -1, season)


def _last(values: Array) -> Array:
    """The last observed value along axis 1 of [window, step, ...]; NaN where there is none."""
    if not values.shape[1]:
        return np.full(values[:, 0:0].sum(1).shape, np.nan)
    back = np.argmax(~np.isnan(values[:, ::-1]), axis=1)
    return np.take_along_axis(values, values.shape[1] - 1 - back[:, None], axis=1)[:, 0]


def _deviation(history: Array, season: int) -> NDArray[np.float64]:
    """[window]; 0 where fewer than two values were observed."""
    exact = history.astype(np.float64)
    seasonal = _root_mean_square(exact[:, season:] - exact[:, :-season])
    return np.where(np.isnan(seasonal), _spread(exact), seasonal)


def _spread(exact: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = ~np.isnan(exact)
    number = np.maximum(seen.sum(1), 1)
    mean = exact.sum(1, where=seen) / number
    return np.nan_to_num(_root_mean_square(exact - mean[:, None]), nan=0.0)


def _root_mean_square(values: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = ~np.isnan(values)
    number = seen.sum(1)
    squares = np.square(values).sum(1, where=seen)
    return np.sqrt(np.divide(squares, number, out=np.full(len(values), np.nan), where=number > 0))
