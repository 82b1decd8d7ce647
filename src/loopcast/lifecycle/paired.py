"""Is one version's loss lower than another's on the same points, or is it chance?

Losses of one step are averaged over series and horizons first: what remains is one difference a
step, and these follow each other like errors do. The long-run variance is estimated by equally
weighted cosines, with which the statistic has Student's distribution however few steps there are
(Lazarus, Lewis, Stock, Watson, J. Business & Economic Statistics 36, 2018).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """`gain`: by which share the second loss is lower; `p`: of a gain this large by chance."""

    steps: int
    first: float
    second: float
    gain: float
    p: float


def paired(first: Floats, second: Floats, step: NDArray[np.int64]) -> Paired:
    """Losses of the same points and the step that each is of, [point] each; NaN does not count."""
    known = np.isfinite(first) & np.isfinite(second)
    first, second, step = first[known], second[known], step[known]
    if not len(step):
        return Paired(0, math.nan, math.nan, math.nan, 1.0)
    steps, owner = np.unique(step, return_inverse=True)
    number = np.bincount(owner)
    apart = np.bincount(owner, first - second) / number
    one, two = float(first.mean()), float(second.mean())
    gain = (one - two) / one if one > 0 else 0.0
    return Paired(len(steps), one, two, gain, one_sided(apart))


def one_sided(apart: Floats) -> float:
    """P of "the mean is above 0"; differences in the order of time."""
    count = len(apart)
    if count < 2:
        return 1.0
    freedom = min(max(2, round(count ** (2 / 3))), count - 1)
    angles = np.pi * np.outer(np.arange(1, freedom + 1), np.arange(count) + 0.5) / count
    waves = math.sqrt(2 / count) * (np.cos(angles) @ apart)  # [cosine]
    variance = float(np.square(waves).mean())
    mean = float(apart.mean())
    if variance <= 0:
        return 0.0 if mean > 0 else 1.0
    return _tail(mean / math.sqrt(variance / count), freedom)


def _tail(value: float, freedom: int) -> float:
    """P(T > value) for Student's t with whole degrees of freedom, by its finite sums."""
    angle = math.atan(value / math.sqrt(freedom))
    if freedom == 1:
        return 0.5 - angle / math.pi
    cosine, total, term = math.cos(angle), 0.0, 1.0
    if freedom % 2:
        for k in range(1, (freedom - 1) // 2 + 1):
            total += term
            term *= cosine**2 * (2 * k) / (2 * k + 1)
        inside = 2 / math.pi * (angle + math.sin(angle) * cosine * total)
    else:
        for k in range(1, freedom // 2 + 1):
            total += term
            term *= cosine**2 * (2 * k - 1) / (2 * k)
        inside = math.sin(angle) * total
    return 0.5 * (1 - inside)
