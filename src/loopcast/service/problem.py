"""Errors as a client sees them: RFC 9457 problem details, and nothing of the server's inside."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson
from starlette.responses import Response

TITLES = {
    400: "The request cannot be read",
    401: "A key is needed",
    403: "The key does not open this",
    404: "There is no such thing",
    405: "This path does not take that method",
    408: "The request came too slowly",
    409: "The values contradict earlier ones",
    413: "The request is too large",
    415: "The content type is not accepted",
    422: "The request cannot be answered as it is",
    429: "Too many requests at one time",
    500: "Something went wrong here",
    503: "The service cannot answer now",
}


class Problem(Exception):
    """What went wrong, for the client: `errors` are (JSON pointer into the request, sentence)."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.headers = dict(headers or {})
        if status in {429, 503}:
            self.headers.setdefault("Retry-After", "1")


def respond(problem: Problem, request: str) -> Response:
    """`request` is the request's id. `error` is what clients of the V2 protocol read."""
    body: dict[str, Any] = {
        "type": f"/docs#problem-{problem.status}",
        "title": TITLES.get(problem.status, "The request failed"),
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:request:{request}",
        "request_id": request,
        "error": problem.detail,
    }
    if problem.errors:
        body["errors"] = [{"pointer": p, "detail": d} for p, d in problem.errors[:100]]
    return Response(orjson.dumps(body), problem.status, problem.headers, "application/problem+json")


def invalid(pointer: str, detail: str) -> Problem:
    """422 at one place of the request."""
    return Problem(422, detail, [(pointer, detail)])


def misread(error: msgspec.DecodeError) -> Problem:
    """What msgspec found wrong: 400 where it is no JSON, 422 where it is another shape."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return Problem(400, f"The body is not JSON: {text}")
    detail, _, path = text.partition(" - at `")
    return Problem(422, detail, [(pointer(path.rstrip("`")), detail)])


def pointer(path: str) -> str:
    """`$.series[0].key[...]` -> "/series/0/key", as far as a pointer can go."""
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", path)
    named = [name or number for name, number in steps]
    return "".join(f"/{step.replace('~', '~0')}" for step in named if step != "...")
