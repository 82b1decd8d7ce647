"""Ranges learnt online from actual values as they land late: adaptive conformal inference.

For each group, stretch of the horizon and level l, walk through the target's steps in order. At a
step the offset is the quantile of the scores (actual - quantile) / scale that had landed before the
forecast was given, at the level a that is aimed at, drawn to 0 (the model's own range) as if `prior`
points spoke for that. Then a moves by what was missed:
a += rate * (l - share of the step's actual values below). (Gibbs and Candes 2021, with the delay of
the horizon; what is learnt from is the last `seasons` only.) All of it is computed anew from the
ledger at every tick, so a late or revised value is as if it had always been there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.monitoring.accuracy import horizon_groups
from loopcast.monitoring.forecasts import Given
from loopcast.monitoring.rules import Ranges

Floats = NDArray[np.floating[Any]]
Steps = NDArray[np.int64]

MARGIN = 0.002
"""The level that is aimed at keeps so far from 0 and 1."""
FEWEST = 24
"""Steps that are learnt from at least."""
DIGITS = 5


def learned(given: Given, rules: Ranges, year: int) -> dict[str, Any] | None:
    """The state for loopcast.core.recalibration; None where nothing has landed. `year`: its steps."""
    usable = np.isfinite(given.errors)
    if not usable.any():
        return None
    horizon, levels = usable.shape[1], given.task.quantiles
    season = given.task.season if given.task.season > 1 else year
    span = max(round(rules.seasons * season), horizon, FEWEST)
    found = {}
    for name, rows in _groups(given, rules.groups):
        table = []
        for first, last in horizon_groups(horizon):
            part = _points(given, usable, rows, slice(first - 1, last))
            table.append([_offset(part, i, level, rules, span) for i, level in enumerate(levels)])
        found[name] = table
    return {"levels": list(levels), "horizons": [list(g) for g in horizon_groups(horizon)],
            "groups": found}  # fmt: skip


@dataclass(frozen=True)
class Points:
    """Landed points of one group and stretch, in the order of their steps."""

    step: Steps  # [point]
    origin: Steps  # [point]
    scores: Floats  # [point, level], (actual - quantile) / scale


def _groups(given: Given, columns: Sequence[str]) -> Iterator[tuple[str, Any]]:
    yield "", slice(None)
    for column in columns:
        if column in given.task.series:
            texts = given.static(column)
            for text in sorted(set(texts)):
                yield f"{column}={text}", texts == text


def _points(given: Given, usable: NDArray[np.bool_], rows: Any, steps: slice) -> Points:
    chosen = np.zeros(usable.shape, bool)
    chosen[rows, steps] = usable[rows, steps]
    where, ahead = np.nonzero(chosen)
    step = given.steps[where, ahead]
    order = np.argsort(step, kind="stable")
    where, ahead = where[order], ahead[order]
    apart = given.part.actual[where, ahead][:, None] - given.part.own[where, ahead]
    scores = apart / given.scale[where][:, None]
    return Points(step[order], given.part.origin[where], scores)


def _offset(points: Points, place: int, level: float, rules: Ranges, span: int) -> float:
    """The offset in force after the last step; the median has none."""
    if abs(level - 0.5) < MARGIN or not len(points.step):
        return 0.0
    scores = points.scores[:, place]
    aim = level
    steps, begin = np.unique(points.step, return_index=True)
    ends = np.append(begin[1:], len(scores))
    for start, end in zip(begin[-span:], ends[-span:], strict=True):
        origin = int(points.origin[start:end].max())
        low, high = np.searchsorted(points.step, [origin + 1 - span, origin + 1])
        offset = _quantile(scores[low:high], aim, rules.prior)
        below = float((scores[start:end] <= offset).mean())
        weight = min(1.0, (end - start) / max(rules.prior, 1))
        aim = float(np.clip(aim + rules.rate * weight * (level - below), MARGIN, 1 - MARGIN))
    low = int(np.searchsorted(points.step, steps[-1] + 1 - span))
    return round(_quantile(scores[low:], aim, rules.prior), DIGITS)


def _quantile(scores: Floats, aim: float, prior: int) -> float:
    """Drawn to 0, the model's own range, by `prior` points."""
    if not len(scores):
        return 0.0
    found = float(np.quantile(scores, aim))
    return found * len(scores) / (len(scores) + prior)


def met(coverage: Mapping[str, float], points: int, room: float) -> dict[str, Any]:
    """Each range's coverage beside its objective; `met` is None where points are too few to tell."""
    result = {}
    for nominal, share in coverage.items():
        aim = float(nominal) / 100
        deviation = np.sqrt(aim * (1 - aim) / max(points, 1))
        told = None if 2 * deviation > room else bool(abs(share - aim) <= room)
        result[nominal] = {"coverage": round(share, 4), "aim": aim, "room": room, "met": told}
    return result
