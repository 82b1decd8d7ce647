"""The first page: does it run, is it right, what happens next."""

import asyncio
import math
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from loopcast.service.pages.paper import Paper
from loopcast.service.pages.retrains import RetrainPages
from loopcast.store import alarms, ticks
from loopcast.store.accuracy import Accuracy, read, together
from loopcast.store.catalogue import Catalogue
from loopcast.store.clock import now

if TYPE_CHECKING:
    from loopcast.service.app import Parts

DAY = 86_400_000_000


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
        rows = read(parts.database, model, grouping="")
        return {
            "version": version,
            "promoted": promoted,
            "refused": parts.champion.refused,
            "stopping": parts.inference.stopping,
            "activity": self._catalogue.activity(now() - DAY),
            "alarms": open_,
            "tick": ticks.last(parts.database, model),
            "done": ticks.last(parts.database, model, "done"),
            "ranges": _ranges(rows, version.version if version else None),
            "accuracy": together(
                [one for one in rows if version and one.version == version.version]
            ),
            "questions": parts.people.reviews.open_count(),
            "events": events[:8],
            **self._retrains.coming(),
        }


def _ranges(rows: list[Accuracy], version: int | None) -> list[dict[str, float]]:
    """Each range of the version that serves: what it promises and what it kept."""
    found = together([one for one in rows if one.version == version])
    if found is None:
        return []
    return [
        {"nominal": float(nominal) / 100, "kept": kept}
        for nominal, kept in sorted(found.coverage.items(), key=lambda pair: -float(pair[0]))
        if not math.isnan(kept)
    ]
