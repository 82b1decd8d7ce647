"""Ranges moved by what the errors of late say of them: one offset a level, in the window's scale.

The state is plain JSON: {"levels", "horizons": [[1, 1], [2, 3], ...], "groups": {NAME: offsets}},
with offsets [horizon group][level]. NAME is "" for all series, else "COLUMN=TEXT"; a series takes the
first of its own names that is there. The median stays where it is, so errors are judged alike.
Monitoring learns states, the service applies them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.naive import window_scale
from loopcast.core.scores import median

Floats = NDArray[np.floating[Any]]
HALF, CLOSE = 0.5, 1e-6


def recalibrated(
    quantiles: Floats,
    history: Floats,
    keys: Sequence[Mapping[str, str]],
    season: int,
    levels: Sequence[float],
    state: Mapping[str, Any],
) -> NDArray[np.float32]:
    """[series, horizon, quantile] with the state's offsets; rising, the median unchanged.

    `history` [series, step] is what the network saw. A state of other levels or horizons, or a
    series without a scale, changes nothing. What was never below 0 is not forecast below 0.
    """
    if not fits(state, quantiles.shape[1], levels):
        return quantiles.astype(np.float32)
    scale = window_scale(history, season)
    scale = np.where(np.isfinite(scale), scale, 0.0)[:, None, None]
    horizon = quantiles.shape[1]
    known: dict[tuple[str, ...], Floats] = {}
    for named in dict.fromkeys(_among(state, key) for key in keys):
        known[named] = offsets(state, named, horizon)
    moves = np.stack([known[_among(state, key)] for key in keys])
    moved = rising(quantiles + scale * moves, quantiles, levels)
    positive = (np.nan_to_num(history).min(1) >= 0) & (quantiles.min((1, 2)) >= 0)
    return np.where(positive[:, None, None], np.maximum(moved, 0), moved).astype(np.float32)


def fits(state: Mapping[str, Any], horizon: int, levels: Sequence[float]) -> bool:
    """The state speaks of these levels and this horizon."""
    return list(state["levels"]) == list(levels) and state["horizons"][-1][1] == horizon


def _among(state: Mapping[str, Any], key: Mapping[str, str]) -> tuple[str, ...]:
    """The group of a series: the first of its names that the state has, the widest last."""
    own = (*(f"{column}={text}" for column, text in key.items()), "")
    return tuple(name for name in own if name in state["groups"])[:1]


def offsets(state: Mapping[str, Any], group: Sequence[str], horizon: int) -> Floats:
    """[horizon, quantile] of one group, or of none."""
    table = np.zeros((horizon, len(state["levels"])))
    for name in group:
        for (first, last), row in zip(state["horizons"], state["groups"][name], strict=True):
            table[first - 1 : last] = row
    return table


def rising(moved: Floats, quantiles: Floats, levels: Sequence[float]) -> Floats:
    """Levels from the median outwards never cross; those at 0.5 are as they were.

    Without such a level the median lies between two, and neither moves beyond it.
    """
    result, middle = moved.copy(), median(quantiles, levels)[..., None]
    told = np.asarray(levels)
    below, above = told < HALF - CLOSE, told > HALF + CLOSE
    result[..., ~(below | above)] = middle
    upper = np.maximum(result[..., above], middle)
    result[..., above] = np.maximum.accumulate(upper, axis=-1)
    lower = np.minimum(result[..., below], middle)
    result[..., below] = np.minimum.accumulate(lower[..., ::-1], axis=-1)[..., ::-1]
    return result
