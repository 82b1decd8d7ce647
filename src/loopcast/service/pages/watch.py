"""What monitoring found: accuracy and coverage over time, drift and its explanation."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from loopcast.core.frequency import Frequency
from loopcast.service.pages.charts import chart, line, rows
from loopcast.service.pages.paper import Paper
from loopcast.service.served import written
from loopcast.store import alarms, ticks
from loopcast.store.accuracy import Accuracy, read, together
from loopcast.store.alarms import Alarm, Score

if TYPE_CHECKING:
    from loopcast.service.app import Parts

COLOURS = 6
"""Lines of one chart that can be told apart; of more the last are drawn."""


class Watch:
    """GET /ui/accuracy and /ui/drift."""

    def __init__(self, parts: "Parts", paper: Paper) -> None:
        self._parts, self._paper = parts, paper

    async def accuracy(self, request: Request) -> Response:
        """By version, and for one of them by horizon and category."""
        wanted = request.query_params.get("version", "")
        facts = await asyncio.to_thread(self._accuracy, wanted)
        return self._paper.html(request, "accuracy.html", facts)

    async def drift(self, request: Request) -> Response:
        """Alarms, the tests' course, and what the inputs show."""
        return self._paper.html(request, "drift.html", await asyncio.to_thread(self._drift))

    def _accuracy(self, wanted: str) -> dict[str, Any]:
        found = read(self._parts.database, self._parts.settings.model)
        frequency = self._frequency()
        known = sorted({one.version for one in found}, reverse=True)
        version = next((v for v in known if str(v) == wanted), self._default(known))
        whole = [one for one in found if one.grouping == ""]
        own = [one for one in found if one.version == version]
        horizon = [one for one in own if one.grouping == "horizon"]
        nominals = sorted({n for one in whole for n in one.inside}, key=float)
        outer = nominals[-1] if nominals else None
        return {
            "versions": known,
            "version": version,
            "charts": _charts(frequency, whole, horizon, outer, version) if found else [],
            "by_version": [(v, together([o for o in whole if o.version == v])) for v in known],
            "by_horizon": _groups(horizon),
            "by_category": _categories(own),
            "outer": outer,
        }

    def _default(self, known: Sequence[int]) -> int | None:
        serving = self._parts.champion.current.version if self._parts.champion.ready else None
        return serving if serving in known else (known[0] if known else None)

    def _drift(self) -> dict[str, Any]:
        database, model = self._parts.database, self._parts.settings.model
        frequency = self._frequency()
        version = self._parts.champion.current.version
        scores = alarms.scores(database, model, version)
        kinds = sorted({one.kind for one in scores})
        recent = alarms.recent(database, model, 50)
        return {
            "open": [_alarm(one, frequency) for one in alarms.active(database, model)],
            "closed": [_alarm(one, frequency) for one in recent if not one.open],
            "tests": [(k, _test(frequency, [s for s in scores if s.kind == k])) for k in kinds],
            "tick": ticks.last(database, model),
            "version": version,
        }

    def _frequency(self) -> Frequency:
        return self._parts.champion.current.frequency


def _charts(
    frequency: Frequency,
    whole: Sequence[Accuracy],
    horizon: Sequence[Accuracy],
    outer: str | None,
    version: int | None,
) -> list[dict[str, Any]]:
    def error(one: Accuracy) -> float:
        return one.scaled_error

    def kept(one: Accuracy) -> float:
        return one.coverage.get(outer or "", float("nan"))

    versions = [(f"version {v}", [o for o in whole if o.version == v]) for v in _last(whole)]
    buckets = [(f"{t} ahead", [o for o in horizon if o.text == t]) for t in _texts(horizon)]
    naive = ("seasonal naive", "naive", lambda one: one.naive_scaled_error)
    aim = ("promised", "aim", lambda _: float(outer or 0) / 100)
    return [
        _panel("Error by version", frequency, versions, error, naive),
        _panel(f"Coverage of the {outer} % range by version", frequency, versions, kept, aim, True),
        _panel(f"Error by horizon, version {version}", frequency, buckets, error, None),
        _panel(
            f"Coverage of the {outer} % range by horizon, version {version}", frequency, buckets,
            kept, aim, True,
        ),
    ]  # fmt: skip


def _panel(
    title: str,
    frequency: Frequency,
    groups: Sequence[tuple[str, Sequence[Accuracy]]],
    value: Callable[[Accuracy], float],
    beside: tuple[str, str, Callable[[Accuracy], float]] | None,
    percent: bool = False,
) -> dict[str, Any]:
    """One chart of periods, with its table; `beside` is drawn once, of the newest version."""
    steps = sorted({one.first for _, members in groups for one in members})
    lines = []
    for place, (label, members) in enumerate(groups[-COLOURS:], 1):
        by = {one.first: value(one) for one in members}
        lines.append(line(label, f"v{place}", [by.get(step) for step in steps]))
    if beside is not None:
        label, role, other = beside
        by = {one.first: other(one) for _, members in groups for one in members}
        lines.append(line(label, role, [by.get(step) for step in steps]))
    drawn = chart(frequency, steps, lines) | {"percent": percent}
    return {
        "title": title,
        "chart": drawn,
        "table": rows(frequency, steps, lines),
        "percent": percent,
    }


def _last(whole: Sequence[Accuracy]) -> list[int]:
    return sorted({one.version for one in whole})


def _texts(found: Sequence[Accuracy]) -> list[str]:
    """Horizon buckets in their order."""
    return sorted({one.text for one in found}, key=lambda text: int(text.split("-")[0].rstrip("+")))


def _groups(found: Sequence[Accuracy]) -> list[tuple[str, Accuracy | None]]:
    return [(t, together([one for one in found if one.text == t])) for t in _texts(found)]


def _categories(found: Sequence[Accuracy]) -> list[tuple[str, list[tuple[str, Accuracy]]]]:
    """By static column, the worst first."""
    by: dict[str, dict[str, list[Accuracy]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        if one.grouping not in {"", "horizon"}:
            by[one.grouping][one.text].append(one)
    return [
        (column, sorted(_totals(texts), key=lambda pair: -_sortable(pair[1].scaled_error)))
        for column, texts in sorted(by.items())
    ]


def _totals(texts: dict[str, list[Accuracy]]) -> list[tuple[str, Accuracy]]:
    return [(text, one) for text, rows_ in texts.items() if (one := together(rows_)) is not None]


def _sortable(value: float) -> float:
    return value if value == value else -1.0  # noqa: PLR0124 - NaN goes last


def _alarm(one: Alarm, frequency: Frequency) -> tuple[str | int, Alarm]:
    return written(frequency, [one.step])[0], one


def _test(frequency: Frequency, scores: Sequence[Score]) -> dict[str, Any]:
    """A test's course: its p value of the year so far, and where it says so."""
    steps = [one.step for one in scores]
    chance = [
        line("p of the year so far", "v1", [one.p for one in scores]),
        line("alarm at", "aim", [one.alpha for one in scores]),
    ]
    error = [line("mean error", "v1", [one.error for one in scores])]
    return {
        "p": chart(frequency, steps, chance),
        "error": chart(frequency, steps, error),
        "table": rows(frequency, steps, [*chance, *error]),
    }
