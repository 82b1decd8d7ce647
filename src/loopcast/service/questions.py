"""/v1/reviews and /v1/overrides: what people are asked, and what they put in place of forecasts."""

import asyncio
import math
import uuid
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from loopcast.core.frequency import Frequency
from loopcast.service.body import decode, read
from loopcast.service.champion import Champion
from loopcast.service.instance import keys, step_of
from loopcast.service.people import Given, People
from loopcast.service.problem import Problem, invalid
from loopcast.service.routes import reply
from loopcast.service.served import Served, written
from loopcast.service.settings import Limits
from loopcast.service.wire import OverrideSent, ReviewAnswer
from loopcast.store.clock import iso
from loopcast.store.overrides import Override, added
from loopcast.store.reviews import Review
from loopcast.store.series import key_text

ANSWER = msgspec.json.Decoder(ReviewAnswer)
OVERRIDE = msgspec.json.Decoder(OverrideSent)
MOST = 1_000
"""Questions or overrides in one answer."""


class Questions:
    """The routes; a person is the client of a key."""

    def __init__(self, people: People, champion: Champion, limits: Limits) -> None:
        self._people, self._champion, self._limits = people, champion, limits

    async def show_all(self, request: Request) -> Response:
        """Open questions by worth, or the latest of all."""
        state, limit = request.query_params.get("state", "open"), _limit(request)
        if state not in {"open", "all"}:
            raise Problem(422, "state is open or all.")
        found = await asyncio.to_thread(self._all, state == "open", limit, request.state.client)
        return reply({"reviews": found})

    async def show(self, request: Request) -> Response:
        """One question, with the forecast for those who may see it."""
        return reply(
            await asyncio.to_thread(self._one, request.path_params["id"], _author(request))
        )

    async def reveal(self, request: Request) -> Response:
        """Note that this person sees the forecast from now on."""

        def work() -> Any:
            review = self._people.review(request.path_params["id"])
            return self._shown(self._people.see(review, _author(request)), _author(request))

        return reply(await asyncio.to_thread(work))

    async def answer(self, request: Request) -> Response:
        """Keep what a person says."""
        review = await asyncio.to_thread(self._people.review, request.path_params["id"])
        sent = decode(await read(request, self._limits), ANSWER)

        def work() -> Any:
            author = _author(request)
            said = self._people.say(review, author, sent.what, sent.value, sent.reason)
            return self._shown(said, author)

        return reply(await asyncio.to_thread(work))

    async def overrides(self, request: Request) -> Response:
        """The latest, and the forecast value added by all."""
        return reply(await asyncio.to_thread(self._overrides, _author(request)))

    async def override(self, request: Request) -> Response:
        """Another value in place of one step of a forecast that was answered."""
        sent = decode(await read(request, self._limits), OVERRIDE)
        served = self._champion.current
        new = await asyncio.to_thread(self._put, sent, served, _author(request))
        return reply({"new": new})

    def _all(self, open_only: bool, limit: int, author: str) -> list[dict[str, Any]]:
        reviews = self._people.reviews.read(open_only=open_only, limit=limit)
        frequency = self._frequency()
        return [_facts(review, author, frequency) for review in reviews]

    def _one(self, text: str, author: str) -> dict[str, Any]:
        return self._shown(self._people.review(text), author)

    def _shown(self, review: Review, author: str) -> dict[str, Any]:
        given = self._people.given(review.series, review.origin, review.answer)
        frequency = self._frequency()
        found = _facts(review, author, frequency)
        seen = given is not None and review.seen_by(author)
        found["forecast"] = _forecast(given, review) if given and seen else None
        return found

    def _frequency(self) -> Frequency:
        return self._champion.current.frequency

    def _overrides(self, author: str) -> dict[str, Any]:
        given, frequency = self._people.overrides.read(), self._frequency()
        value = added(given)
        return {
            "value_added": {
                "overrides": value.count,
                "landed": value.landed,
                "better": value.better,
                "wape": _number(value.people),
                "model_wape": _number(value.model),
                "gain": _number(value.gain),
            },
            "overrides": [
                _override(one, frequency) for one in self._people.told(given[:MOST], author)
            ],
        }

    def _put(self, sent: OverrideSent, served: Served, author: str) -> bool:
        (key,) = keys([sent.key], served.task, "/key")
        step = step_of(sent.time, served, "/time")
        try:
            answer = self._people.ledger.answer(str(uuid.UUID(sent.forecast)))
        except ValueError as error:
            raise invalid("/forecast", "there is no forecast with this id") from error
        if answer is None:
            raise invalid("/forecast", "there is no forecast with this id")
        origins = [one.origin for one in answer.forecasts if dict(one.key) == key]
        given = self._found(key_text(key), origins, answer.id)
        if given is None:
            raise invalid("/key", "the forecast has no such series")
        return self._people.override(given, step, author, sent.value, sent.reason)

    def _found(self, key: str, origins: list[int], answer: str) -> Given | None:
        ledger = self._people.ledger
        with ledger.database.reading() as connection:
            numbers = ledger.series.known(connection, [key])
        if not numbers or not origins:
            return None
        return self._people.given(numbers[key], origins[0], answer)


def _author(request: Request) -> str:
    return request.state.client


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "100")
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MOST:
        raise Problem(422, f"limit is a number from 1 to {MOST:,}.")
    return int(text)


def _facts(review: Review, author: str, frequency: Frequency) -> dict[str, Any]:
    """Without the forecast; of what others said only when nothing is hidden any more."""
    seen = review.seen_by(author)
    return {
        "id": review.id,
        "key": review.key,
        "time": written(frequency, [review.step])[0],
        "origin": written(frequency, [review.origin])[0],
        "why": review.why,
        "worth": _number(review.worth),
        "blind": review.blind,
        "asked_at": iso(review.asked_at),
        "open_until": iso(review.open_until),
        "closed": review.closed,
        "said": [
            {
                "at": iso(one.at),
                "author": one.author,
                "what": one.what,
                "value": one.value,
                "reason": one.reason,
                "hidden": one.hidden,
            }
            for one in review.events
            if seen or one.author == author
        ],
    }


def _forecast(given: Given, review: Review) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(review.answer)),
        "version": review.version,
        "quantiles": given.quantiles(review.step),
    }


def _override(one: Override, frequency: Frequency) -> dict[str, Any]:
    return {
        "key": one.key,
        "time": written(frequency, [one.step])[0],
        "origin": written(frequency, [one.origin])[0],
        "forecast": str(uuid.UUID(one.answer)),
        "version": one.version,
        "at": iso(one.at),
        "author": one.author,
        "value": one.value,
        "model": one.forecast,
        "actual": one.actual,
        "reason": one.reason,
        "hidden": one.hidden,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
