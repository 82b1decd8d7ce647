"""Actual values as vintages: what was known of a step, and since when.

Values come late, in part and revised. A vintage is never changed: a revision is a new one with a
later `as_of`. So sending twice adds nothing, and any past state of knowledge can be read back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from loopcast.core.errors import LoopcastError
from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.schema import actuals
from loopcast.store.series import SeriesNumbers

PART = 400  # rows in one statement: SQLite binds 32,766 values at most
NEVER = 2**62


class Conflict(LoopcastError):
    """Values that contradict a vintage there is; `rows` are their positions. Nothing was kept."""

    def __init__(self, message: str, rows: Sequence[int]) -> None:
        super().__init__(message)
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Actual:
    """`key` is a `key_text`; `as_of` None is "now"; `value` None withdraws what was said before."""

    key: str
    step: int
    value: float | None
    as_of: int | None = None


@dataclass(frozen=True)
class Latest:
    """The newest vintage of each (series, step), sorted by both; [value] each."""

    series: NDArray[np.int64]
    step: NDArray[np.int64]
    value: NDArray[np.float64]  # NaN: withdrawn
    as_of: NDArray[np.int64]

    def of(self, number: int) -> "Latest":
        """Those of one series."""
        low, high = np.searchsorted(self.series, [number, number + 1])
        part = slice(low, high)
        return Latest(self.series[part], self.step[part], self.value[part], self.as_of[part])


class Actuals:
    """One model's actual values in a database."""

    def __init__(self, database: Database, model: str) -> None:
        self.database = database
        self.series = SeriesNumbers(database, model)

    def add(self, values: Sequence[Actual], source: str = "api", author: str = "") -> int:
        """How many vintages are new; all are kept or none. Raises Conflict, StoreError.

        A value without `as_of` that equals the newest vintage is that vintage.
        """
        received = now()
        try:
            with self.database.writing() as connection:
                numbers = self.series.of(connection, [value.key for value in values])
                there = self._there(connection, numbers, values)
                fresh = _fresh(values, numbers, there, received)
                rows = [
                    {"series": number, "step": step, "as_of": as_of, "value": value}
                    | {"received_at": received, "source": source, "author": author}
                    for (number, step, as_of), value in fresh.items()
                ]
                if rows:
                    connection.execute(sa.insert(actuals), rows)
        except BaseException:
            self.series.drop()
            raise
        self.series.keep()
        return len(rows)

    def _there(
        self, connection: sa.Connection, numbers: Sequence[int], values: Sequence[Actual]
    ) -> dict[tuple[int, int], dict[int, float | None]]:
        """(series, step) -> as_of -> value, of the steps that `values` speak of."""
        steps: dict[int, set[int]] = {}
        for number, value in zip(numbers, values, strict=True):
            steps.setdefault(number, set()).add(value.step)
        found: dict[tuple[int, int], dict[int, float | None]] = {}
        for number, wanted in steps.items():
            query = sa.select(actuals.c.step, actuals.c.as_of, actuals.c.value).where(
                actuals.c.series == number, actuals.c.step.between(min(wanted), max(wanted))
            )
            for step, as_of, value in connection.execute(query):
                if step in wanted:
                    found.setdefault((number, step), {})[as_of] = value
        return found

    def latest(
        self,
        connection: sa.Connection,
        numbers: Sequence[int] | None = None,
        first: int = -NEVER,
        last: int = NEVER,
        as_of: int = NEVER,
    ) -> Latest:
        """The newest vintages known by `as_of`, of these series (or all), steps first to last."""
        rank = sa.func.row_number().over(
            partition_by=(actuals.c.series, actuals.c.step), order_by=actuals.c.as_of.desc()
        )
        columns = (actuals.c.series, actuals.c.step, actuals.c.value, actuals.c.as_of)
        within = [actuals.c.step.between(first, last), actuals.c.as_of <= as_of]
        rows: list[tuple[int, int, float | None, int]] = []
        for part in _parts(numbers):
            where = within if part is None else [*within, actuals.c.series.in_(part)]
            ranked = sa.select(*columns, rank.label("rank")).where(*where).subquery()
            newest = sa.select(*list(ranked.c)[:4]).where(ranked.c.rank == 1)
            rows += [tuple(row) for row in connection.execute(newest)]
        return _sorted(rows)

    def read(
        self, keys: Sequence[str], first: int = -NEVER, as_of: int = NEVER
    ) -> dict[str, Latest]:
        """Newest vintages by key, of the keys that are known."""
        with self.database.reading() as connection:
            known: Mapping[str, int] = self.series.known(connection, keys)
            found = self.latest(connection, list(known.values()), first, as_of=as_of)
        return {key: found.of(number) for key, number in known.items()}


def _fresh(
    values: Sequence[Actual],
    numbers: Sequence[int],
    there: dict[tuple[int, int], dict[int, float | None]],
    received: int,
) -> dict[tuple[int, int, int], float | None]:
    """What is to be added, by (series, step, as_of)."""
    fresh: dict[tuple[int, int, int], float | None] = {}
    wrong = []
    for i, (number, one) in enumerate(zip(numbers, values, strict=True)):
        vintages = there.setdefault((number, one.step), {})
        newest = max(vintages, default=-NEVER)
        if one.as_of is None and vintages and vintages[newest] == one.value:
            continue
        # "now" comes after what is known, also where the clock has jumped back
        as_of = max(received, newest + 1) if one.as_of is None else one.as_of
        if as_of in vintages:
            if vintages[as_of] != one.value:
                wrong.append(i)
            continue
        vintages[as_of] = one.value
        fresh[number, one.step, as_of] = one.value
    if wrong:
        raise Conflict(
            f"{len(wrong)} values differ from what was said before with the same as_of; a revision"
            " needs a later as_of",
            wrong,
        )
    return fresh


def _parts(numbers: Sequence[int] | None) -> list[Sequence[int] | None]:
    if numbers is None:
        return [None]
    return [numbers[i : i + PART] for i in range(0, len(numbers), PART)]


def _sorted(rows: list[tuple[int, int, float | None, int]]) -> Latest:
    series, step, value, as_of = zip(*rows, strict=True) if rows else ((), (), (), ())
    numbers, steps = np.array(series, np.int64), np.array(step, np.int64)
    order = np.lexsort((steps, numbers))
    values = np.array(value, np.float64)  # None becomes NaN
    return Latest(numbers[order], steps[order], values[order], np.array(as_of, np.int64)[order])
