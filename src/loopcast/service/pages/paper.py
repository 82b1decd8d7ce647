"""Templates -> HTML with its headers: a strict policy, nothing inline, nothing from elsewhere."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import jinja2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from loopcast.service.pages import wording
from loopcast.service.pages.sessions import Session, Sessions
from loopcast.service.problem import TITLES, Problem
from loopcast.service.settings import Scope

HERE = Path(__file__).parent
POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Paper:
    """Renders for one model; `sessions` know who looks."""

    def __init__(self, model: str, sessions: Sessions) -> None:
        self.model, self.sessions = model, sessions
        self._static = {
            path.name: path.read_bytes()
            for path in sorted((HERE / "static").iterdir())
            if path.suffix in KINDS
        }
        stamp = hashlib.sha256(b"".join(self._static.values())).hexdigest()[:12]
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= wording.FILTERS
        self._templates.globals |= {"model": model, "stamp": stamp}

    def html(
        self, request: Request, template: str, facts: Mapping[str, Any], status: int = 200
    ) -> Response:
        """A page; `facts` are what its template names."""
        session = session_of(request, self.sessions)
        seen = {
            "session": session,
            "token": self.sessions.token(session),
            "path": request.url.path,
            "partial": "hx-request" in request.headers,
        }
        text = self._templates.get_template(template).render({**seen, **facts})
        response = Response(text, status, HEADERS, "text/html")
        if session.fresh:
            self.sessions.keep(session, request, response)
        return response

    def static(self, name: str) -> Response:
        """A file of the page; raises Problem 404."""
        if name not in self._static:
            raise Problem(404, "There is no such file.")
        headers = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}
        kind = KINDS[Path(name).suffix]
        return Response(self._static[name], 200, headers | {"Content-Type": kind})


def session_of(request: Request, sessions: Sessions) -> Session:
    """That of the request, read once."""
    if not hasattr(request.state, "session"):
        request.state.session = sessions.read(request)
    return cast(Session, request.state.session)


def see_other(where: str) -> Response:
    """To a page of ours, by GET."""
    return RedirectResponse(where, 303, HEADERS)


class PageGate:
    """Lets in whoever has a session; others are sent to log in. Problems are pages."""

    def __init__(self, paper: Paper, *, anybody: bool = False) -> None:
        self._paper, self._anybody = paper, anybody

    def client(self, request: Request, scope: Scope | None) -> str:
        """Raises Problem 401 or 403."""
        session = session_of(request, self._paper.sessions)
        if request.method == "POST" and not _own(request):
            raise Problem(403, "The form did not come from this page.")
        if self._anybody:
            return session.name
        if not session.known:
            raise Problem(401, "Log in with your key.")
        if scope is not None and not session.may(scope):
            raise Problem(403, f"Your key does not open this; the scope {scope} is needed.")
        return session.name

    def said(self, problem: Problem, request: Request) -> Response:
        """A page that says what is wrong, or the form to log in."""
        if problem.status == 401 and not self._anybody:
            target = request.url.path if request.method == "GET" else "/ui"
            where = f"/ui/login?next={quote(target)}"
            if "hx-request" in request.headers:
                return Response("", 200, HEADERS | {"HX-Redirect": where})
            return see_other(where)
        facts = {
            "status": problem.status,
            "title": TITLES.get(problem.status, "The request failed"),
            "detail": problem.detail,
            "request_id": request.state.id,
        }
        response = self._paper.html(request, "problem.html", facts, problem.status)
        response.headers.update(problem.headers)
        return response


def _own(request: Request) -> bool:
    """A browser says where a form comes from; one that does not say it is left to the token."""
    return request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
