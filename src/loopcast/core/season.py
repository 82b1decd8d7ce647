"""The season of data without dates, from the autocorrelation of the train part."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Panel

Array = NDArray[np.float64]

SAMPLE = 200
LONGEST = 400
FEWEST = 8
"""Shorter series repeat nothing three times that is worth the name."""
THRESHOLD = 0.3
LASTING = 0.6
"""A season is nearly as strong after two rounds as after one; what only rings is not."""
CHANCE = 2.5
"""In deviations: the correlation of so many independent steps that counts for nothing."""
INDEPENDENT = 4
"""Series share their surprises: more of them than this prove no more."""
STRONG = 0.8
"""The first of the peaks is taken that reach this share of the highest."""
DEEP = 0.5
"""Before a peak the correlation has fallen below such a share of it: waves are smooth, noise is not."""
BLOCKS = (1, 2, 4, 8)
"""Where single steps are too noisy, sums of so many are looked at."""
TWICE = 2
"""Of a median series of fewer seasons, each part of the season was seen but once."""


def detect(panel: Panel) -> int:
    """Steps of the strongest repetition in the median series, 1 where none is clear.

    A repetition must fit three times. `panel` is the train part: all of its targets count.
    """
    chosen = np.unique(np.linspace(0, len(panel) - 1, min(len(panel), SAMPLE)).astype(int))
    series = [panel.target[panel.offsets[i] : panel.offsets[i + 1]] for i in chosen]
    fine = _median([_correlation(_steps(rows, 1)) for rows in series])
    for block in BLOCKS:
        coarse = fine if block == 1 else _median([_correlation(_steps(r, block)) for r in series])
        if found := _repetition(coarse, _threshold(len(coarse), len(series))):
            return _refined(fine, found * block, block)
    return 1


def seen_once(season: int, typical: int) -> bool:
    """Did a series of `typical` steps go through the season but once?"""
    return 0 < typical < TWICE * season


def _threshold(lags: int, series: int) -> float:
    """Chance alone seldom correlates so much; the median of a few series is steadier than one."""
    steps = 1.5 * max(lags, 1)
    return max(THRESHOLD, CHANCE / (steps * min(series, INDEPENDENT)) ** 0.5)


def _steps(rows: NDArray[Any], block: int) -> Array:
    """Differences of the sums of `block` steps, which have no trend; unknown ones are none."""
    whole = rows[len(rows) % block :].astype(np.float64).reshape(-1, block).sum(1)
    steps = np.diff(whole)
    known = np.isfinite(steps)
    return np.where(known, steps - steps[known].mean(), 0.0) if known.any() else steps[:0]


def _correlation(values: Array) -> Array:
    """By lag from 0, as long as two repetitions fit twice; each lag over the pairs it has."""
    power, size = float(values @ values), len(values)
    if size < FEWEST or power == 0:
        return np.zeros(0)
    spectrum = np.abs(np.fft.rfft(values, 1 << (2 * size - 1).bit_length())) ** 2
    lags = np.arange(min(2 * size // 3, 2 * LONGEST) + 1)
    return np.fft.irfft(spectrum)[lags] / power * (size / (size - lags))


def _median(found: list[Array]) -> Array:
    """Over the series of at least median length, by lag."""
    usable = [one for one in found if len(one)]
    if not usable:
        return np.zeros(0)
    longest = int(np.median([len(one) for one in usable]))
    return np.median([one[:longest] for one in usable if len(one) >= longest], axis=0)


def _repetition(by_lag: Array, threshold: float) -> int:
    """The first of the strongest peaks that is there after two rounds too; 0 where there is none."""
    lags = np.arange(2, len(by_lag) // 2)
    if not len(lags):
        return 0
    height = by_lag[lags] * (1 - lags / (1.5 * len(by_lag)))  # far lags have few pairs
    peak = (by_lag[lags] > by_lag[lags - 1]) & (by_lag[lags] >= by_lag[lags + 1])
    trough = np.append(by_lag[1], np.minimum.accumulate(by_lag[2:])[: len(lags) - 1])
    again = np.max([by_lag[2 * lags + more] for more in (-1, 0, 1)], axis=0)
    peak &= (trough < DEEP * height) & (again > LASTING * by_lag[lags])
    clear = peak & (height > threshold)
    if not clear.any():
        return 0
    return int(lags[clear & (height >= STRONG * height[clear].max())][0])


def _refined(by_lag: Array, found: int, block: int) -> int:
    """Of the lags around `found`, the one whose multiples are strongest."""
    reach = max(block, found // 10)
    near = [lag for lag in range(found - reach, found + reach + 1) if 2 <= lag < len(by_lag)]
    return max(near, key=lambda lag: float(by_lag[lag::lag].mean()), default=found)


def worth(panel: Panel, season: int, horizon: int) -> bool | None:
    """Whether the value of a season ago tells more of a step than the mean of the newest `horizon` steps.

    Judged where both are known, over all series; None where no series is long enough to say.
    `panel` is the train part.
    """
    chosen = np.unique(np.linspace(0, len(panel) - 1, min(len(panel), SAMPLE)).astype(int))
    sums = [
        _against_mean(panel.target[panel.offsets[i] : panel.offsets[i + 1]], season, horizon)
        for i in chosen
    ]
    ago, mean = np.sum(sums, axis=0) if sums else (0.0, 0.0)
    return None if ago == mean == 0 else bool(ago < mean)


def _against_mean(rows: NDArray[Any], season: int, horizon: int) -> tuple[float, float]:
    """Summed distances of steps from the value of a season ago, and from the mean before them.

    The mean is of a horizon's steps, half a horizon before; in units of the series' mean size.
    """
    values = rows.astype(np.float64)
    known = np.isfinite(values)
    back = max(horizon // 2, 1)
    steps = np.arange(max(season, back + horizon), len(values))
    if not len(steps) or not known.any():
        return 0.0, 0.0
    sums = np.cumsum(np.append(0.0, np.where(known, values, 0.0)))
    counts = np.cumsum(np.append(0, known))
    low, high = steps - back - horizon, steps - back
    count = counts[high] - counts[low]
    usable = known[steps] & known[steps - season] & (count > 0)
    mean = (sums[high] - sums[low])[usable] / count[usable]
    actual, ago = values[steps][usable], values[steps - season][usable]
    size = np.abs(values[known]).mean() or 1.0
    return float(np.abs(actual - ago).sum() / size), float(np.abs(actual - mean).sum() / size)
