"""Series: the list that is searched, and one with its fan charts against what came."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from loopcast.core.frequency import Frequency
from loopcast.core.scores import coverage, median, wape
from loopcast.service.pages.charts import Fan, fan, rows, spark
from loopcast.service.pages.paper import Paper
from loopcast.service.people import MOST
from loopcast.service.problem import Problem
from loopcast.service.served import written
from loopcast.store.actuals import Actuals
from loopcast.store.catalogue import Catalogue, Listed
from loopcast.store.matching import Matched, matched
from loopcast.store.overrides import Override
from loopcast.store.series import key_text

if TYPE_CHECKING:
    from loopcast.service.app import Parts

ON_A_PAGE = 40
EARLIER = 6
"""Earlier forecasts that are drawn beside the chosen one."""
LISTED = 30
"""Origins in the table."""


@dataclass(frozen=True)
class Past:
    """One forecast of a series, and how it did as far as values have come."""

    version: int
    origin: int
    quantiles: NDArray[np.float32]  # [horizon, quantile]
    history: NDArray[np.float32]  # [history]
    actual: NDArray[np.float64]  # [horizon]
    task: Mapping[str, Any]
    warnings: Sequence[str]
    given_at: int

    @property
    def landed(self) -> int:
        """Steps with an actual value."""
        return int((~np.isnan(self.actual)).sum())

    @property
    def error(self) -> float:
        """WAPE of the median."""
        point = median(self.quantiles, self.task["quantiles"])
        return wape(self.actual[None], point[None])

    @property
    def inside(self) -> float:
        """Share of the values in the outer range."""
        low, high = self.quantiles[:, 0], self.quantiles[:, -1]
        return coverage(self.actual[None], low[None], high[None])

    def covers(self, step: int) -> bool:
        """Is the step one of its horizon?"""
        return 1 <= step - self.origin <= len(self.quantiles)


class SeriesPages:
    """GET /ui/series and /ui/series/{number}."""

    def __init__(self, parts: "Parts", paper: Paper) -> None:
        self._parts, self._paper = parts, paper
        self._catalogue = Catalogue(parts.database, parts.settings.model)

    async def index(self, request: Request) -> Response:
        """One page of those that a search finds."""
        words = request.query_params.get("q", "").replace("\x00", " ")[:200]
        page = _page(request.query_params.get("page", "1"))
        facts = await asyncio.to_thread(self._index, words, page)
        template = "series_rows.html" if "hx-request" in request.headers else "series_index.html"
        return self._paper.html(request, template, facts)

    async def show(self, request: Request) -> Response:
        """The chosen forecast, or the newest, and earlier ones."""
        text = request.path_params["number"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
        listed = await asyncio.to_thread(self._catalogue.one, number)
        if listed is None:
            raise Problem(404, "There is no such series.")
        chosen = request.query_params.get("forecast", "")
        facts = await asyncio.to_thread(self._one, listed, chosen, request.state.client)
        return self._paper.html(request, "series.html", facts)

    def _index(self, words: str, page: int) -> dict[str, Any]:
        total, found = self._catalogue.search(words, ON_A_PAGE, (page - 1) * ON_A_PAGE)
        numbers = [one.number for one in found]
        newest = matched(self._parts.ledger, series_numbers=numbers, last_only=True)
        last = {int(n): (part, row) for part in newest for row, n in enumerate(part.series)}
        return {
            "q": words,
            "total": total,
            "page": page,
            "pages": max(-(-total // ON_A_PAGE), 1),
            "found": [_entry(one, last.get(one.number)) for one in found],
        }

    def _one(self, listed: Listed, chosen: str, author: str) -> dict[str, Any]:
        given = pasts(matched(self._parts.ledger, series_numbers=[listed.number]))
        people = self._parts.people
        open_ = people.reviews.read(number=listed.number)
        base = {"listed": listed, "open": open_, "hidden": False, "chosen": None, "past": []}
        if not given:
            return base
        actual = self.known(listed, given)
        every = people.reviews.read(number=listed.number, open_only=False, limit=MOST)
        unseen = [r for r in every if r.closed != "expired" and not r.seen_by(author)]
        hiding = [review for review in unseen if review.step not in actual]
        blind = [review.step for review in hiding]
        overrides = people.told(people.overrides.read(numbers=[listed.number]), author)
        at = next((one for one in given if chosen == f"{one.origin}.{one.version}"), given[0])
        shown = [one for one in given if not any(one.covers(step) for step in blind)]
        before = [one for one in shown if one.origin < at.origin and one.landed]
        earlier = list({one.origin: one for one in reversed(before)}.values())[: -EARLIER - 1 : -1]
        frequency = Frequency.parse(at.task["frequency"])
        return base | {
            "chosen": at,
            "hidden": at not in shown,
            "hiding": [review for review in hiding if at.covers(review.step)],
            "chart": _drawn(at, actual, overrides, at not in shown),
            "table": _table(at, actual, frequency) if at in shown else None,
            "origin": written(frequency, [at.origin])[0],
            "earlier": [
                (written(frequency, [one.origin])[0], one, _drawn(one, actual, overrides, shown=12))
                for one in earlier
            ],
            "past": [
                (written(frequency, [one.origin])[0], one, one in shown) for one in given[:LISTED]
            ],
            "overrides": [(written(frequency, [o.step])[0], o) for o in overrides[:20]],
            "target": at.task["target"],
        }

    def known(self, listed: Listed, given: Sequence[Past]) -> dict[int, float]:
        """Values by step: what networks saw, and over it what came."""
        found: dict[int, float] = {}
        for one in reversed(given):
            steps = range(one.origin - len(one.history) + 1, one.origin + 1)
            values = zip(steps, one.history.tolist(), strict=True)
            found |= {step: value for step, value in values if not np.isnan(value)}
        values_ = Actuals(self._parts.database, self._parts.settings.model)
        key = key_text(listed.key)
        latest = values_.read([key]).get(key)
        if latest is not None:
            found |= dict(zip(latest.step.tolist(), latest.value.tolist(), strict=True))
        return {step: value for step, value in sorted(found.items()) if not np.isnan(value)}


def pasts(parts: Sequence[Matched]) -> list[Past]:
    """All forecasts of one series, the newest origin first."""
    found = [
        Past(
            part.version, int(part.origin[row]), part.quantiles[row], part.history[row],
            part.actual[row], part.task, part.warnings[row], int(part.given_at[row]),
        )
        for part in parts
        for row in range(len(part))
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.origin, one.given_at), reverse=True)


def _drawn(
    one: Past,
    actual: Mapping[int, float],
    overrides: Sequence[Override],
    hidden: bool = False,
    shown: int = 36,
) -> dict[str, Any]:
    put = {o.step: o.value for o in reversed(overrides) if one.covers(o.step)}
    quantiles = None if hidden else one.quantiles
    until = one.origin + len(one.quantiles)
    frequency = Frequency.parse(one.task["frequency"])
    return fan(
        Fan(frequency, one.task["quantiles"], one.origin, quantiles, actual, put, until, shown)
    )


def _table(one: Past, actual: Mapping[int, float], frequency: Frequency) -> dict[str, Any]:
    steps = list(range(one.origin + 1, one.origin + 1 + len(one.quantiles)))
    lines = [
        {"label": f"{100 * level:g}\u202f%", "values": one.quantiles[:, i].tolist()}
        for i, level in enumerate(one.task["quantiles"])
    ]
    came = {"label": "came", "values": [actual.get(step) for step in steps]}
    return rows(frequency, steps, [*lines, came])


def _entry(listed: Listed, last: tuple[Matched, int] | None) -> dict[str, Any]:
    if last is None:
        return {"listed": listed, "origin": None, "spark": "", "warnings": [], "version": None}
    part, row = last
    frequency = Frequency.parse(part.task["frequency"])
    return {
        "listed": listed,
        "origin": written(frequency, [int(part.origin[row])])[0],
        "version": part.version,
        "spark": spark(part.history[row]),
        "warnings": part.warnings[row],
    }


def _page(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1
