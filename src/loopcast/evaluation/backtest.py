"""Rolling origins through the predictor: what is judged is what is served."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from loopcast.core.errors import ConfigError, NoRows
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid
from loopcast.core.inputs import inputs
from loopcast.core.judging import (
    GATHERED,
    Array,
    Table,
    Windows,
    beside_naive,
    board,
    table,
)
from loopcast.core.panel import Panel
from loopcast.core.scoreboard import Judged
from loopcast.core.task import Task
from loopcast.serving.predictor import Predictor


@dataclass(frozen=True)
class Backtest:
    """The scoreboard (with "by_origin"), the forecasts as columns, and what a reader should know."""

    board: dict[str, Any]
    forecasts: Table
    notes: tuple[str, ...]


def backtest(predictor: Predictor, rows: Any, count: int, stride: int | None = None) -> Backtest:
    """`count` origins of each series, `stride` steps apart (default: the horizon).

    The last one is a horizon before the series' end. Raises the DataError tree.
    """
    task = predictor.task
    stride = task.horizon if stride is None else stride
    for name, value in {"windows": count, "stride": stride}.items():
        if value < 1:
            raise ConfigError(f"--{name} is {value}; it must be 1 or more")
    panel = grid(rows, task)
    windows = _windows(panel, task, count, stride)
    quantiles = forecasts(predictor, panel, windows)
    learned = _learned(panel, task, predictor.card)
    train = panel.until(windows[1].min() if learned is None else learned[0])
    judged = beside_naive(panel, train, task, windows, quantiles)
    scores = board(judged, panel, task, windows)
    scores["by_origin"] = _by_origin(judged, panel, task, windows)
    kept = table(judged, panel, task, windows)
    return Backtest(scores, kept, tuple(_notes(task, windows, learned, count)))


def forecasts(predictor: Predictor, panel: Panel, windows: Windows) -> Array:
    """[window, horizon, quantile]; every window of a batch is cut and run together."""
    series, origin, _ = windows
    parts = [
        predictor.run(inputs(panel, predictor.task, series[cut], origin[cut]))
        for first in range(0, len(series), GATHERED)
        for cut in (slice(first, first + GATHERED),)
    ]
    return np.concatenate(parts)


def _windows(panel: Panel, task: Task, count: int, stride: int) -> Windows:
    """Earliest origin first; a series that had not begun at an origin is left out there."""
    back = task.horizon + stride * np.arange(count)[::-1]
    origin = (panel.origin[None, :] - back[:, None]).ravel()
    series = np.tile(np.arange(len(panel)), count)
    begun = origin >= panel.start[series]
    if not begun.any():
        raise NoRows(
            f"no series reaches back {back[-1]} steps before its end, so there is no origin to judge;"
            " give a longer history, or a smaller --windows or --stride"
        )
    return series[begun], origin[begun], panel.origin


def _learned(panel: Panel, task: Task, card: Any) -> tuple[Array, Array] | None:
    """The last steps of the artifact's train and validation parts, [series] each."""
    data = card.get("data", {})
    if task.origins == "own" and "parts" in data:
        validation, test = data["parts"]
        return panel.origin - test - validation, panel.origin - test
    if task.origins == "shared" and "train" in data:
        ends = (np.full(len(panel), data[part]) for part in ("train", "validation"))
        return tuple(ends)  # type: ignore[return-value]
    return None


def _notes(
    task: Task, windows: Windows, learned: tuple[Array, Array] | None, count: int
) -> list[str]:
    """What the windows share with what the artifact has seen."""
    series, origin, _ = windows
    notes = []
    if few := count - len(np.unique(origin)) if task.origins == "shared" else 0:
        notes.append(f"{few} of {count} origins lie before every series and are left out")
    if learned is None:
        return [*notes, "the artifact's card does not say where its train part ends: windows before"
                        " that end flatter it; export it again to know"]  # fmt: skip
    train, validation = (ends[series] for ends in learned)
    seen, chosen = origin < train, (origin >= train) & (origin < validation)
    ends = "" if task.origins == "own" else f", which ends {_day(task, int(train.max()))}"
    if seen.any():
        notes.append(
            f"!!! {seen.sum():,} of {len(seen):,} windows forecast steps of the artifact's train"
            f" part{ends}: their scores flatter it !!!"
        )
    if chosen.any():
        notes.append(
            f"{chosen.sum():,} of {len(seen):,} windows lie in its validation part, which chose its"
            " weights: their scores flatter it a little"
        )
    return notes


def _day(task: Task, step: int) -> str:
    time = Frequency.parse(task.frequency).time(np.array([step]))[0]
    return str(time).removesuffix("T00:00:00")


def _by_origin(judged: Judged, panel: Panel, task: Task, windows: Windows) -> list[dict[str, Any]]:
    """Scores of each origin, or of each place from the end where every series has its own."""
    series, origin, _ = windows
    shared = task.origins == "shared"
    place = origin if shared else origin - panel.origin[series]
    found = []
    for step in np.unique(place):
        chosen = np.flatnonzero(place == step)
        part = judged.windows(chosen)
        name = _day(task, int(step)) if shared else int(step)
        told = {"origin": name, "windows": len(chosen)}
        found.append({**told, **part.ours(), "naive": part.naives()})
    return found
