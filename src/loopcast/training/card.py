"""What an artifact says of its data, for monitoring to compare with: counts and quantiles, no rows."""

from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.naive import naive_scale
from loopcast.core.panel import Panel
from loopcast.core.scoreboard import groups
from loopcast.core.task import Task
from loopcast.data.splits import Splits

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
PLACES = 24
"""A longer season is cut into so many stretches."""
STEPS = 60
"""Errors of a longer horizon are told for so many stretches of it."""
TEXTS = 50

Floats = NDArray[np.floating[Any]]


def described(panel: Panel, splits: Splits) -> dict[str, Any]:
    """How much there was, which of it was learned from, and a fingerprint of all of it.

    Grid steps: `first` to `last` over all series; `train` and `validation` are the last ones of
    their parts. `parts` are the steps of validation and test, which every series has of its own.
    """
    return {
        "series": len(panel),
        "rows": len(panel.target),
        "first": int(panel.start.min()),
        "last": int(panel.origin.max()),
        **parts(panel, splits),
        "fingerprint": fingerprint(panel),
    }


def parts(panel: Panel, splits: Splits) -> dict[str, Any]:
    """Where the parts end, and how long validation and test are: see `described`."""
    return {
        "train": int(splits.train.max()),
        "validation": int(splits.validation.max()),
        "parts": [
            int((splits.validation - splits.train).max()),
            int((panel.origin - splits.validation).max()),
        ],
    }


def fingerprint(panel: Panel) -> str:
    """Tells whether two runs saw the same data: keys, grid and every cell, in any order of rows."""
    seen = sha256()
    numeric = (panel.start, panel.origin, panel.offsets, panel.target, panel.past, panel.future,
               panel.static, panel.weight)  # fmt: skip
    for array in numeric:
        if array is not None:
            seen.update(np.ascontiguousarray(array).data)
    for name in sorted(panel.categories):
        column = panel.categories[name]
        order = np.argsort(column.texts)  # they stand in the order of the rows
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order))
        seen.update(rank[column.codes].data)
        seen.update("\0".join([name, *column.texts[order].tolist()]).encode())
    for name, texts in panel.keys.items():
        seen.update("\0".join([name, *texts.tolist()]).encode())
    return seen.hexdigest()[:16]


def summary(train: Panel, task: Task) -> dict[str, Any]:
    """Of the train part: naive scales over series, and inputs by place in the season.

    The target is told as its change over one season in units of the series' naive scale, which
    can be computed anew wherever a season of rows is at hand, and shows no season of its own.
    """
    scale = naive_scale(train, task.season)
    known = scale[np.isfinite(scale)]
    some, train = next(train.blocks(), (slice(0), train))  # of very many rows the first say enough
    scale = scale[some]
    return {
        "naive_scale": {**spread(known), "zero": int((known == 0).sum())},
        "inputs": {
            "place": f"grid index modulo {max(task.season, 1)}, in {_places(task.season)} stretches",
            "target": _by_place(_changes(train, task.season, scale), train, task.season),
            "missing": _share(np.isnan(train.target)),
            "zero": _share(train.target[~np.isnan(train.target)] == 0),
            **{name: _column(values) for name, values in _columns(train, task)},
            **{f"text.{name}": _texts(train, name) for name in sorted(train.categories)},
        },
    }


def errors(actual: Floats, forecast: Floats, scale: Floats, by: dict[str, Any]) -> dict[str, Any]:
    """Of (forecast - actual) / scale, [window, horizon] and [window]: by step and by category."""
    usable = np.isfinite(scale) & (scale > 0)
    scaled = (forecast - actual)[usable] / scale[usable][:, None]
    horizon = actual.shape[1]
    edges = np.linspace(0, horizon, min(STEPS, horizon) + 1).astype(int)
    stretches = [(int(a), int(b)) for a, b in zip(edges, edges[1:], strict=False)]
    return {
        "unit": "(median forecast - actual) / naive scale of the series",
        "overall": _errors(scaled),
        "by_horizon": [{"steps": [a + 1, b], **_errors(scaled[:, a:b])} for a, b in stretches],
        "by_category": {
            column: {
                text: _errors(scaled[rows]) for text, rows in groups(texts[usable], actual[usable])
            }
            for column, texts in by.items()
        },
    }


def spread(values: Floats) -> dict[str, Any]:
    """Number and quantiles of what is finite."""
    values = values[np.isfinite(values)]
    found = np.quantile(values, LEVELS) if len(values) else np.full(len(LEVELS), np.nan)
    pairs = zip(LEVELS, found, strict=True)
    return {"count": len(values), "quantiles": {f"{level:g}": _plain(v) for level, v in pairs}}


def _errors(scaled: Floats) -> dict[str, Any]:
    flat = scaled[np.isfinite(scaled)]
    mean = flat.mean() if len(flat) else np.nan
    size = np.abs(flat).mean() if len(flat) else np.nan
    return {"mean": _plain(mean), "absolute": _plain(size), **spread(flat)}


def _changes(train: Panel, season: int, scale: Floats) -> Floats:
    """Target less the target a season ago, by scale; [row], NaN where either is not known."""
    season = max(season, 1)
    series = np.repeat(np.arange(len(train)), train.lengths)
    changes = np.full(len(train.target), np.nan)
    if len(changes) > season:
        same = series[season:] == series[:-season]
        moved = train.target[season:].astype(np.float64) - train.target[:-season]
        changes[season:] = np.where(same, moved, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale[series] > 0, changes / scale[series], np.nan)


def _by_place(values: Floats, train: Panel, season: int) -> list[dict[str, Any]]:
    within = np.arange(len(values)) - np.repeat(train.offsets[:-1], train.lengths)
    step = np.repeat(train.start, train.lengths) + within
    count = _places(season)
    place = step % max(season, 1) * count // max(season, 1)
    return [spread(values[place == number]) for number in range(count)]


def _places(season: int) -> int:
    return min(max(season, 1), PLACES)


def _columns(train: Panel, task: Task) -> list[tuple[str, Floats]]:
    named = (("past", task.past), ("future", task.future), ("static", task.static))
    return [
        (f"{axis}.{name}", getattr(train, axis)[:, place])
        for axis, columns in named
        for place, name in enumerate(columns.numeric)
    ]


def _column(values: Floats) -> dict[str, Any]:
    return {"missing": _share(~np.isfinite(values)), **spread(values)}


def _texts(train: Panel, name: str) -> dict[str, float]:
    """Shares of the most frequent texts."""
    column = train.categories[name]
    count = np.bincount(column.codes, minlength=len(column.texts))
    order = np.argsort(-count, kind="stable")[:TEXTS]
    return {
        str(column.texts[i]): _plain(count[i] / max(count.sum(), 1)) or 0.0
        for i in order
        if count[i]
    }


def _share(mask: NDArray[np.bool_]) -> float:
    return round(float(mask.mean()), 6) if len(mask) else 0.0


def _plain(value: Any) -> float | None:
    """Six digits are enough to compare with; JSON has no NaN."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
