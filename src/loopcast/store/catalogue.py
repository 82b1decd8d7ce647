"""The series that a ledger knows, to be searched by people, and how much has happened lately."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from loopcast.store.database import Database
from loopcast.store.schema import actuals, answers, series

WORDS = 8
"""Words of a search that count."""


@dataclass(frozen=True)
class Listed:
    """One series."""

    number: int
    key: Mapping[str, str]


@dataclass(frozen=True)
class Activity:
    """`answers` and `actuals` since an instant, `last_*` of all time."""

    series: int
    answers: int
    actuals: int
    last_answer: int | None
    last_actual: int | None


class Catalogue:
    """One model's series."""

    def __init__(self, database: Database, model: str) -> None:
        self.database, self.model = database, model

    def search(self, words: str, limit: int, offset: int = 0) -> tuple[int, list[Listed]]:
        """How many there are whose key holds every word, in any case, and one page of them.

        SQLite knows the case of ASCII letters only.
        """
        where = [series.c.model == self.model]
        for word in words.split()[:WORDS]:
            low = sa.func.lower(series.c.key).contains(_as_json(word.lower()), autoescape=True)
            where.append(low | series.c.key.contains(_as_json(word), autoescape=True))
        query = sa.select(series.c.id, series.c.key).where(*where).order_by(series.c.key)
        count = sa.select(sa.func.count()).select_from(series).where(*where)
        with self.database.reading() as connection:
            total = int(connection.execute(count).scalar() or 0)
            rows = connection.execute(query.limit(limit).offset(offset))
            return total, [Listed(number, json.loads(key)) for number, key in rows]

    def one(self, number: int) -> Listed | None:
        """None where the model has no such series."""
        query = sa.select(series.c.key).where(series.c.model == self.model, series.c.id == number)
        with self.database.reading() as connection:
            key = connection.execute(query).scalar()
        return None if key is None else Listed(number, json.loads(key))

    def numbers(self, keys: list[str]) -> dict[str, int]:
        """Of those keys (as `key_text` writes them) that are known."""
        query = sa.select(series.c.key, series.c.id).where(
            series.c.model == self.model, series.c.key.in_(keys)
        )
        with self.database.reading() as connection:
            return {key: number for key, number in connection.execute(query)}

    def activity(self, since: int) -> Activity:
        """Of this model; actual values are those of its series."""
        own = sa.select(series.c.id).where(series.c.model == self.model)
        mine, ours = answers.c.model == self.model, actuals.c.series.in_(own)
        queries = (
            sa.select(sa.func.count()).select_from(series).where(series.c.model == self.model),
            sa.select(sa.func.count()).select_from(answers).where(mine, answers.c.given_at > since),
            sa.select(sa.func.count()).select_from(actuals)
            .where(ours, actuals.c.received_at > since),
            sa.select(sa.func.max(answers.c.given_at)).where(mine),
            sa.select(sa.func.max(actuals.c.received_at)).where(ours),
        )  # fmt: skip
        with self.database.reading() as connection:
            found = [connection.execute(query).scalar() for query in queries]
        return Activity(found[0] or 0, found[1] or 0, found[2] or 0, found[3], found[4])


def _as_json(word: str) -> str:
    """As the key's text holds it."""
    return json.dumps(word, ensure_ascii=False)[1:-1]
