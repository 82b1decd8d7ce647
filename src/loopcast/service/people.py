"""What people are asked and what they say, for the routes and for the page alike."""

import asyncio
import logging
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loopcast.core.scores import median
from loopcast.service.meters import Meters
from loopcast.service.problem import Problem, invalid
from loopcast.service.settings import Reviews as ReviewSettings
from loopcast.store.alarms import active
from loopcast.store.clock import now
from loopcast.store.ledger import Ledger
from loopcast.store.matching import Matched, matched
from loopcast.store.overrides import Override, Overrides, added
from loopcast.store.reviews import Review, Reviews
from loopcast.store.routing import Policy, route

log = logging.getLogger("loopcast.service")
DAY = 86_400_000_000
LARGEST = 1e300
MOST = 1_000
"""Of the newest questions so many are looked at, if no more may be open."""


@dataclass(frozen=True)
class Given:
    """One series' forecast as the ledger has it; `row` of `part`."""

    part: Matched
    row: int

    def quantiles(self, step: int) -> Mapping[str, float] | None:
        """By level, at a step of the horizon."""
        ahead = step - int(self.part.origin[self.row])
        if not 1 <= ahead <= self.part.quantiles.shape[1]:
            return None
        values = self.part.quantiles[self.row, ahead - 1]
        levels = self.part.task["quantiles"]
        return {f"{k:g}": float(str(v)) for k, v in zip(levels, values, strict=True)}

    def median(self, step: int) -> float:
        """The point forecast of a step."""
        ahead = step - int(self.part.origin[self.row])
        values = self.part.quantiles[self.row, ahead - 1]
        return float(median(values, self.part.task["quantiles"]))


class People:
    """Questions, answers and overrides of one model; every method reads or writes the store."""

    def __init__(self, ledger: Ledger, asked: ReviewSettings, meters: Meters) -> None:
        self.ledger, self._asked, self._meters = ledger, asked, meters
        self.reviews = Reviews(ledger.database, ledger.model)
        self.overrides = Overrides(ledger.database, ledger.model)
        self._idle: tuple[object, ...] | None = None
        """What was known when nothing was worth a question: until it changes nobody looks again."""

    def told(self, given: Sequence[Override], author: str) -> list[Override]:
        """Without what others said of questions whose forecast this person has not seen.

        Until the actual value has come: a question that another one answered may be answered too.
        """
        asked = self.reviews.read(open_only=False, limit=max(self._asked.size, MOST))
        blind = {(one.series, one.step) for one in asked if not one.seen_by(author)}
        return [
            one
            for one in given
            if one.author == author or one.actual is not None or (one.series, one.step) not in blind
        ]

    def fill(self) -> int:
        """Close what is over, ask what is worth it; how many questions are new."""
        waiting = self.reviews.sweep()
        room, new = self._asked.size - waiting, 0
        if room > 0:
            alarms = active(self.ledger.database, self.ledger.model)
            alarmed = [key for alarm in alarms for key in alarm.concerned]
            news = (self.reviews.mark(), waiting, alarmed)
            if news != self._idle:
                new = self._ask(alarmed, room)
                self._idle = None if new else news
        self._meters.reviews.set(waiting + new)
        value = added(self.overrides.read())
        if value.landed:
            self._meters.gain.set(value.gain)
        return new

    def _ask(self, alarmed: Sequence[Mapping[str, str]], room: int) -> int:
        span = int(self._asked.days * DAY)
        newest = matched(self.ledger, given_after=now() - span, last_only=True)
        policy = Policy(self._asked.share, self._asked.seed)
        questions = route(newest, alarmed, self.reviews.asked(), room, policy)
        return self.reviews.ask(questions, self._asked.blind, now() + span)

    async def watch(self) -> None:
        """Fill the queue for ever; a database that is away for a while changes nothing."""
        while self._asked.size:
            try:
                new = await asyncio.to_thread(self.fill)
                if new:
                    log.info("%d new questions wait for people", new)
            except Exception:
                log.exception("the review queue could not be filled; later again")
            await asyncio.sleep(self._asked.seconds)

    def review(self, text: str) -> Review:
        """Raises Problem 404."""
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise Problem(404, "There is no such question.")
        found = self.reviews.one(int(text))
        if found is None:
            raise Problem(404, "There is no such question.")
        return found

    def given(self, series: int, origin: int, answer: str) -> Given | None:
        """A forecast of the ledger; None where it was thinned away."""
        wanted = uuid.UUID(answer)
        parts = matched(
            self.ledger, first=origin, last=origin, series_numbers=[series], repeated=True
        )
        for part in parts:
            for row, one in enumerate(part.answers):
                if uuid.UUID(one) == wanted:
                    return Given(part, row)
        return None

    def say(
        self, review: Review, author: str, what: str, value: float | None, reason: str
    ) -> Review:
        """Keep an answer, and let its author see the forecast. Raises Problem."""
        plain(reason)
        if what == "skip":
            self.reviews.close(review, author, "skipped", None, reason)
            return self.see(review, author)
        if value is None:
            raise invalid("/value", "a value is needed")
        if what == "actual":
            self.reviews.give_actual(review, author, checked(value), reason)
        else:
            self._override(review, author, checked(value), reason)
        return self.see(review, author)

    def see(self, review: Review, author: str) -> Review:
        """The forecast is shown to this person from now on."""
        self.reviews.show(review, author)
        return self.review(str(review.id))

    def override(
        self, given: Given, step: int, author: str, value: float, reason: str, hidden: bool = False
    ) -> bool:
        """Is it new? Raises Problem where the step is not of the horizon."""
        part, row = given.part, given.row
        plain(reason)
        if given.quantiles(step) is None:
            raise invalid("/time", "the forecast has no such step")
        return self.overrides.add(
            Override(
                int(part.series[row]), step, part.answers[row], part.version,
                int(part.origin[row]), checked(value), given.median(step), reason, author, hidden,
            )
        )  # fmt: skip

    def _override(self, review: Review, author: str, value: float, reason: str) -> None:
        if not reason.strip():
            raise invalid("/reason", "an override needs a reason")
        given = self.given(review.series, review.origin, review.answer)
        if given is None:
            raise Problem(409, "The forecast is no longer kept, so it cannot be overridden.")
        self.override(given, review.step, author, value, reason, not review.seen_by(author))
        self.reviews.close(review, author, "override", value, reason)


def checked(value: float) -> float:
    """A number that a float64 column and its sums can hold; raises Problem."""
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise invalid("/value", "the number is too large, or none")
    return value


def plain(text: str) -> None:
    """Raises Problem for a letter that PostgreSQL does not keep."""
    if "\x00" in text:
        raise invalid("/reason", "the reason holds a NUL")
