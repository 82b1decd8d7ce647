"""What has come into a model's ledger since a mark; marks are row numbers; a clock only adds to what is new."""

from dataclasses import dataclass
from datetime import UTC

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.times import clock
from loopcast.store.database import Database
from loopcast.store.schema import actuals, answers, forecasts, series

LATE = 15 * 60 * 1_000_000
"""Microseconds: a value is numbered before its transaction is through, which may take as long."""
RECENT = 5_000
"""Newest vintages that the lag is told from."""
FAR = np.datetime64("9000-01-01")
"""What ends later has a placeholder for a date."""


@dataclass(frozen=True)
class News:
    """`landed`: the newest vintage's number."""

    landed: int
    answers: int  # in all
    rows: int  # vintages in all
    steps: NDArray[np.int64]  # of the values after the mark
    all_steps: NDArray[np.int64]  # that have a value
    horizon: int  # the longest of all forecasts
    recent: NDArray[np.int64]  # [vintage, 2]: step, received at

    @property
    def last(self) -> int:
        """The last step with a value."""
        return int(self.all_steps[-1]) if len(self.all_steps) else 0

    def lag(self, frequency: Frequency, zone: str | None = None) -> float | None:
        """Median seconds from a step's end to its value, of the newest ones; None without dates.

        `zone`: whose wall clock steps go by, UTC's by default.
        """
        if not frequency.dated or not len(self.recent):
            return None
        recent = self.recent[frequency.start(self.recent[:, 0] + 1) < FAR]
        if not len(recent):
            return None
        steps, place = np.unique(recent[:, 0] + 1, return_inverse=True)
        where = UTC if zone is None else clock(zone)
        walls = frequency.start(steps).astype("M8[s]").tolist()
        ends = np.array([round(w.replace(tzinfo=where).timestamp() * 1e6) for w in walls])[place]
        return round(float(np.median(recent[:, 1] - ends)) / 1e6, 1)


def news(database: Database, model: str, mark: int, looked: int = 0) -> News:
    """Of one model; `mark`: the number of the last vintage that was known, 0 for all.

    `looked`: when that was. What was received shortly before is new as well: on PostgreSQL a smaller
    number may be committed later.
    """
    mine = sa.select(series.c.id).where(series.c.model == model)
    own = actuals.c.series.in_(mine)
    with database.reading() as connection:
        landed, rows = connection.execute(
            sa.select(sa.func.max(actuals.c.id), sa.func.count()).where(own)
        ).one()
        every = _steps(connection, own)
        late = actuals.c.received_at > looked - LATE
        fresh = _steps(connection, sa.and_(own, sa.or_(actuals.c.id > mark, late)))
        number = sa.select(sa.func.count()).where(answers.c.model == model)
        given = int(connection.execute(number).scalar_one())
        horizon = connection.execute(
            sa.select(sa.func.max(forecasts.c.horizon)).where(forecasts.c.series.in_(mine))
        ).scalar()
        newest = sa.select(actuals.c.step, actuals.c.received_at).where(own)
        recent = connection.execute(newest.order_by(actuals.c.id.desc()).limit(RECENT)).all()
    table = np.array([tuple(row) for row in recent], np.int64).reshape(-1, 2)
    return News(landed or 0, given, rows, fresh, every, horizon or 0, table)


def _steps(connection: sa.Connection, where: sa.ColumnElement[bool]) -> NDArray[np.int64]:
    """Distinct, in order."""
    found = connection.execute(sa.select(actuals.c.step).where(where).distinct())
    return np.unique(np.array([step for (step,) in found], np.int64))
