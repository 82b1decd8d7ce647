"""What a version would have said before it went into service: its errors where it did not train.

Inputs are data, so past forecasts can be made again. The steps after the train part are forecast
from every origin, with the service's own history; the errors are kept with the version.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from loopcast.core.errors import LoopcastError, WrongTime
from loopcast.core.grid import grid
from loopcast.core.inputs import inputs
from loopcast.core.judging import actuals
from loopcast.core.naive import window_scale
from loopcast.core.panel import Panel
from loopcast.core.scores import median
from loopcast.core.task import Task
from loopcast.serving.predictor import Predictor
from loopcast.store.backtests import Backtest
from loopcast.store.history import SqlHistory
from loopcast.store.series import key_text
from loopcast.store.version import Version

log = logging.getLogger("loopcast.monitoring")
BATCH = 2048
"""Windows that are cut and run at once."""


def replayed(
    version: Version, history: SqlHistory, keys: Sequence[Mapping[str, str]], until: int, most: int
) -> Backtest | None:
    """Errors of the steps after the train part, `most` at most, up to step `until`.

    None where the history does not reach so far, or lacks what the version needs; the log says why.
    """
    try:
        predictor = Predictor(version.content())
        rows = history.read(keys)
        return _errors(predictor, rows, trained(version, predictor.task), until, most)
    except LoopcastError as error:
        log.warning("version %s cannot be replayed: %s", version.version, error)
        return None


def trained(version: Version, task: Task) -> int | None:
    """The last step of the train part; an artifact that does not tell it kept two horizons back."""
    data = version.card.get("data") or {}
    if "train" in data:
        return int(data["train"])
    return int(data["last"]) - 2 * task.horizon if "last" in data else None


def _errors(
    predictor: Predictor,
    rows: Mapping[str, list[object]],
    trained: int | None,
    until: int,
    most: int,
) -> Backtest | None:
    task = predictor.task
    if not rows or trained is None:
        return None
    panel = _panel(rows, task)
    last = min(int(panel.origin.max()), until)
    first = max(trained, last - most)
    if last <= first:
        return None
    origins = np.arange(first, last)
    series = np.tile(np.arange(len(panel)), len(origins))
    origin = np.repeat(origins, len(panel))
    begun = origin >= panel.start[series]
    series, origin = series[begun], origin[begun]
    found = np.full((len(series), task.horizon), np.nan, np.float32)
    for i in range(0, len(series), BATCH):
        part = slice(i, i + BATCH)
        prepared = inputs(panel, task, series[part], origin[part])
        point = median(predictor.run(prepared).astype(np.float64), task.quantiles)
        scale = window_scale(prepared["target"], task.season)
        actual = actuals(panel, task, series[part], origin[part], np.full(len(panel), last))
        with np.errstate(divide="ignore", invalid="ignore"):
            found[part] = np.where(scale > 0, 1 / scale, np.nan)[:, None] * (point - actual)
    names = [key_text({n: texts[i] for n, texts in panel.keys.items()}) for i in range(len(panel))]
    return Backtest([names[i] for i in series], origin, found)


def _panel(rows: Mapping[str, list[object]], task: Task) -> Panel:
    """A database has its own times where the files that were trained on had another format."""
    try:
        return grid(rows, replace(task, time_format=None))
    except WrongTime:
        return grid(rows, task)
