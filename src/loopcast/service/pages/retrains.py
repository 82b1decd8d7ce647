"""Retraining on the page: what was tried, how it ended and why, and what begins the next."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from loopcast.service.pages.paper import Paper
from loopcast.service.served import written
from loopcast.store import alarms, ticks
from loopcast.store.retrains import Retrain, Retrains
from loopcast.store.version import Version

if TYPE_CHECKING:
    from loopcast.service.app import Parts


class RetrainPages:
    """GET /ui/retrains."""

    def __init__(self, parts: "Parts", paper: Paper) -> None:
        self._parts, self._paper = parts, paper
        self._retrains = Retrains(parts.database, parts.settings.model)

    async def index(self, request: Request) -> Response:
        """The newest first."""
        return self._paper.html(request, "retrains.html", await asyncio.to_thread(self._index))

    def _index(self) -> dict[str, Any]:
        tried = self._retrains.recent()
        return {"tried": [(self._time(one.step), one) for one in tried], **self.coming(tried)}

    def coming(self, tried: Sequence[Retrain] | None = None) -> dict[str, Any]:
        """What begins the next one, and the last that was tried."""
        tried = self._retrains.recent(5) if tried is None else tried
        section: Mapping[str, Any] = self._parts.settings.retrain
        return {
            "last": tried[0] if tried else None,
            "due": self._due(section) if section else [],
            "planned": bool(section),
        }

    def _due(self, section: Mapping[str, Any]) -> list[str]:
        """Sentences, one a trigger."""
        triggers = section.get("triggers") or {}
        found = []
        if triggers.get("alarm", True):
            open_ = alarms.active(self._parts.database, self._parts.settings.model)
            found.append("now: an alarm is open" if open_ else "when an alarm opens")
        if (age := triggers.get("age")) is not None:
            left = self._left(int(age))
            found.append(f"when {age} steps have come" + (f", {left} to go" if left else ""))
        if (rows := triggers.get("rows")) is not None:
            found.append(f"when {rows:,} values have come")
        return found

    def _left(self, age: int) -> int | None:
        """Steps until the champion's data are `age` steps old, as far as monitoring has looked."""
        tick = ticks.last(self._parts.database, self._parts.settings.model, "done")
        champion: Version | None = self._parts.registry.promoted()
        seen = ((champion.card if champion else {}).get("data") or {}).get("last")
        through = tick.facts.get("through") if tick else None
        if seen is None or through is None:
            return None
        return max(age - (int(through) - int(seen)), 0)

    def _time(self, step: int | None) -> str | int | None:
        if step is None or not self._parts.champion.ready:
            return None
        return written(self._parts.champion.current.frequency, [step])[0]
