"""Recalibrated ranges as monitoring learnt them, versioned with the model; states are only added.

The service reads `latest`; what a state means is said in loopcast.core.recalibration.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.schema import calibrations


@dataclass(frozen=True)
class Calibration:
    """`through`: the last target step it learnt from; `state`: plain JSON values."""

    id: int
    version: int
    made_at: int
    through: int
    state: Mapping[str, Any]


def latest(database: Database, model: str, version: int) -> Calibration | None:
    """The newest state of a version."""
    with database.reading() as connection:
        return _latest(connection, model, version)


def write(
    connection: sa.Connection, model: str, version: int, through: int, state: Mapping[str, Any]
) -> bool:
    """Add a state, unless it is the newest already; whether it was added."""
    before = _latest(connection, model, version)
    text = json.dumps(dict(state), ensure_ascii=False)
    if before is not None and before.through == through and before.state == json.loads(text):
        return False
    row = {"model": model, "version": version, "made_at": now(), "through": through, "state": text}
    connection.execute(sa.insert(calibrations).values(row))
    return True


def _latest(connection: sa.Connection, model: str, version: int) -> Calibration | None:
    c = calibrations.c
    query = sa.select(c.id, c.version, c.made_at, c.through, c.state)
    mine = query.where(c.model == model, c.version == version)
    row = connection.execute(mine.order_by(c.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Calibration(row.id, row.version, row.made_at, row.through, json.loads(row.state))
