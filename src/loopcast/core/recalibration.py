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

Floats = NDArray[np.floating[Any]]


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
    """Levels from the median outwards never cross; those at 0.5 are as they were."""
    result = moved.copy()
    middle = int(np.argmin(np.abs(np.asarray(levels) - 0.5)))
    result[..., middle] = quantiles[..., middle]
    result[..., middle:] = np.maximum.accumulate(result[..., middle:], axis=-1)
    lower = result[..., middle::-1]
    result[..., middle::-1] = np.minimum.accumulate(lower, axis=-1)
    return result
