"""Forecasts beside what came, by (series, origin, horizon), as far as values have landed.

A join, not a copy: whatever lands late, twice or revised, what is read here is right.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from loopcast.store.actuals import NEVER, Actuals, Latest
from loopcast.store.ledger import Ledger
from loopcast.store.schema import actuals, answers, forecasts, series, versions


@dataclass(frozen=True)
class Matched:
    """One version's forecasts; the scores of core take these arrays as they are."""

    version: int
    task: Mapping[str, Any]  # of the version, as JSON
    keys: Sequence[Mapping[str, str]]  # [forecast]
    series: NDArray[np.int64]  # [forecast], numbers
    answers: Sequence[str]  # [forecast], ids
    given_at: NDArray[np.int64]  # [forecast]
    origin: NDArray[np.int64]  # [forecast], steps
    quantiles: NDArray[np.float32]  # [forecast, horizon, quantile], as answered
    own: NDArray[np.float32]  # the same of the model itself; differs where ranges are recalibrated
    history: NDArray[np.float32]  # [forecast, history], NaN where it was thinned away
    actual: NDArray[np.float64]  # [forecast, horizon], NaN: not landed, or withdrawn
    as_of: NDArray[np.int64]  # [forecast, horizon], of the actual; 0 where there is none
    warnings: Sequence[Sequence[str]]  # [forecast], as they were given
    mean: NDArray[np.float32] | None = None  # [forecast, horizon], NaN before it was kept

    def __len__(self) -> int:
        return len(self.origin)


def matched(
    ledger: Ledger,
    *,
    version: int | None = None,
    first: int = -NEVER,
    last: int = NEVER,
    landed_after: int | None = None,
    as_of: int = NEVER,
    repeated: bool = False,
    given_after: int | None = None,
    series_numbers: Sequence[int] | None = None,
    last_only: bool = False,
) -> list[Matched]:
    """One for each version that forecast from origins `first` to `last` (steps).

    Of forecasts of one (series, origin, version) the newest counts, or all of them (`repeated`);
    `last_only`: of each series the newest forecast of its last origin, whatever the version.
    `given_after`, `series_numbers`: only answers after this instant, only these series.
    `landed_after`: only series for which a value was received after this instant. `as_of`: actual
    values as they were known then.
    """
    where = [answers.c.model == ledger.model, forecasts.c.origin.between(first, last)]
    if version is not None:
        where.append(answers.c.version == version)
    if given_after is not None:
        where.append(answers.c.given_at > given_after)
    if series_numbers is not None:
        where.append(forecasts.c.series.in_(series_numbers))
    if landed_after is not None:
        fresh = sa.select(actuals.c.series).where(actuals.c.received_at > landed_after)
        where.append(forecasts.c.series.in_(fresh))
    with ledger.database.reading() as connection:
        groups: dict[int, list[Any]] = defaultdict(list)
        for row in connection.execute(_query(where, repeated, last_only)):
            groups[row.version].append(row)
        tasks = _tasks(connection, ledger.model, list(groups))
        latest = _landed(connection, ledger, groups, as_of)
    return [_matched(v, tasks[v], rows, latest) for v, rows in sorted(groups.items())]


def _query(where: list[Any], repeated: bool, last_only: bool) -> sa.Select[Any]:
    newest = (answers.c.given_at.desc(), answers.c.id.desc(), forecasts.c.position.desc())
    if last_only:
        rank = sa.func.row_number().over(
            partition_by=forecasts.c.series, order_by=(forecasts.c.origin.desc(), *newest)
        )
    else:
        rank = sa.func.row_number().over(
            partition_by=(forecasts.c.series, forecasts.c.origin, answers.c.version),
            order_by=newest,
        )
    found = (
        sa.select(forecasts, answers.c.version, answers.c.given_at, series.c.key, rank.label("r"))
        .join(answers, answers.c.id == forecasts.c.answer)
        .join(series, series.c.id == forecasts.c.series)
        .where(*where)
        .subquery()
    )
    chosen = sa.select(found).order_by(found.c.series, found.c.origin, found.c.given_at)
    return chosen if repeated else chosen.where(found.c.r == 1)


def _tasks(connection: sa.Connection, model: str, wanted: list[int]) -> dict[int, dict[str, Any]]:
    query = sa.select(versions.c.version, versions.c.task).where(
        versions.c.model == model, versions.c.version.in_(wanted)
    )
    return {version: json.loads(task) for version, task in connection.execute(query)}


def _landed(
    connection: sa.Connection, ledger: Ledger, groups: Mapping[int, list[Any]], as_of: int
) -> Latest:
    rows = [row for group in groups.values() for row in group]
    numbers = sorted({row.series for row in rows})
    first = min((row.origin for row in rows), default=0) + 1
    last = max((row.origin + row.horizon for row in rows), default=0)
    values = Actuals(ledger.database, ledger.model)
    return values.latest(connection, numbers, first, last, as_of)


def _matched(version: int, task: dict[str, Any], rows: list[Any], latest: Latest) -> Matched:
    horizon, levels = rows[0].horizon, len(task["quantiles"])
    origin = np.array([row.origin for row in rows], np.int64)
    numbers = np.array([row.series for row in rows], np.int64)
    actual, as_of = _join(numbers, origin, horizon, latest)
    quantiles = np.frombuffer(b"".join(row.quantiles for row in rows), "<f4")
    own = np.frombuffer(b"".join(row.own or row.quantiles for row in rows), "<f4")
    none = np.full(horizon, np.nan, "<f4").tobytes()
    means = np.frombuffer(b"".join(row.mean or none for row in rows), "<f4")
    blank = np.full(task["history"], np.nan, "<f4").tobytes()
    history = np.frombuffer(b"".join(row.history or blank for row in rows), "<f4")
    return Matched(
        version,
        task,
        [json.loads(row.key) for row in rows],
        numbers,
        [row.answer for row in rows],
        np.array([row.given_at for row in rows], np.int64),
        origin,
        quantiles.reshape(len(rows), horizon, levels),
        own.reshape(len(rows), horizon, levels),
        history.reshape(len(rows), -1),
        actual,
        as_of,
        [json.loads(row.warnings) if row.warnings else [] for row in rows],
        means.reshape(len(rows), horizon) if task.get("mean") else None,
    )


def _join(
    numbers: NDArray[np.int64], origin: NDArray[np.int64], horizon: int, latest: Latest
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The value and vintage of each [forecast, horizon]."""
    shape = (len(origin), horizon)
    if not len(latest.series):
        return np.full(shape, np.nan), np.zeros(shape, np.int64)
    step = origin[:, None] + np.arange(1, horizon + 1)
    low, high = min(step.min(), latest.step.min()), max(step.max(), latest.step.max())
    known, owner = np.unique(latest.series, return_inverse=True)
    width = high - low + 1
    places = owner * width + latest.step - low  # sorted, as `latest` is
    row = np.searchsorted(known, numbers)
    there = (row < len(known)) & (known[np.minimum(row, len(known) - 1)] == numbers)
    wanted = row[:, None] * width + step - low
    at = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
    hit = (places[at] == wanted) & there[:, None]
    return np.where(hit, latest.value[at], np.nan), np.where(hit, latest.as_of[at], 0)
