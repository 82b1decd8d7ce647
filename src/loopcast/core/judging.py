"""Scores of a part, beside the seasonal naive forecast on the same windows."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.forecast import Forecast
from loopcast.core.frequency import Frequency
from loopcast.core.inputs import inputs
from loopcast.core.naive import naive_quantiles, naive_scale, seasonal_naive
from loopcast.core.panel import Panel
from loopcast.core.scoreboard import Judged, scoreboard
from loopcast.core.scores import median
from loopcast.core.tables import write
from loopcast.core.task import Task

Array = NDArray[Any]
Windows = tuple[Array, Array, Array]
"""Series and origin of each window, [window] each, and the last step that is judged, [series]."""
Table = dict[str, Array]

PAST = 8
"""Seasons of the past the naive forecast may look at."""
GATHERED = 8192
"""Windows whose past is cut at once."""
SHOWN = 4
"""Seasons, and horizons, of the past that are kept for pictures."""
QUANTILE = re.compile(r"q[\d.]+")
FIXED = ("origin", "horizon", "actual", "forecast", "naive", "scale")
"""Columns of a table of judged forecasts; a key or time of such a name, or q0.9, gets "_" behind it."""


def actuals(panel: Panel, task: Task, series: Array, origin: Array, limit: Array) -> Array:
    """[window, horizon]; NaN after `limit` [series]."""
    ahead = replace(task, history=task.horizon)
    found = inputs(panel, ahead, series, origin + task.horizon)["target"].astype(np.float64)
    step = origin[:, None] + np.arange(1, task.horizon + 1)
    return np.where(step <= limit[series][:, None], found, np.nan)


def ahead(panel: Panel, task: Task, found: Array) -> Forecast:
    """The forecast of each series after its origin.

    `found` is [series, horizon, quantile], and the mean as one more column where the task asks it.
    """
    quantiles, mean = found[..., : len(task.quantiles)], found[..., -1] if task.mean else None
    frequency = Frequency.parse(task.frequency)
    step = panel.origin[:, None] + np.arange(1, task.horizon + 1)
    times = frequency.time(panel.origin), frequency.time(step)
    return Forecast(panel.keys, task.time, *times, quantiles, task.quantiles, mean=mean)


def categories(panel: Panel, task: Task, series: Array) -> dict[str, Array]:
    """Texts of the static columns that group series, [window] each."""
    by = {
        name: panel.categories[f"static.{name}"].cells[series] for name in task.static.categorical
    }
    return {
        name: cells
        for name, cells in by.items()
        if len(set(cells)) < len(panel) or len(panel) <= 50
    }


def judge(
    panel: Panel, train: Panel, task: Task, windows: Windows, quantiles: Array
) -> tuple[dict[str, Any], Table]:
    """The scoreboard of [window, horizon, quantile] forecasts, and the forecasts as columns."""
    judged = beside_naive(panel, train, task, windows, quantiles)
    return board(judged, panel, task, windows), table(judged, panel, task, windows)


def beside_naive(
    panel: Panel, train: Panel, task: Task, windows: Windows, quantiles: Array
) -> Judged:
    """The forecasts, the naive ones of the same windows, and the actuals up to the limit."""
    series, origin, limit = windows
    longer = replace(task, history=max(task.history, PAST * max(task.season, 1)))
    points, ranges = [], []
    for first in range(0, max(len(series), 1), GATHERED):
        cut = slice(first, first + GATHERED)
        past = inputs(panel, longer, series[cut], origin[cut])["target"]
        points.append(seasonal_naive(past, task.season, task.horizon))
        ranges.append(naive_quantiles(past, task.season, task.horizon, task.quantiles))
    return Judged(
        actuals(panel, task, series, origin, limit),
        quantiles,
        np.concatenate(points),
        np.concatenate(ranges),
        naive_scale(train, task.season)[series],
        task.quantiles,
    )


def named(column: str) -> str:
    """A key or time column's name in these tables."""
    return f"{column}_" if column in FIXED or QUANTILE.fullmatch(column) else column


def board(judged: Judged, panel: Panel, task: Task, windows: Windows) -> dict[str, Any]:
    """All scores; see scoreboard."""
    by = categories(panel, task, windows[0])
    naive = (judged.naive, judged.naive_quantiles)
    return scoreboard(judged.actual, judged.quantiles, judged.levels, *naive, judged.scale, by)


def keep(folder: Path, board: Mapping[str, Any], forecasts: Table, history: Table) -> None:
    """Scores, forecasts and the past before them, for people and for the report."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test.json").write_text(json.dumps(board, indent=1), encoding="utf-8")
    write(forecasts, folder / "test.parquet")
    write(history, folder / "history.parquet")


def past(panel: Panel, task: Task, series: Array, origin: Array) -> Table:
    """The last steps up to the first origin of each series: keys, time and target."""
    owner, first = np.unique(series, return_inverse=True)
    begin = np.full(len(owner), np.iinfo(np.int64).max)
    np.minimum.at(begin, first, origin)
    steps = SHOWN * max(task.season, task.horizon, 2)
    shown = inputs(panel, replace(task, history=steps), owner, begin)["target"]
    when = begin[:, None] + np.arange(1 - steps, 1)
    lived = (when >= panel.start[owner][:, None]).ravel()
    repeated = np.repeat(owner, steps)[lived]
    table: Table = {named(name): texts[repeated] for name, texts in panel.keys.items()}
    table[named(task.time)] = Frequency.parse(task.frequency).time(when.ravel()[lived])
    return {**table, "actual": shown.ravel()[lived]}


def table(judged: Judged, panel: Panel, task: Task, windows: Windows) -> Table:
    """A row for each window and step: keys, origin, time, horizon, actual, forecasts and scale."""
    series, origin, _ = windows
    frequency = Frequency.parse(task.frequency)
    horizon = np.tile(np.arange(1, task.horizon + 1), len(series))
    repeated = np.repeat(np.arange(len(series)), task.horizon)
    table: Table = {named(name): texts[series][repeated] for name, texts in panel.keys.items()}
    table["origin"] = frequency.time(origin)[repeated]
    table[named(task.time)] = frequency.time(origin[repeated] + horizon)
    table |= {"horizon": horizon, "actual": judged.actual.ravel()}
    table["forecast"] = median(judged.quantiles, task.quantiles).ravel()
    table["naive"] = judged.naive.ravel()
    for i, level in enumerate(task.quantiles):
        table[f"q{level:g}"] = judged.quantiles[..., i].ravel()
    return {**table, "scale": np.repeat(judged.scale, task.horizon)}
