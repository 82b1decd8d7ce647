"""What charts.js draws: plain values, with the role of each line; looks are the style sheet's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.scores import intervals, median
from loopcast.service.served import written

Floats = NDArray[np.floating[Any]]
Json = dict[str, Any]


@dataclass(frozen=True)
class Fan:
    """One forecast beside what came; `steps` are shared by all."""

    frequency: Frequency
    levels: Sequence[float]
    origin: int
    quantiles: Floats | None  # [horizon, quantile]; None: hidden
    actual: Mapping[int, float]  # by step
    overrides: Mapping[int, float] = field(default_factory=dict)  # by step
    until: int | None = None  # the last step; default: the horizon's
    shown: int = 36  # steps before the origin


def fan(one: Fan) -> Json:
    """Ranges as bands around the median, the actual values, the origin as a mark."""
    horizon = 0 if one.quantiles is None else len(one.quantiles)
    last = one.origin + horizon if one.until is None else one.until
    first = max(min([*one.actual, one.origin]), one.origin - one.shown)
    steps = np.arange(first, last + 1)
    lines = [line("actual", "actual", [one.actual.get(int(s)) for s in steps])]
    bands: list[Json] = []
    if one.quantiles is not None:
        lines, bands = _ranges(one, one.quantiles, steps, lines)
    if one.overrides:
        values = [one.overrides.get(int(s)) for s in steps]
        lines.append(line("override", "override", values))
    return chart(one.frequency, steps, lines) | {
        "bands": bands,
        "marks": x(one.frequency, [one.origin]),
    }


def _ranges(
    one: Fan, quantiles: Floats, steps: NDArray[np.int64], lines: list[Json]
) -> tuple[list[Json], list[Json]]:
    """The widest range first, so that narrower ones lie on it."""
    bands = []
    pairs = sorted(intervals(one.levels).items(), key=lambda pair: -float(pair[0]))
    for _, (low, high) in pairs:
        bands.append({"low": len(lines), "high": len(lines) + 1})
        for at in (low, high):
            label = f"q{one.levels[at]:g}"
            lines = [*lines, line(label, "edge", _placed(one, quantiles[:, at], steps))]
    point = _placed(one, median(quantiles, one.levels), steps)
    label = f"median and {pairs[0][0]} % range" if pairs else "median"
    return [*lines, line(label, "median", point)], bands


def _placed(one: Fan, values: Floats, steps: NDArray[np.int64]) -> list[float | None]:
    """From the origin's own value on, so that the ranges open where what is known ends."""
    by: dict[int, float | None] = {one.origin: one.actual.get(one.origin)}
    by |= dict(enumerate(values.tolist(), one.origin + 1))
    return [by.get(int(step)) for step in steps]


def chart(frequency: Frequency, steps: Any, lines: Sequence[Json]) -> Json:
    """Lines over steps."""
    return {"time": frequency.dated, "x": x(frequency, steps), "lines": list(lines)}


def line(label: str, role: str, values: Sequence[float | None]) -> Json:
    """`role`: actual, median, edge, override, naive, aim, or v1 to v6 for one of several."""
    clean = [None if v is None or not np.isfinite(v) else round(float(v), 6) for v in values]
    return {"label": label, "role": role, "values": clean}


def x(frequency: Frequency, steps: Any) -> list[int]:
    """Seconds since 1970, or the integers themselves."""
    labels = frequency.time(np.asarray(steps, np.int64))
    return (labels.astype("M8[s]").astype(np.int64) if frequency.dated else labels).tolist()


def rows(frequency: Frequency, steps: Sequence[int], lines: Sequence[Json]) -> Json:
    """The chart as a table, for those who do not see it."""
    times = written(frequency, list(steps))
    columns = [one["label"] for one in lines]
    values = zip(*(one["values"] for one in lines), strict=True)
    return {"columns": columns, "rows": list(zip(times, values, strict=True))}


def spark(history: Floats, width: int = 120, height: int = 28) -> str:
    """Points of an SVG polyline; "" where too little was observed."""
    seen = np.flatnonzero(~np.isnan(history))
    if len(seen) < 2:
        return ""
    values = history[seen].astype(np.float64)
    low, room = values.min(), np.ptp(values) or 1.0
    across = (seen - seen[0]) / max(seen[-1] - seen[0], 1) * (width - 2) + 1
    down = height - 2 - (values - low) / room * (height - 4)
    return " ".join(f"{a:.1f},{d:.1f}" for a, d in zip(across, down, strict=True))
