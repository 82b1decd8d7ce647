"""Forecasts that people put another value in place of, with a reason: kept beside, only ever added.

Whether they help is known when the actual value has come: the forecast value added compares the
error of the override with that of the model's median on the same points.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from loopcast.core.scores import wape
from loopcast.store.actuals import Actuals, Latest
from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.schema import overrides, series


@dataclass(frozen=True)
class Override:
    """`forecast` is the model's median; `hidden`: the author had not seen it."""

    series: int
    step: int
    answer: str
    version: int
    origin: int
    value: float
    forecast: float
    reason: str
    author: str = ""
    hidden: bool = False
    at: int = 0
    key: Mapping[str, str] | None = None
    actual: float | None = None  # as far as one has come

    @property
    def ahead(self) -> int:
        """Steps after the origin."""
        return self.step - self.origin


@dataclass(frozen=True)
class Added:
    """The forecast value added by `count` overrides, `landed` of which have met their actual.

    Errors are WAPE: the sum of |error| over the sum of |actual|; NaN where nothing has landed.
    """

    count: int
    landed: int
    people: float
    model: float
    better: int  # overrides that came closer than the model

    @property
    def gain(self) -> float:
        """The model's error minus that of people: above 0 where they helped."""
        return self.model - self.people


class Overrides:
    """One model's overrides in a database."""

    def __init__(self, database: Database, model: str) -> None:
        self.database, self.model = database, model

    def add(self, one: Override) -> bool:
        """Is it new? The same value and reason, said again by its author, adds nothing."""
        mine = [
            overrides.c.model == self.model, overrides.c.series == one.series,
            overrides.c.step == one.step, overrides.c.origin == one.origin,
            overrides.c.author == one.author,
        ]  # fmt: skip
        last = sa.select(overrides.c.value, overrides.c.reason).where(*mine)
        with self.database.writing() as connection:
            found = connection.execute(last.order_by(overrides.c.id.desc()).limit(1)).one_or_none()
            if found is not None and (found.value, found.reason) == (one.value, one.reason):
                return False
            row = {
                "model": self.model, "series": one.series, "step": one.step, "answer": one.answer,
                "version": one.version, "origin": one.origin, "at": now(), "author": one.author,
                "value": one.value, "forecast": one.forecast, "reason": one.reason,
                "hidden": one.hidden,
            }  # fmt: skip
            connection.execute(sa.insert(overrides).values(row))
            return True

    def read(
        self,
        *,
        numbers: Sequence[int] | None = None,
        answer: str | None = None,
        since: int | None = None,
        limit: int = 100_000,
    ) -> list[Override]:
        """The newest word of each (series, step, origin, author, hidden), the latest first.

        Beside each is the newest actual value of its step, as far as one has come.
        """
        where = [overrides.c.model == self.model]
        if numbers is not None:
            where.append(overrides.c.series.in_(numbers))
        if answer is not None:
            where.append(overrides.c.answer == answer)
        if since is not None:
            where.append(overrides.c.at > since)
        with self.database.reading() as connection:
            rows = connection.execute(_newest(where).limit(limit)).all()
            actual = self._actual(connection, rows)
        return [_override(row, actual.get((row.series, row.step))) for row in rows]

    def _actual(
        self, connection: sa.Connection, rows: Sequence[Any]
    ) -> dict[tuple[int, int], float]:
        if not rows:
            return {}
        steps = [row.step for row in rows]
        numbers = sorted({row.series for row in rows})
        found: Latest = Actuals(self.database, self.model).latest(
            connection, numbers, min(steps), max(steps)
        )
        landed = zip(found.series.tolist(), found.step.tolist(), found.value.tolist(), strict=True)
        return {(number, step): value for number, step, value in landed if not np.isnan(value)}


def added(given: Sequence[Override]) -> Added:
    """Over those that have met their actual value."""
    landed = [one for one in given if one.actual is not None]
    actual, value, forecast = (
        np.array([[getattr(one, name) for one in landed]], np.float64)
        for name in ("actual", "value", "forecast")
    )
    better = np.abs(value - actual) < np.abs(forecast - actual)
    people, model = wape(actual, value), wape(actual, forecast)
    return Added(len(given), len(landed), people, model, int(better.sum()))


def _newest(where: list[Any]) -> sa.Select[Any]:
    rank = sa.func.row_number().over(
        partition_by=(
            overrides.c.series, overrides.c.step, overrides.c.origin, overrides.c.author,
            overrides.c.hidden,
        ),
        order_by=overrides.c.id.desc(),
    )  # fmt: skip
    found = sa.select(overrides, rank.label("rank")).where(*where).subquery()
    return (
        sa.select(found, series.c.key)
        .join(series, series.c.id == found.c.series)
        .where(found.c.rank == 1)
        .order_by(found.c.id.desc())
    )


def _override(row: Any, actual: float | None) -> Override:
    return Override(
        row.series, row.step, row.answer, row.version, row.origin, row.value, row.forecast,
        row.reason, row.author, row.hidden, row.at, json.loads(row.key), actual,
    )  # fmt: skip
