"""Retrains: what was tried and when, how it ended and why; what pages and the next tick read.

A row is written when work begins and again at each state, so that a process that was killed leaves
where it stood; the next one that holds the lease says so in the row.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.schema import retrains

Outcome = Literal["running", "promoted", "kept", "rolled back", "failed"]
KILLED = "the process ended before it was done; the champion stayed"
TOOK_OVER = "the process ended when the challenger had taken over; its gates are with the version"


@dataclass(frozen=True)
class Retrain:
    """One attempt. `reason`: alarm, again (after an alarm), age, data, hand, or watch.

    `gates`: {"name", "seen", "wanted", "passed"} each, as texts for people; `facts`: numbers for
    programs; `card`: the decision as Markdown. `step`: the last step of the data it looked at.
    """

    id: int
    model: str
    began_at: int
    ended_at: int | None
    reason: str
    outcome: Outcome
    state: str
    why: str
    champion: int | None
    challenger: int | None
    step: int | None
    snapshot: str
    gates: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""


class Retrains:
    """One model's in a database."""

    def __init__(self, database: Database, model: str) -> None:
        self.database, self.model = database, model

    def settle(self, champion: int | None) -> None:
        """Close what a killed process left open. The caller holds the lease, so nothing is under way."""
        left = sa.and_(retrains.c.model == self.model, retrains.c.ended_at.is_(None))
        took_over = sa.and_(left, retrains.c.challenger == champion)
        with self.database.writing() as connection:
            for which, outcome, why in (
                (took_over, "promoted", TOOK_OVER),
                (left, "failed", KILLED),
            ):
                ended = {"ended_at": now(), "outcome": outcome, "why": why}
                connection.execute(sa.update(retrains).where(which).values(ended))

    def begin(self, reason: str, why: str, champion: int | None, step: int | None) -> int:
        """Its number."""
        row = {
            "model": self.model, "began_at": now(), "reason": reason, "outcome": "running",
            "state": "begun", "why": why, "champion": champion, "step": step, "snapshot": "",
            "gates": "[]", "facts": "{}", "card": "",
        }  # fmt: skip
        with self.database.writing() as connection:
            result = connection.execute(sa.insert(retrains).values(row))
            return int((result.inserted_primary_key or (0,))[0])

    def at(self, number: int, state: str, **found: Any) -> None:
        """It goes on; `found`: columns that are known by now."""
        self._write(number, {"state": state, **found})

    def end(
        self, number: int, outcome: Outcome, why: str, *, gates: Sequence[Mapping[str, Any]] = (),
        facts: Mapping[str, Any] | None = None, card: str = "", **found: Any,
    ) -> None:  # fmt: skip
        """It is done."""
        told = {"gates": _json(list(gates)), "facts": _json(dict(facts or {})), "card": card}
        self._write(number, {"ended_at": now(), "outcome": outcome, "why": why, **told, **found})

    def recent(self, limit: int = 50) -> list[Retrain]:
        """The newest first."""
        query = sa.select(retrains).where(retrains.c.model == self.model)
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(retrains.c.id.desc()).limit(limit))
            return [_retrain(row) for row in rows]

    def one(self, number: int) -> Retrain | None:
        """By its number."""
        mine = sa.and_(retrains.c.model == self.model, retrains.c.id == number)
        with self.database.reading() as connection:
            row = connection.execute(sa.select(retrains).where(mine)).one_or_none()
        return None if row is None else _retrain(row)

    def _write(self, number: int, values: Mapping[str, Any]) -> None:
        with self.database.writing() as connection:
            connection.execute(sa.update(retrains).where(retrains.c.id == number).values(**values))


def _retrain(row: sa.Row[Any]) -> Retrain:
    facts = dict(row._mapping)
    return Retrain(**facts | {name: json.loads(facts[name]) for name in ("gates", "facts")})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
