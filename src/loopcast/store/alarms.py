"""Alarms that monitoring opens, keeps and closes, and the scores of its tests over time.

Pages and retraining read `active` and `recent`; `scores` gives the tests' course for a chart.
An alarm is one for each version, kind and scope; what it concerns may grow while it is open.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.schema import alarms, drift

Scope = Literal["panel", "groups", "series"]
NEWS = 7 * 86_400_000_000
"""Microseconds for which the end of an alarm is worth telling."""


@dataclass(frozen=True)
class Alarm:
    """`score` beyond `threshold` at target step `step`, first; see docs/monitoring.md for kinds.

    `concerned`: keys of series, or {column: text} of groups; empty for the whole panel. `why`:
    what the inputs show, as an explanation, never as the trigger. `told`: the webhook's state.
    """

    version: int
    kind: str
    scope: Scope
    step: int
    score: float
    threshold: float
    reason: str
    concerned: Sequence[Mapping[str, str]] = ()
    why: Sequence[str] = ()
    id: int = 0
    opened_at: int = 0
    seen_at: int = 0
    closed_at: int | None = None
    told: str = ""

    @property
    def open(self) -> bool:
        """It still holds."""
        return self.closed_at is None


@dataclass(frozen=True)
class Score:
    """One test at one look: an alarm where `p`, of a year without drift, is at most `alpha`."""

    version: int
    kind: str
    step: int
    error: float | None  # the panel's mean at this look, in naive scales
    score: float | None  # the statistic, in deviations
    p: float
    alpha: float


@dataclass(frozen=True)
class Change:
    """What one tick did to the alarms."""

    opened: list[Alarm] = field(default_factory=list)
    kept: list[Alarm] = field(default_factory=list)
    closed: list[Alarm] = field(default_factory=list)


def active(database: Database, model: str) -> list[Alarm]:
    """Those open now, oldest first."""
    where = [alarms.c.model == model, alarms.c.closed_at.is_(None)]
    with database.reading() as connection:
        return _read(connection, sa.select(alarms).where(*where).order_by(alarms.c.id))


def recent(database: Database, model: str, limit: int = 100) -> list[Alarm]:
    """Open or closed, the newest first."""
    query = sa.select(alarms).where(alarms.c.model == model)
    with database.reading() as connection:
        return _read(connection, query.order_by(alarms.c.id.desc()).limit(limit))


def scores(database: Database, model: str, version: int, first: int | None = None) -> list[Score]:
    """The tests over the whole panel, by kind and step."""
    c = drift.c
    where = [c.model == model, c.version == version]
    if first is not None:
        where.append(c.step >= first)
    query = sa.select(c.version, c.kind, c.step, c.error, c.score, c.p, c.alpha)
    with database.reading() as connection:
        rows = connection.execute(query.where(*where).order_by(c.kind, c.step))
        return [Score(*row) for row in rows]


def write_scores(
    connection: sa.Connection, model: str, version: int, found: Sequence[Score]
) -> None:
    """`found` is all there is of this version."""
    mine = sa.and_(drift.c.model == model, drift.c.version == version)
    connection.execute(sa.delete(drift).where(mine))
    if found:
        rows = [{"model": model, **asdict(one)} for one in found]
        connection.execute(sa.insert(drift), rows)


def settle(connection: sa.Connection, model: str, seen: Sequence[Alarm]) -> Change:
    """Open what is new, keep what is open and seen again, close what is not seen any more."""
    mine = [alarms.c.model == model, alarms.c.closed_at.is_(None)]
    there = {_name(one): one for one in _read(connection, sa.select(alarms).where(*mine))}
    change = Change()
    at = now()
    for one in seen:
        before = there.pop(_name(one), None)
        if before is None:
            opened = replace(one, opened_at=at, seen_at=at)
            result = connection.execute(sa.insert(alarms).values(_row(model, opened)))
            number = (result.inserted_primary_key or (0,))[0]
            change.opened.append(replace(opened, id=number))
        else:
            kept = replace(
                one, id=before.id, opened_at=before.opened_at, seen_at=at, step=before.step,
                told=before.told, why=before.why or one.why,
            )  # fmt: skip
            _update(connection, kept, _row(model, kept))
            change.kept.append(kept)
    for before in there.values():
        closed = replace(before, closed_at=at)
        _update(connection, closed, {"closed_at": at})
        change.closed.append(closed)
    return change


def untold(database: Database, model: str) -> list[Alarm]:
    """Those whose present state the webhook has not been told; what closed long ago is no news."""
    state = sa.case((alarms.c.closed_at.is_(None), "opened"), else_="closed")
    begun = alarms.c.told == "opened"  # whoever knows of it waits for its end
    news = sa.or_(alarms.c.closed_at.is_(None), begun, alarms.c.closed_at > now() - NEWS)
    query = sa.select(alarms).where(alarms.c.model == model, alarms.c.told != state, news)
    with database.reading() as connection:
        return _read(connection, query.order_by(alarms.c.id))


def tell(database: Database, alarm: Alarm) -> None:
    """The webhook knows the alarm's present state."""
    with database.writing() as connection:
        _update(connection, alarm, {"told": "opened" if alarm.open else "closed"})


def _name(alarm: Alarm) -> tuple[int, str, str]:
    return alarm.version, alarm.kind, alarm.scope


def _update(connection: sa.Connection, alarm: Alarm, values: dict[str, Any]) -> None:
    connection.execute(sa.update(alarms).where(alarms.c.id == alarm.id).values(values))


def _row(model: str, one: Alarm) -> dict[str, Any]:
    plain = (
        "version", "kind", "scope", "step", "score", "threshold", "reason",
        "opened_at", "seen_at", "closed_at", "told",
    )  # fmt: skip
    return {
        "model": model,
        **{name: getattr(one, name) for name in plain},
        "concerned": json.dumps([dict(key) for key in one.concerned], ensure_ascii=False),
        "why": json.dumps(list(one.why), ensure_ascii=False),
    }


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[Alarm]:
    return [
        Alarm(
            row.version, row.kind, row.scope, row.step, row.score, row.threshold, row.reason,
            json.loads(row.concerned), json.loads(row.why), row.id, row.opened_at, row.seen_at,
            row.closed_at, row.told,
        )
        for row in connection.execute(query)
    ]  # fmt: skip
