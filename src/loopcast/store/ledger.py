"""What was forecast and what came: every answer, and every actual as the vintages it came in."""

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from loopcast.store.database import Database
from loopcast.store.schema import answers, forecasts, series, versions
from loopcast.store.series import SeriesNumbers

Floats = NDArray[np.float32]
TOGETHER = 1024
"""Rows in one statement of SQLite, which binds 32,766 values at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered request. `keys` are `key_text`s; `history` is the target the network saw.

    `horizon` and `levels` are what was asked, `quantiles` all levels of what is answered, `own`
    the model's own ones where those were recalibrated.
    """

    id: str
    given_at: int
    version: int
    horizon: int
    levels: Sequence[float]
    keys: Sequence[str]  # [series]
    origins: Sequence[int]  # [series], steps
    quantiles: Floats  # [series, horizon, quantile]
    history: Floats  # [series, history]
    sources: Sequence[str]  # [series]
    warnings: Sequence[Sequence[str]]  # [series]
    request: str = ""
    client: str = ""
    digest: str = ""
    own: Floats | None = None  # [series, horizon, quantile]
    mean: Floats | None = None  # [series, horizon], where the model forecasts it


@dataclass(frozen=True)
class Given:
    """An answer as it was given; `task` is the version's, as JSON."""

    id: str
    given_at: int
    version: int
    horizon: int
    levels: tuple[float, ...]
    task: Mapping[str, Any]
    forecasts: Sequence["GivenForecast"]


@dataclass(frozen=True)
class GivenForecast:
    """One series of an answer."""

    key: Mapping[str, str]
    origin: int
    quantiles: Floats  # [horizon, quantile], the model's own
    history: Floats
    source: str
    warnings: Sequence[str]
    mean: Floats | None = None  # [horizon]


def answer_id() -> str:
    """A UUID of version 7: it rises with time, so that the index grows at its end."""
    at = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    random = bytearray(os.urandom(10))
    random[0] = 0x70 | random[0] & 0x0F
    random[2] = 0x80 | random[2] & 0x3F
    text = (at + random).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Ledger:
    """One model's forecasts in a database."""

    def __init__(self, database: Database, model: str) -> None:
        self.database, self.model = database, model
        self.series = SeriesNumbers(database, model)

    def record(self, given: Sequence[Answer]) -> None:
        """All of them in one transaction: when this returns they are kept. Raises StoreError."""
        try:
            with self.database.writing() as connection:
                keys = [key for answer in given for key in answer.keys]
                numbers = iter(self.series.of(connection, keys))
                plain = connection.dialect.name == "sqlite"  # its ids are text without dashes
                ids = [one.id.replace("-", "") if plain else one.id for one in given]
                heads = [self._answer(one, i) for one, i in zip(given, ids, strict=True)]
                rows = [
                    row
                    for one, i in zip(given, ids, strict=True)
                    for row in _forecasts(one, i, numbers)
                ]
                _insert(connection, answers, heads)
                _insert(connection, forecasts, rows)
        except BaseException:
            self.series.drop()
            raise
        self.series.keep()

    def _answer(self, one: Answer, given: str) -> tuple[Any, ...]:
        """A row in the order of the table's columns, as the driver takes it."""
        asked = json.dumps({"horizon": one.horizon, "quantiles": list(one.levels)})
        return (
            given, one.given_at, self.model, one.version, asked, one.request, one.client, one.digest,
        )  # fmt: skip

    def answer(self, given_id: str) -> Given | None:
        """What was answered under this id; None where there is no such answer."""
        with self.database.reading() as connection:
            head = connection.execute(
                sa.select(answers, versions.c.task)
                .join(
                    versions,
                    sa.and_(
                        versions.c.model == answers.c.model,
                        versions.c.version == answers.c.version,
                    ),
                )
                .where(answers.c.id == given_id, answers.c.model == self.model)
            ).one_or_none()
            if head is None:
                return None
            rows = connection.execute(
                sa.select(forecasts, series.c.key)
                .join(series, series.c.id == forecasts.c.series)
                .where(forecasts.c.answer == given_id)
                .order_by(forecasts.c.position)
            ).all()
        asked, task = json.loads(head.asked), json.loads(head.task)
        levels = tuple(asked["quantiles"])
        found = [_given(row, len(task["quantiles"])) for row in rows]
        return Given(
            str(uuid.UUID(head.id)), head.given_at, head.version, asked["horizon"], levels, task,
            found,
        )  # fmt: skip

    def last_given(self) -> int | None:
        """When the newest answer was given."""
        with self.database.reading() as connection:
            query = sa.select(sa.func.max(answers.c.given_at)).where(answers.c.model == self.model)
            return connection.execute(query).scalar()

    def check(self) -> None:
        """Raises StoreError where the database cannot be reached."""
        with self.database.reading() as connection:
            connection.execute(sa.text("SELECT 1"))


def _insert(connection: sa.Connection, table: sa.Table, rows: list[tuple[Any, ...]]) -> None:
    """All columns by position: half the time of SQLAlchemy's own insert, on the way of every answer.

    On SQLite many rows are one statement. Each statement lets go of Python's lock, and whoever
    waits for it again stands behind the requests: row by row the ledger would be the slowest part.
    """
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(_statement(table, "%s", 1), rows)
        return
    begin = 0
    while begin < len(rows):
        count = min(1 << (len(rows) - begin).bit_length() - 1, TOGETHER)  # few texts: all prepared
        part = tuple(chain.from_iterable(rows[begin : begin + count]))
        connection.exec_driver_sql(_statement(table, "?", count), part)
        begin += count


@cache
def _statement(table: sa.Table, mark: str, rows: int) -> str:
    names = [column.name for column in table.columns]
    row = f"({', '.join([mark] * len(names))})"
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join([row] * rows)}"


def _forecasts(one: Answer, given: str, numbers: Iterator[int]) -> list[tuple[Any, ...]]:
    """Rows in the order of the table's columns."""
    quantiles = np.ascontiguousarray(one.quantiles, "<f4")
    history = np.ascontiguousarray(one.history, "<f4")
    own, mean = (
        None if more is None else np.ascontiguousarray(more, "<f4") for more in (one.own, one.mean)
    )
    horizon = quantiles.shape[1]
    return [
        (
            given,
            i,
            next(numbers),
            int(origin),
            horizon,
            quantiles[i].tobytes(),
            history[i].tobytes(),
            one.sources[i],
            json.dumps(list(one.warnings[i])) if one.warnings[i] else None,
            None if own is None else own[i].tobytes(),
            None if mean is None else mean[i].tobytes(),
        )
        for i, origin in enumerate(one.origins)
    ]


def _given(row: Any, levels: int) -> GivenForecast:
    quantiles = np.frombuffer(row.quantiles, "<f4").reshape(row.horizon, levels)
    history = np.frombuffer(row.history or b"", "<f4")
    warnings = json.loads(row.warnings) if row.warnings else []
    mean = np.frombuffer(row.mean, "<f4") if row.mean else None
    return GivenForecast(
        json.loads(row.key), row.origin, quantiles, history, row.source, warnings, mean
    )
