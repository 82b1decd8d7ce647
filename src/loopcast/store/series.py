"""Series keys <-> numbers, remembered, so that a forecast's row holds eight bytes of its key."""

from collections.abc import Iterable, Mapping, Sequence
from threading import local
from typing import Any

import orjson
import sqlalchemy as sa

from loopcast.store.database import Database
from loopcast.store.schema import series

REMEMBERED = 200_000
PART = 500  # keys in one statement


def key_text(key: Mapping[str, Any]) -> str:
    """A key as the table holds it; the caller gives texts in the task's order of columns."""
    return orjson.dumps(key).decode()


class SeriesNumbers:
    """One model's numbers. Those met in a transaction count only after `keep`."""

    def __init__(self, database: Database, model: str) -> None:
        self._database, self._model = database, model
        self._known: dict[str, int] = {}
        self._own = local()  # a transaction is a thread's: another one's may be undone

    @property
    def _fresh(self) -> dict[str, int]:
        found: dict[str, int] = self._own.__dict__.setdefault("fresh", {})
        return found

    def of(self, connection: sa.Connection, keys: Sequence[str]) -> list[int]:
        """The number of each key, [key]; unknown keys get one."""
        known, fresh = self._known, self._fresh
        if unknown := [k for k in dict.fromkeys(keys) if k not in known and k not in fresh]:
            fresh |= self._find(connection, unknown)
            if missing := sorted(k for k in unknown if k not in fresh):  # one order: no deadlock
                self._add(connection, missing)
                fresh |= self._find(connection, missing)
        return [known.get(k) or fresh[k] for k in keys]

    def known(self, connection: sa.Connection, keys: Sequence[str]) -> dict[str, int]:
        """The numbers of those keys that have one."""
        return self._find(connection, list(dict.fromkeys(keys)))

    def keep(self) -> None:
        """The transaction was committed."""
        self._known.update(self._fresh)
        self._fresh.clear()
        if len(self._known) > REMEMBERED:
            self._known = {}

    def drop(self) -> None:
        """The transaction was undone."""
        self._fresh.clear()

    def _find(self, connection: sa.Connection, keys: list[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for part in _parts(keys):
            query = sa.select(series.c.key, series.c.id).where(
                series.c.model == self._model, series.c.key.in_(part)
            )
            found |= {key: number for key, number in connection.execute(query)}
        return found

    def _add(self, connection: sa.Connection, keys: list[str]) -> None:
        insert = self._database.insert(series).on_conflict_do_nothing()
        connection.execute(insert, [{"model": self._model, "key": key} for key in keys])


def _parts(keys: list[str]) -> Iterable[list[str]]:
    return (keys[i : i + PART] for i in range(0, len(keys), PART))
