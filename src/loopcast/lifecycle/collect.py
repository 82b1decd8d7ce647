"""What has come: the experiment's own source, and over it the actual values of the ledger."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.errors import ConfigError, NoRows
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid
from loopcast.core.overlay import overlaid
from loopcast.core.panel import Panel
from loopcast.core.tables import write
from loopcast.core.task import Task
from loopcast.core.text import text
from loopcast.data.reading import Reading
from loopcast.lifecycle.settled import settled
from loopcast.store.actuals import Actuals
from loopcast.store.database import Database
from loopcast.store.schema import series
from loopcast.store.series import key_text

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Collected:
    """Rows as the experiment reads them, with what people and systems have sent since."""

    rows: Columns
    task: Task  # without season and history
    landed: int  # actual values that were taken over

    def panel(self, task: Task | None = None) -> Panel:
        """On the grid, as an artifact's task says."""
        return grid(self.rows, task or self.task)

    def write(self, path: Path) -> str:
        """A snapshot that nothing changes any more; its SHA-256. Raises DataError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write(self.rows, path)
        return sha256(path.read_bytes()).hexdigest()


def collect(reading: Reading, database: Database, model: str) -> Collected:
    """Raises the DataError tree, StoreError, and ConfigError for data without dates."""
    rows = reading.rows()
    task = reading.task(rows)
    frequency = Frequency.parse(task.frequency)
    if task.origins == "own" or not frequency.dated:
        raise ConfigError(
            "retraining needs dates and one origin for all series (data.origins: shared): without"
            " them nobody can say what has come since a version was trained"
        )
    if not len(rows[task.time]):
        raise NoRows(f"{reading.source.describe()} gives no row")
    values = {} if task.aggregate == "count" else _landed(database, model, task)
    if not values:  # a task that counts rows has its values from rows alone
        return Collected(settled(rows, task), task, 0)
    cells = np.asarray(rows[task.time])
    told = times.parse(cells, frequency, task.zone, task.time_format)
    dates = cells.dtype == object and isinstance(cells[0], date)  # a database's
    offset = "%z" in (task.time_format or "")
    if dates or offset or cells.dtype.kind in "iuf":  # 20181201: plain ones take new steps
        cells = told.astype("M8[us]")
        rows = {**rows, task.time: cells}
    steps = frequency.index(told)
    names = [text(rows[name]).tolist() for name in task.series]
    owners = list(zip(*names, strict=True)) if names else [()] * len(cells)
    found = overlaid(
        {name: column.tolist() for name, column in _plain(rows).items()},
        values, task, owners, steps.tolist(),
        lambda times: _cells(times, cells, task.time_format),
        reading.weight,
    )  # fmt: skip
    whole = settled(_typed(found, rows), task)
    return Collected(whole, task, sum(map(len, values.values())))


def _landed(database: Database, model: str, task: Task) -> dict[tuple[str, ...], dict[int, float]]:
    """The newest vintage of each step, by key: sent over HTTP, or given by people."""
    actuals = Actuals(database, model)
    with database.reading() as connection:
        query = series.select().where(series.c.model == model)
        keys = {row.id: row.key for row in connection.execute(query)}
        latest = actuals.latest(connection, sorted(keys))
    found: dict[tuple[str, ...], dict[int, float]] = {}
    for number, name in keys.items():
        key = orjson.loads(name)
        if list(key) != list(task.series) or name != key_text(key):
            continue  # of another set of key columns
        one = latest.of(number)
        if len(one.step):
            values = dict(zip(one.step.tolist(), one.value.tolist(), strict=True))
            found[tuple(map(str, key.values()))] = values
    return found


def _plain(rows: Columns) -> Columns:
    """Datetimes stay numpy's, which a list of integers would not be."""
    return {
        name: column.astype("M8[us]").astype(object) if column.dtype.kind == "M" else column
        for name, column in rows.items()
    }


def _cells(labels: NDArray[Any], like: NDArray[Any], written: str | None) -> list[Any]:
    """Times of new rows, written as those of the others."""
    if like.dtype.kind == "M":
        return list(labels.astype("M8[us]").astype(object))
    stamps = pd.DatetimeIndex(labels)
    if written is not None:
        return stamps.strftime(written).tolist()
    return [one.isoformat().removesuffix("T00:00:00") for one in stamps]


def _typed(found: dict[str, list[Any]], before: Columns) -> Columns:
    """Columns of the kind that they were, as far as new rows allow it."""
    typed: Columns = {}
    for name, cells in found.items():
        kind = before[name].dtype
        if kind.kind == "M":
            typed[name] = np.array(cells, dtype=kind)
        elif kind.kind in "fiub":
            typed[name] = np.array([np.nan if c is None else c for c in cells], dtype=np.float64)
        else:
            column = np.empty(len(cells), dtype=object)
            column[:] = cells
            typed[name] = column
    return typed
