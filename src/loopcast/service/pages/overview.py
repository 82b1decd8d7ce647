"""The first page: does it run, is it right, what happens next."""

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from loopcast.service.pages.paper import Paper
from loopcast.service.pages.retrains import RetrainPages
from loopcast.store import alarms, ticks
from loopcast.store.accuracy import Accuracy, read, together
from loopcast.store.catalogue import Catalogue
from loopcast.store.clock import now
from loopcast.store.version import Version

if TYPE_CHECKING:
    from loopcast.service.app import Parts

DAY = 86_400_000_000
SEASONS = 2
ROOM = 0.03
"""Of coverage, where monitoring's section says nothing else; as its own default."""


class Overview:
    """GET /ui."""

    def __init__(self, parts: "Parts", paper: Paper, retrains: RetrainPages) -> None:
        self._parts, self._paper, self._retrains = parts, paper, retrains
        self._catalogue = Catalogue(parts.database, parts.settings.model)

    async def show(self, request: Request) -> Response:
        """Reads the store only."""
        return self._paper.html(request, "overview.html", await asyncio.to_thread(self._facts))

    def _facts(self) -> dict[str, Any]:
        parts, model = self._parts, self._parts.settings.model
        serving = parts.champion.current if parts.champion.ready else None
        version = parts.registry.version(serving.version) if serving else None
        events = parts.registry.events(100)
        promoted = next(
            (
                e
                for e in events
                if version and e.what == "promoted" and e.version == version.version
            ),
            None,
        )
        open_ = alarms.active(parts.database, model)
        recent = self._recent(version) if version else None
        return {
            "version": version,
            "promoted": promoted,
            "refused": parts.champion.refused,
            "stopping": parts.inference.stopping,
            "activity": self._catalogue.activity(now() - DAY),
            "alarms": open_,
            "ticks": ticks.recent(parts.database, model, limit=6),
            "at": now(),
            "ranges": _kept(recent, self._room()),
            "accuracy": recent,
            "questions": parts.people.reviews.open_count(),
            "events": events[:8],
            **self._retrains.coming(),
        }

    def _recent(self, version: Version) -> Accuracy | None:
        """Of the last two seasons of targets, as the ranges are learnt."""
        rows = read(
            self._parts.database, self._parts.settings.model, version=version.version, grouping=""
        )
        span = SEASONS * max(int(version.task.get("season", 1)), 1)
        last = max((one.last for one in rows), default=0)
        return together([one for one in rows if one.first > last - span])

    def _room(self) -> float:
        """How far coverage may lie from what was promised: monitoring's setting."""
        section: Mapping[str, Any] = self._parts.settings.monitoring.get("ranges") or {}
        return float(section.get("room", ROOM))


def _kept(found: Accuracy | None, room: float) -> list[dict[str, Any]]:
    """Each range: what it promises, what it kept, and whether that meets the objective.

    `met` is None where the points are too few to tell.
    """
    kept = []
    for nominal, share in (found.coverage if found else {}).items():
        aim, points = float(nominal) / 100, found.points if found else 0
        if points:
            sure = 2 * math.sqrt(aim * (1 - aim) / points) <= room
            met = abs(share - aim) <= room if sure else None
            kept.append({"nominal": aim, "kept": share, "met": met, "room": room})
    return sorted(kept, key=lambda one: -one["nominal"])
