"""What moved a forecast: each column swapped for another window's, each stretch of history hidden.

Through the artifact itself, so what is explained is what is served. A column is swapped for what
it was in other windows (other series, earlier origins), the date for earlier ones of the same
series: how far the forecast then moves is what it rests on there. A stretch of the history is
hidden as a gap would be. This tells what the network looks at, not what causes the target.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import DataError
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid, missing_future, require_future
from loopcast.core.inputs import inputs
from loopcast.core.panel import Panel
from loopcast.core.scores import median
from loopcast.core.task import Task
from loopcast.core.text import text
from loopcast.core.verdict import aligned
from loopcast.serving.predictor import Predictor

Array = NDArray[Any]
Prepared = Mapping[str, Array]
SERIES = 256
"""More series are thinned out evenly."""
SWAPS = 8
"""Other windows that each window's columns are swapped with."""
STRETCHES = 24
DAYS = 400
"""Earlier dates reach so far back: a year and a bit."""
SEED = 1


@dataclass(frozen=True)
class Column:
    """One column of the inputs; `place` is its position where the input holds several."""

    name: str
    role: str
    input: str
    place: int | None = None

    def cells(self, prepared: Prepared) -> Array:
        """[batch], or [batch, step]."""
        whole = prepared[self.input]
        return whole if self.place is None else whole[..., self.place]

    def swapped(self, prepared: Prepared, other: Prepared) -> dict[str, Array]:
        """The inputs with this column from the other windows."""
        changed = np.array(prepared[self.input])
        if self.place is None:
            changed = other[self.input]
        else:
            changed[..., self.place] = other[self.input][..., self.place]
        return {**prepared, self.input: changed}


