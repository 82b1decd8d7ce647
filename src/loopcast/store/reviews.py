"""What people are asked, and what they said: questions of one series and one step each.

A question is closed by an answer, by the actual value that came another way, or by time. What was
said stays as it was said: events are only ever added. Actual values are vintages in `actuals` with
the source "review" and an author; overrides lie in `loopcast.store.overrides`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from loopcast.store.actuals import Actual, Actuals
from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.schema import actuals, answers, review_events, reviews, series
from loopcast.store.series import key_text

Why = Literal["wide", "unknown", "alarm", "random"]
What = Literal["shown", "actual", "override", "skipped"]
CLOSES = {"actual": "answered", "override": "answered", "skipped": "skipped"}
SOURCE = "review"
"""The `source` of actual values that people gave."""


@dataclass(frozen=True)
class Question:
    """One that is not asked yet; `worth` ranks it among others."""

    series: int
    step: int
    answer: str
    version: int
    origin: int
    why: Why
    worth: float


@dataclass(frozen=True)
class Review:
    """A question as it stands; `closed` None: open."""

    id: int
    series: int
    key: Mapping[str, str]
    step: int
    answer: str
    version: int
    origin: int
    why: Why
    worth: float
    blind: bool
    asked_at: int
    open_until: int
    closed: str | None
    closed_at: int | None
    events: Sequence["Said"] = ()

    def seen_by(self, author: str) -> bool:
        """Has this person seen the forecast?"""
        return not self.blind or any(e.what == "shown" and e.author == author for e in self.events)


@dataclass(frozen=True)
class Said:
    """One thing that a person did with a question."""

    at: int
    author: str
    what: What
    value: float | None
    reason: str
    hidden: bool


class Reviews:
    """One model's questions in a database."""

    def __init__(self, database: Database, model: str) -> None:
        self.database, self.model = database, model

    def ask(self, questions: Sequence[Question], blind: bool, open_until: int) -> int:
        """How many are new; a step of a series is asked about once."""
        at = now()
        rows = [
            {
                "model": self.model, "series": one.series, "step": one.step, "answer": one.answer,
                "version": one.version, "origin": one.origin, "why": one.why, "worth": one.worth,
                "blind": blind, "asked_at": at, "open_until": open_until,
            }
            for one in questions
        ]  # fmt: skip
        if not rows:
            return 0
        insert = self.database.insert(reviews).on_conflict_do_nothing()
        with self.database.writing() as connection:
            before = self._count(connection)
            for row in rows:
                connection.execute(insert.values(row))
            return self._count(connection) - before

    def sweep(self, at: int | None = None) -> int:
        """Close what time or an actual value has answered; how many are open after it."""
        at = now() if at is None else at
        still = [reviews.c.model == self.model, reviews.c.closed.is_(None)]
        newer = actuals.alias()
        later = sa.exists().where(
            newer.c.series == actuals.c.series, newer.c.step == actuals.c.step,
            newer.c.as_of > actuals.c.as_of,
        ).correlate(actuals)  # fmt: skip
        landed = sa.exists().where(
            actuals.c.series == reviews.c.series, actuals.c.step == reviews.c.step,
            actuals.c.value.is_not(None), ~later,
        )  # fmt: skip
        with self.database.writing() as connection:
            for closed, rule in (("landed", landed), ("expired", reviews.c.open_until <= at)):
                change = sa.update(reviews).where(*still, rule)
                connection.execute(change.values(closed=closed, closed_at=at))
            return self._count(connection, *still)

    def asked(self) -> set[tuple[int, int]]:
        """Every (series, step) that was ever asked about."""
        query = sa.select(reviews.c.series, reviews.c.step).where(reviews.c.model == self.model)
        with self.database.reading() as connection:
            return {(series, step) for series, step in connection.execute(query)}

    def read(
        self, *, open_only: bool = True, limit: int = 100, number: int | None = None
    ) -> list[Review]:
        """Open ones by worth, or the latest of all; `number`: those of one series."""
        query = self._query()
        if number is not None:
            query = query.where(reviews.c.series == number)
        if open_only:
            query = query.where(reviews.c.closed.is_(None), reviews.c.open_until > now())
            query = query.order_by(reviews.c.worth.desc(), reviews.c.id)
        else:
            query = query.order_by(reviews.c.id.desc())
        with self.database.reading() as connection:
            rows = connection.execute(query.limit(limit)).all()
            said = self._said(connection, [row.id for row in rows])
        return [_review(row, said.get(row.id, [])) for row in rows]

    def one(self, number: int) -> Review | None:
        """With all that was said; None where there is no such question."""
        with self.database.reading() as connection:
            row = connection.execute(self._query().where(reviews.c.id == number)).one_or_none()
            return None if row is None else _review(row, self._said(connection, [number])[number])

    def show(self, review: Review, author: str) -> None:
        """The author sees the forecast from now on; that is kept, once."""
        if not review.seen_by(author):
            self._note(review, Said(now(), author, "shown", None, "", hidden=False))

    def give_actual(self, review: Review, author: str, value: float, reason: str = "") -> bool:
        """Is it new? A vintage of its own in `actuals`, and the question is closed."""
        key = key_text(review.key)
        new = Actuals(self.database, self.model).add(
            [Actual(key, review.step, value)], SOURCE, author
        )
        return self.close(review, author, "actual", value, reason) or bool(new)

    def close(
        self, review: Review, author: str, what: What, value: float | None = None, reason: str = ""
    ) -> bool:
        """Note what was said; False where this author's last word is the same."""
        own = [e for e in review.events if e.author == author and e.what != "shown"]
        if own and (own[-1].what, own[-1].value, own[-1].reason) == (what, value, reason):
            return False
        hidden = not review.seen_by(author)
        self._note(review, Said(now(), author, what, value, reason, hidden))
        return True

    def mark(self) -> tuple[int, int]:
        """Changes with every forecast that is given and every value that comes."""
        given = sa.select(sa.func.max(answers.c.given_at)).where(answers.c.model == self.model)
        with self.database.reading() as connection:
            came = connection.execute(sa.select(sa.func.max(actuals.c.id))).scalar()
            return int(connection.execute(given).scalar() or 0), int(came or 0)

    def open_count(self) -> int:
        """How many wait."""
        still = (reviews.c.closed.is_(None), reviews.c.open_until > now())
        with self.database.reading() as connection:
            return self._count(connection, reviews.c.model == self.model, *still)

    def _note(self, review: Review, said: Said) -> None:
        row = {
            "review": review.id, "at": said.at, "author": said.author, "what": said.what,
            "value": said.value, "reason": said.reason, "hidden": said.hidden,
        }  # fmt: skip
        with self.database.writing() as connection:
            connection.execute(sa.insert(review_events).values(row))
            if said.what in CLOSES:
                change = sa.update(reviews).where(
                    reviews.c.id == review.id, reviews.c.closed.is_(None)
                )
                connection.execute(change.values(closed=CLOSES[said.what], closed_at=said.at))

    def _count(self, connection: sa.Connection, *where: Any) -> int:
        chosen = where or (reviews.c.model == self.model,)
        query = sa.select(sa.func.count()).select_from(reviews).where(*chosen)
        return int(connection.execute(query).scalar() or 0)

    def _query(self) -> sa.Select[Any]:
        return (
            sa.select(reviews, series.c.key)
            .join(series, series.c.id == reviews.c.series)
            .where(reviews.c.model == self.model)
        )

    def _said(self, connection: sa.Connection, numbers: Sequence[int]) -> dict[int, list[Said]]:
        found: dict[int, list[Said]] = {number: [] for number in numbers}
        query = sa.select(review_events).where(review_events.c.review.in_(numbers))
        for row in connection.execute(query.order_by(review_events.c.id)):
            said = Said(row.at, row.author, row.what, row.value, row.reason, row.hidden)
            found[row.review].append(said)
        return found


def _review(row: Any, events: Sequence[Said]) -> Review:
    return Review(
        row.id, row.series, json.loads(row.key), row.step, row.answer, row.version, row.origin,
        row.why, row.worth, row.blind, row.asked_at, row.open_until, row.closed, row.closed_at,
        events,
    )  # fmt: skip
