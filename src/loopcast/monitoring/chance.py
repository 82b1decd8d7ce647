"""How large the statistic of `scores` gets within a year in which nothing changes.

Told by simulation with the very function that is used: Gaussian looks with the same
autocorrelation, which is estimated from as many looks of reference as there are. So the p value of
a score is the chance that a whole year of looks holds one as large: looking every day costs nothing.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.monitoring.scores import WIDTHS, Course, course, widths

Floats = NDArray[np.floating[Any]]

ROUNDS = 6_000
SEED = 20_260
GRID = 0.1
TAIL = 0.04
"""Below this p, values follow a Gaussian tail fitted to so much of the simulated ones."""


def p_values(
    scores: Floats, autocorrelation: Floats, reference: int, year: int, season: int, sides: int
) -> Floats:
    """[row, look] of `scores` (NaN: 1), given [row] autocorrelations; sides 2: up or down."""
    grid = np.array([_grid(phi) for phi in autocorrelation])
    result = np.ones(scores.shape)
    for step in np.unique(grid):
        rows = grid == step
        table = largest(reference, year, season, float(step) * GRID, sides)
        result[rows] = tail(scores[rows], table)
    return result


def threshold(
    p: float, autocorrelation: float, reference: int, year: int, season: int, sides: int
) -> float:
    """The score that has this p value."""
    return _threshold(p, reference, year, season, _grid(autocorrelation), sides)


@lru_cache(maxsize=256)
def _threshold(p: float, reference: int, year: int, season: int, grid: int, sides: int) -> float:
    table = largest(reference, year, season, grid * GRID, sides)
    scores = np.linspace(0, 12, 1_201)
    return float(scores[np.argmax(tail(scores, table) <= p)])


def _grid(autocorrelation: float) -> int:
    """The next step of GRID upwards."""
    return int(min(np.ceil(round(float(autocorrelation) / GRID, 6)), 9))


@lru_cache(maxsize=64)
def largest(reference: int, year: int, season: int, phi: float, sides: int) -> Floats:
    """Sorted, [round]: the largest score of each simulated year."""
    looks = max(year, WIDTHS[0])  # a year of yearly data is one, which no window holds
    up, down = _rounds(reference, looks, season, round(phi, 3))
    return np.sort(np.fmax(up, down) if sides == 2 else up)


def tail(scores: Floats, table: Floats) -> Floats:
    """P(largest >= score): the share of the table, and beyond its last part a Gaussian tail."""
    flat = np.nan_to_num(scores, nan=-np.inf)
    share = (len(table) - np.searchsorted(table, flat, "left") + 1) / (len(table) + 1)
    last = table[-int(TAIL * len(table)) :]
    place = (len(last) - np.arange(len(last)) - 0.5) / (len(table) + 1)
    x, y = last**2 - np.mean(last**2), np.log(place)
    power = float(x @ x)
    if power == 0 or float(x @ y) >= 0:  # so few looks that the largest score is a common one
        return np.minimum(share, 1)
    moved = np.square(np.maximum(flat, 0)) - np.mean(last**2)
    fitted = np.exp(np.minimum(float(x @ y) / power * moved + y.mean(), 0))
    return np.where(flat > last[0], np.minimum(fitted, TAIL), np.minimum(share, 1))


@lru_cache(maxsize=32)
def _rounds(reference: int, year: int, season: int, phi: float) -> tuple[Floats, Floats]:
    random = np.random.default_rng([SEED, reference, year, season, int(phi * 1000)])
    looks = reference + year
    noise = random.standard_normal((looks, ROUNDS))
    noise[0] /= np.sqrt(1 - phi**2)
    for look in range(1, looks):
        noise[look] += phi * noise[look - 1]
    whole = noise.T
    none = np.empty((0, 0))
    plain = np.ones(len(widths(reference, season)))
    alone = Course(none, none, np.zeros(1), plain)
    found = course(whole[:, :reference], whole[:, reference:], season, alone)
    return np.nanmax(found.up, axis=1), np.nanmax(found.down, axis=1)
