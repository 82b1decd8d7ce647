"""Logging in with a key, and out; the page's own files."""

import re

from starlette.requests import Request
from starlette.responses import Response

from loopcast.service.pages.forms import read_form
from loopcast.service.pages.paper import Paper, see_other, session_of
from loopcast.service.problem import Problem

OURS = re.compile(r"/ui(/[A-Za-z0-9/_-]*)?")


class Login:
    """/ui/login, /ui/logout, /ui/static/{name}."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper

    async def ask(self, request: Request) -> Response:
        """The form."""
        return self._form(request, request.query_params.get("next", ""), "")

    async def enter(self, request: Request) -> Response:
        """A session of its own, never the one from before."""
        fields = await read_form(request)
        sessions, target = self._paper.sessions, fields.get("next", "")
        sessions.check(session_of(request, sessions), fields.get("token", ""))
        try:
            session = sessions.log_in(fields.get("key", "").strip())
        except Problem as problem:
            said = "This key is not known here." if problem.status == 401 else problem.detail
            return self._form(request, target, said, problem.status)
        response = see_other(target if OURS.fullmatch(target) else "/ui")
        sessions.keep(session, request, response)
        return response

    async def leave(self, request: Request) -> Response:
        """Forget the session."""
        sessions = self._paper.sessions
        sessions.check(session_of(request, sessions), (await read_form(request)).get("token", ""))
        response = see_other("/ui/login")
        sessions.drop(response)
        return response

    async def static(self, request: Request) -> Response:
        """Styles and scripts."""
        return self._paper.static(request.path_params["name"])

    def _form(self, request: Request, target: str, said: str, status: int = 200) -> Response:
        facts = {"next": target if OURS.fullmatch(target) else "/ui", "said": said}
        return self._paper.html(request, "login.html", facts, status)
