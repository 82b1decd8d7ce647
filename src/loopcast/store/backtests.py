"""Errors of a version on windows that it was not trained on: what drift is told against.

Monitoring replays them once for a version; retraining, which replays challengers anyway, may write
them as well. Errors are (median forecast - actual) / scale of the window, see
loopcast.core.naive.window_scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from loopcast.store.database import Database
from loopcast.store.schema import backtests, series
from loopcast.store.series import SeriesNumbers


@dataclass(frozen=True)
class Backtest:
    """`keys` are `key_text`s, [window]; errors of unknown steps are NaN."""

    keys: Sequence[str]
    origin: NDArray[np.int64]  # [window], steps
    errors: NDArray[np.float32]  # [window, horizon]

    def __len__(self) -> int:
        return len(self.keys)

    def marked(self, absent: Sequence[str], origin: int) -> "Backtest":
        """With a window of which nothing is known for each series that was asked for and not found."""
        nothing = np.full((len(absent), self.errors.shape[1]), np.nan, np.float32)
        origins = np.r_[self.origin, np.full(len(absent), origin)]
        return Backtest([*self.keys, *absent], origins, np.r_[self.errors, nothing])


def write(database: Database, model: str, version: int, found: Backtest) -> None:
    """What was there of the same (series, origin) is replaced."""
    numbers = SeriesNumbers(database, model)
    errors = np.ascontiguousarray(found.errors, "<f4")
    with database.writing() as connection:
        rows = [
            {"model": model, "version": version, "series": number, "origin": int(origin)}
            | {"errors": one.tobytes()}
            for number, origin, one in zip(
                numbers.of(connection, found.keys), found.origin, errors, strict=True
            )
        ]
        insert = database.insert(backtests)
        same = insert.on_conflict_do_update(
            index_elements=["model", "version", "series", "origin"],
            set_={"errors": insert.excluded.errors},
        )
        if rows:
            connection.execute(same, rows)


def read(database: Database, model: str, version: int) -> Backtest | None:
    """None where there is none yet."""
    b = backtests.c
    query = (
        sa.select(series.c.key, b.origin, b.errors)
        .join(series, series.c.id == b.series)
        .where(b.model == model, b.version == version)
        .order_by(b.series, b.origin)
    )
    with database.reading() as connection:
        rows = connection.execute(query).all()
    if not rows:
        return None
    errors = np.frombuffer(b"".join(row.errors for row in rows), "<f4").reshape(len(rows), -1)
    origin = np.array([row.origin for row in rows], np.int64)
    return Backtest([row.key for row in rows], origin, errors)
