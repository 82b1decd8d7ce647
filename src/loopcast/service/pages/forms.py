"""A form's fields: urlencoded only, few and small; nothing of multipart is ever parsed."""

import math
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from loopcast.service.problem import Problem

BYTES = 16 << 10
FIELDS = 20
KIND = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> dict[str, str]:
    """Raises Problem 400, 413 or 415; a field that is there twice is refused."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != KIND:
        raise Problem(415, f"Send a form, with Content-Type: {KIND}.")
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > BYTES:
                raise Problem(413, f"The form has more than {BYTES:,} bytes.")
    except ClientDisconnect as error:
        raise Problem(400, "The connection ended before the form did.") from error
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict",
                          max_num_fields=FIELDS)  # fmt: skip
    except ValueError as error:
        raise Problem(400, "The form cannot be read.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem(400, "A field of the form is there twice.")
    return fields


def number(fields: Mapping[str, str], name: str) -> float:
    """A finite number; raises Problem 422."""
    text = fields.get(name, "").strip().replace("\N{MINUS SIGN}", "-")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or len(text) > 40:
        raise Problem(422, f"{text[:40]!r} is no number; write it like 1234.5", [(f"/{name}", "")])
    return value


def words(fields: Mapping[str, str], name: str, most: int = 2_000) -> str:
    """A text without blanks around it; raises Problem 422 where it is too long."""
    text = fields.get(name, "").strip()
    if len(text) > most or "\x00" in text:
        raise Problem(422, f"{name} has at most {most:,} letters.", [(f"/{name}", "")])
    return text
