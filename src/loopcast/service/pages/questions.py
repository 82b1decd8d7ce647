"""The review queue on the page: what is asked, an answer, and whether overrides helped."""

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from loopcast.core.frequency import Frequency
from loopcast.service.pages.charts import Fan, fan
from loopcast.service.pages.forms import number, read_form, words
from loopcast.service.pages.paper import Paper, see_other, session_of
from loopcast.service.pages.series import SeriesPages, pasts
from loopcast.service.problem import Problem
from loopcast.service.served import written
from loopcast.store.catalogue import Listed
from loopcast.store.matching import matched
from loopcast.store.overrides import Override, added
from loopcast.store.reviews import Review

if TYPE_CHECKING:
    from loopcast.service.app import Parts

SAID = {
    "actual": "The value is kept, with your name.",
    "override": "The override is kept, with your name and reason.",
    "skip": "Skipped. Nobody is asked about this step again.",
    "show": "The forecast is shown; it is noted that you saw it.",
}


class QuestionPages:
    """GET /ui/reviews, /ui/reviews/{id}; POST .../answer and .../show."""

    def __init__(self, parts: "Parts", paper: Paper, series: SeriesPages) -> None:
        self._parts, self._paper, self._series = parts, paper, series
        self._people = parts.people

    async def index(self, request: Request) -> Response:
        """Open questions, the latest that are closed, and the value added."""
        facts = await asyncio.to_thread(self._index, request.state.client)
        return self._paper.html(request, "reviews.html", facts)

    async def show(self, request: Request) -> Response:
        """One question."""
        facts = await asyncio.to_thread(self._one, request.path_params["id"], request.state.client)
        said = SAID.get(request.query_params.get("said", ""), "")
        return self._paper.html(request, "review.html", facts | {"said": said})

    async def reveal(self, request: Request) -> Response:
        """See the forecast; that is noted."""
        self._paper.sessions.check(
            session_of(request, self._paper.sessions), (await read_form(request)).get("token", "")
        )
        author = request.state.client
        review = await asyncio.to_thread(self._people.review, request.path_params["id"])
        await asyncio.to_thread(self._people.see, review, author)
        return see_other(f"/ui/reviews/{review.id}?said=show")

    async def answer(self, request: Request) -> Response:
        """Keep what was said."""
        fields = await read_form(request)
        session = session_of(request, self._paper.sessions)
        self._paper.sessions.check(session, fields.get("token", ""))
        what, reason = fields.get("what", ""), words(fields, "reason")
        if what not in {"actual", "override", "skip"}:
            raise Problem(422, "Say the actual value, an override, or skip.")
        value = None if what == "skip" else number(fields, "value")
        if what == "override" and not reason:
            raise Problem(422, "An override needs a reason: go back and give one.")
        review = await asyncio.to_thread(self._people.review, request.path_params["id"])
        await asyncio.to_thread(self._people.say, review, session.name, what, value, reason)
        return see_other(f"/ui/reviews/{review.id}?said={what}")

    def _index(self, author: str) -> dict[str, Any]:
        reviews = self._people.reviews
        closed = [one for one in reviews.read(open_only=False, limit=200) if one.closed]
        given = self._people.overrides.read()
        seen = [one for one in given if not one.hidden]
        hidden = [one for one in given if one.hidden]
        return {
            "open": [self._dated(one) for one in reviews.read()],
            "closed": [self._dated(one) for one in closed[:20]],
            "added": added(given),
            "groups": [("blind", added(hidden)), ("having seen the forecast", added(seen))],
            "given": [(*self._point(one),) for one in self._people.told(given, author)[:20]],
            "asked": self._parts.settings.reviews,
        }

    def _one(self, text: str, author: str) -> dict[str, Any]:
        review = self._people.review(text)
        given = self._people.given(review.series, review.origin, review.answer)
        seen = review.seen_by(author)
        facts: dict[str, Any] = {
            "review": review,
            "time": self._time(review.step),
            "origin": self._time(review.origin),
            "seen": seen,
            "kept": given is not None,
            "mine": [one for one in review.events if one.author == author and one.what != "shown"],
            "events": [one for one in review.events if seen or one.author == author],
            "target": "value",
            "quantiles": given.quantiles(review.step) if given and seen else None,
            "chart": None,
        }
        if given is None:
            return facts
        listed = Listed(review.series, review.key)
        every = pasts(matched(self._people.ledger, series_numbers=[review.series]))
        put = {
            o.step: o.value
            for o in reversed(self._people.overrides.read(numbers=[review.series]))
            if o.origin == review.origin and (seen or o.author == author)
        }
        part, row = given.part, given.row
        drawn = fan(
            Fan(
                Frequency.parse(part.task["frequency"]), part.task["quantiles"], review.origin,
                part.quantiles[row] if seen else None, self._series.known(listed, every), put,
                review.origin + part.quantiles.shape[1],
            )
        )  # fmt: skip
        return facts | {"chart": drawn, "target": part.task["target"]}

    def _dated(self, review: Review) -> tuple[str | int, Review]:
        return self._time(review.step), review

    def _point(self, one: Override) -> tuple[str | int, Override]:
        return self._time(one.step), one

    def _time(self, step: int) -> str | int:
        return written(self._parts.champion.current.frequency, [step])[0]
