"""Scores of a part, beside the seasonal naive forecast on the same windows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from loopcast.core.frequency import Frequency
from loopcast.core.inputs import inputs
from loopcast.core.naive import naive_quantiles, naive_scale, seasonal_naive
from loopcast.core.panel import Panel
from loopcast.core.scoreboard import scoreboard
from loopcast.core.scores import median
from loopcast.core.task import Task

PAST = 8
"""Seasons of the past the naive forecast may look at."""


def actuals(
    panel: Panel, task: Task, series: np.ndarray, origin: np.ndarray, limit: np.ndarray
) -> np.ndarray:
    """[window, horizon]; NaN after `limit` [series]."""
    ahead = replace(task, history=task.horizon)
    found = inputs(panel, ahead, series, origin + task.horizon)["target"].astype(np.float64)
    step = origin[:, None] + np.arange(1, task.horizon + 1)
    return np.where(step <= limit[series][:, None], found, np.nan)


def judge(
    panel: Panel,
    train: Panel,
    task: Task,
    windows: tuple[np.ndarray, np.ndarray, np.ndarray],
    quantiles: np.ndarray,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The scoreboard of [window, horizon, quantile] forecasts, and the forecasts as a table."""
    series, origin, limit = windows
    actual = actuals(panel, task, series, origin, limit)
    longer = replace(task, history=max(task.history, PAST * max(task.season, 1)))
    past = inputs(panel, longer, series, origin)["target"]
    naive = seasonal_naive(past, task.season, task.horizon)
    ranges = naive_quantiles(past, task.season, task.horizon, task.quantiles)
    scale = naive_scale(train, task.season)[series]
    by = {
        name: panel.categories[f"static.{name}"].cells[series] for name in task.static.categorical
    }
    by = {
        name: cells
        for name, cells in by.items()
        if len(set(cells)) < len(panel) or len(panel) <= 50
    }
    board = scoreboard(actual, quantiles, task.quantiles, naive, ranges, scale, by)
    return board, _table(panel, task, series, origin, actual, quantiles, naive)


def _table(
    panel: Panel,
    task: Task,
    series: np.ndarray,
    origin: np.ndarray,
    actual: np.ndarray,
    quantiles: np.ndarray,
    naive: np.ndarray,
) -> pd.DataFrame:
    frequency = Frequency.parse(task.frequency)
    horizon = np.tile(np.arange(1, task.horizon + 1), len(series))
    repeated = np.repeat(np.arange(len(series)), task.horizon)
    table = {name: texts[series][repeated] for name, texts in panel.keys.items()}
    table["origin"] = frequency.time(origin)[repeated]
    table[task.time] = frequency.time(origin[repeated] + horizon)
    table |= {"horizon": horizon, "actual": actual.ravel()}
    table["forecast"] = median(quantiles, task.quantiles).ravel()
    table["naive"] = naive.ravel()
    for i, level in enumerate(task.quantiles):
        table[f"q{level:g}"] = quantiles[..., i].ravel()
    return pd.DataFrame(table)
