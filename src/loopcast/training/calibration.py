"""Ranges that mean what they say, by conformalized quantile regression (arXiv 1905.03222).

A range's score in a step is how far the actual lies outside of it (negative: inside), as a share of
its width; widened by the right quantile of these scores it holds what it promises. The median stays:
where it was too high or too low on the few origins at hand tells little about the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopcast.core.scores import coverage, intervals, pinball
from loopcast.features.ranges import GROUPS, NARROWEST, noise
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster
from loopcast.training.windows import chunks

Floats = NDArray[np.float64]
MOST = 20_000
"""Windows that are looked at; more are thinned out."""
NEAR = 4
"""A step is told by its neighbours too: a quarter of the horizon on either side, or more ..."""
POINTS = 400
"""... until so many actuals are seen: all series share the luck of a step."""
OVERALL, OWN = 10, 60
"""Windows that an overall offset, and what a step or a group adds to it, weigh against nothing."""
TOGETHER = 4
"""Steps of one window that count as one window more."""
GROUP = 60
"""Windows of the smallest group."""
APART = 1e-3
"""The least distance of two knots."""
LIMITS = (-0.45, 4.0)
"""Shares of its width by which a range's ends may move."""


@dataclass(frozen=True)
class Judged:
    """Forecasts and actuals of windows in scaled units, [window, ...] each."""

    quantiles: Floats  # [window, horizon, quantile], sorted
    actual: Floats  # [window, horizon], NaN = not known
    floor: Floats  # [window]
    noise: Floats  # [window]


def fit(judged: Judged, levels: Sequence[float]) -> tuple[Floats, Floats]:
    """Offsets [group, horizon, quantile] and knots [group], as `features.ranges` wants them."""
    count = int(np.clip(len(judged.actual) // GROUP, 1, GROUPS))
    cuts = np.quantile(judged.noise, np.arange(1, count) / count)
    group = np.unique((judged.noise[:, None] >= cuts).sum(1), return_inverse=True)[1]
    count = int(group.max()) + 1
    knots = np.arange(1.0, GROUPS + 1)  # beyond any noise
    for number in range(count if count > 1 else 0):
        knots[number] = np.median(judged.noise[group == number])
    knots = np.maximum.accumulate(knots) + APART * np.arange(GROUPS)
    offset = np.zeros((GROUPS, *judged.quantiles.shape[1:]))
    for low, high in intervals(levels).values():
        moved = _moved(judged, low, high, levels[low], group)
        moved[count:] = moved[count - 1]
        offset[:, :, low], offset[:, :, high] = -moved, moved
    return offset, knots


def _moved(judged: Judged, low: int, high: int, level: float, group: NDArray[np.int64]) -> Floats:
    """How far both ends of a range move outwards, [group, horizon]."""
    below, above = judged.quantiles[..., low], judged.quantiles[..., high]
    width = np.maximum(above - below, NARROWEST)
    score = np.maximum(below - judged.actual, judged.actual - above) / width
    bound = below <= judged.floor[:, None]
    windows, horizon = score.shape
    overall = _held(score, bound, level)
    evidence = windows * (1 + (horizon - 1) / TOGETHER)
    moved = np.full((GROUPS, horizon), overall * evidence / (evidence + OVERALL))
    near = min(max(-(-horizon // NEAR), -(-POINTS // windows) // 2), horizon)
    for step in range(horizon):
        around = slice(max(step - near, 0), step + near + 1)
        own = _held(score[:, around], bound[:, around], level) - overall
        moved[:, step] += own * windows / (windows + OWN)
    for number in range(int(group.max()) + 1 if group.any() else 0):
        mine = group == number
        own = _held(score[mine] - moved[number], bound[mine], level)
        moved[number] += own * mine.sum() / (mine.sum() + OWN)
    return moved.clip(*LIMITS)


def _held(score: Floats, bound: NDArray[np.bool_], level: float) -> float:
    """The score below which the promised share of them lies.

    A lower end that lies on the floor is never passed: such a range misses at one end only.
    """
    known = np.isfinite(score)
    values = score[known]
    if not len(values):
        return 0.0
    missed = level * (2 - bound[known].mean())
    return float(np.quantile(values, min((1 - missed) * (1 + 1 / len(values)), 1.0)))


def calibrate(model: Forecaster, data: DataModule) -> dict[str, Any]:
    """Fit the model's ranges on the windows kept for it; returns what came of it, for the card."""
    assert model.task is not None
    series, origin, until = data.part("calibration")
    if not len(series):
        return {}
    thin = slice(None, None, -(-len(series) // MOST))
    levels, ranges = model.task.quantiles, model.ranges
    scaled, location, scale, actual = _looked(model, data, series[thin], origin[thin], until)
    judged = Judged(
        _array(scaled),
        _array(model.encoder.scaled(actual, location, scale)),
        _array(model.encoder.scaled(ranges.floor, location, scale))[:, 0],
        _array(noise(location, scale))[:, 0],
    )
    offset, knots = fit(judged, levels)
    ranges.offset.zero_()
    before = model.finished(scaled, location, scale)
    ranges.offset.copy_(torch.from_numpy(offset))
    ranges.knots.copy_(torch.from_numpy(knots))
    after = model.finished(scaled, location, scale)
    return {
        "windows": len(scaled),
        "chose_weights_too": len(series) == len(data.part("stopping")[0]) == _count(data),
        "groups": max(int((knots <= 1).sum()), 1),
        **_told(_array(actual), _array(before), _array(after), levels),
    }


def _looked(
    model: Forecaster, data: DataModule, series: Any, origin: Any, until: Any
) -> list[Tensor]:
    """Scaled quantiles, location, scale, and actuals in the target's units, [window, ...] each."""
    resident = data.resident().to("cpu").until(until)
    parts = []
    with torch.no_grad():
        for chosen in chunks(series, origin, data.judging):
            batch = resident.gather(*chosen)
            scaled, _, encoded = model.scaled(batch)
            parts.append((scaled, encoded["location"], encoded["scale"], batch["actual"]))
    return [torch.cat(found) for found in zip(*parts, strict=True)]


def _count(data: DataModule) -> int:
    return len(data.part("validation")[0])


def _array(values: Tensor) -> Floats:
    return values.double().numpy()


def _told(actual: Floats, before: Floats, after: Floats, levels: Sequence[float]) -> dict[str, Any]:
    """Coverage and pinball loss on the windows that calibrate."""
    found: dict[str, Any] = {}
    for nominal, (low, high) in intervals(levels).items():
        pair = [coverage(actual, q[..., low], q[..., high]) for q in (before, after)]
        found[f"coverage_{nominal}"] = [_plain(value) for value in pair]
    found["pinball"] = [_plain(pinball(actual, q, levels)) for q in (before, after)]
    return found


def _plain(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