def explain(
    predictor: Predictor, history: Any, future: Any = None, origin: Any = None,
    key: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Plain JSON: "features" and "history" by how far they move the median, and "network".

    A move is the sum of absolute changes over the sum of |forecast|, over all series and steps, or
    of the one series that `key` names. Raises the DataError tree.
    """
    task = predictor.task
    panel = grid(history, task, future=future, origin=origin)
    series = _chosen(panel, task, key)
    known = series[~missing_future(panel, task)[series]]
    if key or not len(known):
        require_future(panel, task, series)
    series = known
    prepared = inputs(panel, task, series, panel.origin[series])
    base = _median(predictor, prepared)
    size = _size(base, prepared["target"])
    generator = np.random.default_rng(SEED)
    others = [_others(panel, task, series, generator) for _ in range(SWAPS)]
    return {
        "target": task.target,
        "series": len(series),
        "of": len(panel),
        "key": dict(key) if key else None,
        "origin": str(Frequency.parse(task.frequency).time(panel.origin[series]).max()),
        "features": sorted(
            (_moved(predictor, prepared, base, column, others, size) for column in _columns(task)),
            key=lambda one: -one["moved"],
        ),
        "history": list(_hidden(predictor, prepared, base, task, size)),
        "network": predictor.card.get("selection"),
    }


def reaching(rows: Any, task: Task) -> Any:
    """The origin a horizon before the end, after which the rows hold the known-ahead columns."""
    panel = grid(rows, task)
    last = np.array([int(panel.origin.max()) - task.horizon])
    return Frequency.parse(task.frequency).time(last)[0]


def _chosen(panel: Panel, task: Task, key: Mapping[str, str] | None) -> Array:
    if not key:
        count = min(SERIES, len(panel))
        return np.unique(np.linspace(0, len(panel) - 1, count).round().astype(np.int64))
    if set(key) != set(task.series):
        raise DataError(
            f"--series names {', '.join(key)}; a series is named by {', '.join(task.series) or '-'}"
        )
    same = np.ones(len(panel), dtype=bool)
    for name, value in key.items():
        same &= panel.keys[name] == text([value])[0]
    if not same.any():
        example = {name: texts[0] for name, texts in panel.keys.items()}
        raise DataError(f"there is no series {dict(key)} in the rows; there is e.g. {example}")
    return np.flatnonzero(same)


def _columns(task: Task) -> Iterator[Column]:
    """What the inputs hold besides the target's own history."""
    for role in ("static", "past", "future"):
        named = getattr(task, role)
        for place, name in enumerate(named.numeric):
            yield Column(name, role, role, place)
        for name in named.categorical:
            yield Column(name, role, f"{role}.{name}")
    yield Column("the date", "calendar", "origin")


def _others(panel: Panel, task: Task, series: Array, generator: np.random.Generator) -> Prepared:
    """As many windows as `series`, each of some series and some origin in its life.

    The origins for "the date" are earlier ones of the window's own series.
    """
    some = generator.integers(0, len(panel), len(series))
    span = np.maximum(panel.origin - panel.start - task.horizon, 0)
    back = (generator.random(len(series)) * (span[some] + 1)).astype(np.int64)
    found = inputs(panel, task, some, panel.origin[some] - back)
    year = max(_steps(task, DAYS), task.season, 1)
    earlier = panel.origin[series] - generator.integers(1, year + 1, len(series))
    return {**found, "origin": earlier}


def _steps(task: Task, days: int) -> int:
    """How many steps so many days are, by the calendar; 0 for positions."""
    frequency = Frequency.parse(task.frequency)
    if not frequency.dated:
        return 0
    first = frequency.time(np.array([0]))[0]
    last = frequency.index(np.array([first + np.timedelta64(days, "D")]))
    return int(last[0])


def _moved(
    predictor: Predictor, prepared: Prepared, base: Array, column: Column, others: list[Prepared],
    size: float,
) -> dict[str, Any]:  # fmt: skip
    moves, steps, steps_ahead = [], [], base.shape[1]
    before, after = [], []
    for other in others:
        given = column.swapped(prepared, other)
        change = _median(predictor, given) - base
        moves.append(np.abs(change).sum())
        steps.append(np.abs(change).sum(0))
        ahead = slice(-steps_ahead, None) if column.role == "future" else slice(None)
        levels = (_level(column.cells(one), ahead) for one in (given, prepared))
        before.append(next(levels) - next(levels))
        after.append(change.mean(1))
    each = np.abs(base).sum(0)
    by_step = np.mean(steps, axis=0) / np.where(each > 0, each, size / steps_ahead)
    told = {
        "name": column.name,
        "role": column.role,
        "moved": _plain(np.mean(moves) / size),
    }
    told["by_step"] = [_plain(value) for value in by_step]
    if column.place is not None:
        told["direction"] = _direction(np.concatenate(before), np.concatenate(after))
    return told


def _size(base: Array, target: Array) -> float:
    """What moves are shares of: the forecast; where it is 0 throughout, as much of the history."""
    own = float(np.abs(base).sum())
    known = np.abs(target[np.isfinite(target)])
    past = float(known.mean()) * base.size if known.size else 0.0
    return own or past or 1.0


def _level(cells: Array, part: slice) -> Array:
    """A numeric column's mean in each window, over a part of its steps; 0 for text."""
    if cells.dtype.kind not in "fi":
        return np.zeros(len(cells))
    flat = cells.reshape(len(cells), -1)[:, part].astype(np.float64)
    known = np.isfinite(flat)
    return np.where(known, flat, 0).sum(1) / np.maximum(known.sum(1), 1)


def _direction(before: Array, after: Array) -> float | None:
    """Correlation of changes of the column and of the forecast: above 0 more gives more."""
    if len(before) < 3 or before.std() == 0 or after.std() == 0:
        return None
    return _plain(np.corrcoef(before, after)[0, 1])


def _hidden(
    predictor: Predictor, prepared: Prepared, base: Array, task: Task, size: float
) -> Iterator[dict[str, Any]]:
    """Each stretch of the target's history, oldest first; steps count back from the origin, 0."""
    edges = np.linspace(0, task.history, min(STRETCHES, task.history) + 1).round().astype(int)
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        target = prepared["target"].copy()
        target[:, first:last] = np.nan
        change = np.abs(_median(predictor, {**prepared, "target": target}) - base)
        ends = (int(first - task.history + 1), int(last - task.history))
        yield {"steps": ends, "moved": _plain(change.sum() / size)}


def _median(predictor: Predictor, prepared: Prepared) -> Array:
    return median(predictor.run(prepared), predictor.task.quantiles).astype(np.float64)


def _plain(value: Any) -> float:
    return float(f"{value:.4g}")


def table(found: Mapping[str, Any]) -> str:
    """For the terminal."""
    rows = [("column", "role", "moves the forecast by", "more of it")]
    for one in found["features"]:
        way = one.get("direction")
        rows.append((one["name"], one["role"], f"{one['moved']:.1%}", told(way)))
    past = [("hidden steps of history", "moves the forecast by")]
    past += [(stretch(*ends), f"{moved:.1%}") for ends, moved in _strongest(found["history"])]
    parts = [aligned(rows, left=(0, 1, 3)), aligned(past), *_network(found["network"])]
    which = f"of {found['of']:,}" if found["series"] < found["of"] else "in all"
    return "\n\n".join(
        [
            f"{found['series']:,} series {which}, after {found['origin'].removesuffix('T00:00:00')}",
            *parts,
        ]
    )


def told(direction: float | None) -> str:
    """In words; weak ones are left open."""
    if direction is None or abs(direction) < 0.2:
        return ""
    return "forecasts more" if direction > 0 else "forecasts less"


def stretch(first: int, last: int) -> str:
    """Of the history, in words."""
    return f"{first}" if first == last else f"{first} to {last}"


def _strongest(stretches: list[Mapping[str, Any]], most: int = 8) -> list[tuple[Any, float]]:
    ranked = sorted(stretches, key=lambda one: -one["moved"])[:most]
    return [(one["steps"], one["moved"]) for one in sorted(ranked, key=lambda one: one["steps"])]


def _network(weights: Mapping[str, Mapping[str, float]] | None) -> Iterator[str]:
    """The weights that the network itself gives its features."""
    for part, named in (weights or {}).items():
        rows = [(f"the network's own weights: {part}", "")]
        yield aligned([*rows, *((name, f"{weight:.1%}") for name, weight in named.items())])
