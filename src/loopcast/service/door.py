"""Every request passes here: its id, its key, how many at once, how long, and what went wrong."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from loopcast.core.errors import LoopcastError
from loopcast.service.keys import Keys
from loopcast.service.meters import Meters
from loopcast.service.problem import Problem, respond
from loopcast.service.settings import Limits, Scope
from loopcast.store.clock import iso, now
from loopcast.store.database import StoreError
from loopcast.store.ledger import answer_id

Endpoint = Callable[[Request], Awaitable[Response]]

log = logging.getLogger("loopcast.service")
access = logging.getLogger("loopcast.access")
MORE = "The operator's log has more, under this id."
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
LOCAL = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?", re.IGNORECASE)


class Gate(Protocol):
    """Who comes in, and how those who do not are told."""

    def client(self, request: Request, scope: Scope | None) -> str:
        """The client's name; raises Problem."""
        ...

    def said(self, problem: Problem, request: Request) -> Response:
        """The answer that says what is wrong."""
        ...


class KeyGate:
    """A key in a header; problems as JSON."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def client(self, request: Request, scope: Scope | None) -> str:
        """Raises Problem 401 or 403."""
        return self._keys.client(request.headers, scope)

    def said(self, problem: Problem, request: Request) -> Response:
        """RFC 9457."""
        return respond(problem, request.state.id)


class Door:
    """`local`: only this machine may come in, and no page of a browser in a name's disguise."""

    def __init__(self, keys: Keys, limits: Limits, meters: Meters, *, local: bool) -> None:
        self._gate: Gate = KeyGate(keys)
        self._limits, self._meters, self._local = limits, meters, local
        self._active = 0

    @property
    def active(self) -> int:
        """Requests at work."""
        return self._active

    def route(
        self,
        path: str,
        endpoint: Endpoint,
        scope: Scope | None = None,
        *,
        method: str = "GET",
        free: bool = False,
        gate: Gate | None = None,
    ) -> Route:
        """`scope` None: any key opens it; `free`: nobody needs one, and no limit of numbers holds."""
        way = _Way(endpoint, path, scope, free, gate or self._gate)
        return Route(path, _Entrance(self._pass, way), methods=[method])

    async def outside(self, request: Request, error: Exception) -> Response:
        """What no route took: unknown paths and methods."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = "GET /openapi.json lists the paths and their methods."
        headers = getattr(error, "headers", None)
        request.state.id = request_id(request)
        response = self._gate.said(Problem(status, detail, headers=headers), request)
        response.headers["X-Request-ID"] = request.state.id
        return response

    async def _pass(self, request: Request, way: "_Way") -> Response:
        begin = time.perf_counter()
        request.state.id = name = request_id(request)
        request.state.client = ""
        request.state.facts = {}
        self._active += 1
        self._meters.active.set(self._active)
        try:
            response = await self._answer(request, way)
        except Problem as problem:
            response = way.gate.said(problem, request)
        except StoreError as error:
            log.error("%s: %s", name, error)
            response = way.gate.said(Problem(503, "The store cannot be reached now."), request)
        except LoopcastError as error:
            log.error("%s: %s", name, error)
            response = way.gate.said(Problem(500, MORE), request)
        except Exception:
            log.exception("%s: failed", name)
            response = way.gate.said(Problem(500, MORE), request)
        finally:
            self._active -= 1
            self._meters.active.set(self._active)
        response.headers["X-Request-ID"] = name
        self._note(request, way.path, response, time.perf_counter() - begin)
        return response

    async def _answer(self, request: Request, way: "_Way") -> Response:
        if self._local and not LOCAL.fullmatch(request.headers.get("host", "localhost")):
            raise Problem(403, "This service is for its own machine: use 127.0.0.1 or localhost.")
        if self._local and request.method == "POST" and _foreign(request):
            raise Problem(403, "A page of another site may not write here.")
        if way.free:
            return await way.endpoint(request)
        request.state.client = way.gate.client(request, way.scope)
        if self._active > self._limits.concurrency:
            raise Problem(429, f"{self._limits.concurrency} requests are at work; try again.")
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await way.endpoint(request)
        except TimeoutError as error:
            raise Problem(503, f"No answer within {self._limits.seconds:g} seconds.") from error

    def _note(self, request: Request, path: str, response: Response, seconds: float) -> None:
        labels = (path, request.method, str(response.status_code))
        self._meters.requests.labels(*labels).observe(seconds)
        if access.isEnabledFor(logging.INFO):
            facts = {
                "at": iso(now()),
                "level": "info",
                "event": "request",
                "request_id": request.state.id,
                "client": request.state.client,
                "method": request.method,
                "route": path,
                "status": response.status_code,
                "bytes_in": int(said) if (said := request.headers.get("content-length", "")) else 0,
                "bytes_out": len(response.body),
                "seconds": round(seconds, 6),
                **request.state.facts,
            }
            access.info(orjson.dumps(facts).decode())


def _foreign(request: Request) -> bool:
    """Browsers say which page sends a form; nothing else does."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


@dataclass(frozen=True)
class _Way:
    """One route."""

    endpoint: Endpoint
    path: str
    scope: Scope | None
    free: bool
    gate: Gate


class _Entrance:
    """A route's ASGI application, without the wrappers that Starlette puts around a function."""

    def __init__(self, pass_: Callable[[Request, _Way], Awaitable[Response]], way: _Way) -> None:
        self._pass, self._way = pass_, way

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        response = await self._pass(Request(scope, receive, send), self._way)
        await response(scope, receive, send)


class Straight:
    """An application whose busiest routes are taken before it looks through all of them."""

    def __init__(self, application: ASGIApp, routes: Sequence[Route]) -> None:
        self._application = application
        self._taken = {(next(iter(r.methods or ())), r.path): r.app for r in routes}

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """By method and whole path."""
        taken = None
        if scope["type"] == "http":
            taken = self._taken.get((scope["method"], scope["path"]))
        await (taken or self._application)(scope, receive, send)


def request_id(request: Request) -> str:
    """The client's own, if it is a plain name, or a new one."""
    given = request.headers.get("x-request-id", "")
    return given if NAME.fullmatch(given) else answer_id()
