"""Versions on the page: which serves, which could, and the forms that let another serve."""

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from loopcast.service.pages.forms import read_form, words
from loopcast.service.pages.paper import Paper, see_other, session_of
from loopcast.service.problem import Problem
from loopcast.service.routes import Models, version_number
from loopcast.store.version import UnknownVersion

if TYPE_CHECKING:
    from loopcast.service.app import Parts

DONE = {"promote": "The version serves.", "rollback": "The version before serves again."}


class VersionPages:
    """GET /ui/versions; for administrators the confirmations and the deeds."""

    def __init__(self, parts: "Parts", paper: Paper, models: Models) -> None:
        self._parts, self._paper, self._models = parts, paper, models

    async def index(self, request: Request) -> Response:
        """All of them, newest first, and what happened."""
        facts = await asyncio.to_thread(self._index)
        done = DONE.get(request.query_params.get("done", ""), "")
        return self._paper.html(request, "versions.html", facts | {"done": done})

    async def ask_promotion(self, request: Request) -> Response:
        """Are you sure?"""
        number = version_number(request)
        try:
            version = await asyncio.to_thread(self._parts.registry.version, number)
        except UnknownVersion as error:
            raise Problem(404, f"There is no version {number}.") from error
        facts = {"version": version, "serving": self._serving(), "back": False}
        return self._paper.html(request, "confirm.html", facts)

    async def promote(self, request: Request) -> Response:
        """The same test as over HTTP, then it serves."""
        why = await self._why(request)
        await self._models.let_serve(version_number(request), why, request.state.client)
        return see_other("/ui/versions?done=promote")

    async def ask_rollback(self, request: Request) -> Response:
        """Are you sure?"""
        facts = {"version": None, "serving": self._serving(), "back": True}
        return self._paper.html(request, "confirm.html", facts)

    async def rollback(self, request: Request) -> Response:
        """The version before serves again."""
        await self._models.go_back(await self._why(request), request.state.client)
        return see_other("/ui/versions?done=rollback")

    async def _why(self, request: Request) -> str:
        fields = await read_form(request)
        session = session_of(request, self._paper.sessions)
        self._paper.sessions.check(session, fields.get("token", ""))
        return words(fields, "why")

    def _index(self) -> dict[str, Any]:
        registry, refused = self._parts.registry, self._parts.champion.refused
        return {
            "versions": registry.versions()[::-1],
            "events": registry.events(40),
            "serving": self._serving(),
            "refused": refused,
        }

    def _serving(self) -> int | None:
        champion = self._parts.champion
        return champion.current.version if champion.ready else None
