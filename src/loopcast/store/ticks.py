"""Ticks of monitoring: when the last one ran, and what it said.

`facts` of a tick that was done: `through` (the last target step with a value), `actuals_lag_seconds`
(median from a step's end to its value, of what landed last), `reference` (looks there are to compare
with, and how many are needed), `alarms` (how many are open), `landed` (the last vintage it read).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from loopcast.store.database import Database
from loopcast.store.schema import ticks

KEPT = 2_000


@dataclass(frozen=True)
class Tick:
    """`outcome`: done, nothing (no news) or failed."""

    at: int
    seconds: float
    outcome: str
    facts: Mapping[str, Any]


def write(connection: sa.Connection, model: str, tick: Tick) -> None:
    """Add it; the oldest beyond KEPT are dropped."""
    row = {"model": model, "at": tick.at, "seconds": tick.seconds, "outcome": tick.outcome}
    facts = json.dumps(dict(tick.facts), ensure_ascii=False)
    connection.execute(sa.insert(ticks).values(row | {"facts": facts}))
    mine = ticks.c.model == model
    oldest = sa.select(ticks.c.id).where(mine).order_by(ticks.c.id.desc()).offset(KEPT).limit(1)
    done = sa.select(sa.func.max(ticks.c.id)).where(mine, ticks.c.outcome == "done")
    limit, kept = (connection.execute(query).scalar() for query in (oldest, done))
    if limit is not None:  # the last one that measured something is what the next one goes by
        old = sa.delete(ticks).where(mine, ticks.c.id <= limit, ticks.c.id != (kept or 0))
        connection.execute(old)


def last(database: Database, model: str, outcome: str | None = None) -> Tick | None:
    """The newest tick, or the newest with this outcome."""
    return next(iter(recent(database, model, outcome, 1)), None)


def recent(
    database: Database, model: str, outcome: str | None = None, limit: int = 20
) -> list[Tick]:
    """The newest first."""
    where = [ticks.c.model == model]
    if outcome is not None:
        where.append(ticks.c.outcome == outcome)
    query = sa.select(ticks).where(*where).order_by(ticks.c.id.desc()).limit(limit)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    return [Tick(row.at, row.seconds, row.outcome, json.loads(row.facts)) for row in rows]
