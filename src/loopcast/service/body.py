"""Reading a request's body: bytes are counted as they come, and as they unpack."""

import asyncio
import zlib
from typing import TypeVar

import msgspec
from starlette.requests import Request

from loopcast.service.problem import Problem, misread
from loopcast.service.settings import Limits

T = TypeVar("T")
LARGE = 1 << 16
"""From here on bytes are unpacked in a thread, so that other requests go on."""


async def read(request: Request, limits: Limits) -> bytes:
    """The body, unpacked; raises Problem 400, 413 or 415."""
    packed = _encoding(request)
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > limits.body_bytes:
        raise _too_large(limits.body_bytes)
    parts, total, more = [], 0, True
    while more:  # Request.stream does this in three times the time
        event = await request.receive()
        if event["type"] == "http.disconnect":
            raise Problem(400, "The connection ended before the body did.")
        part, more = event.get("body", b""), event.get("more_body", False)
        total += len(part)
        if total > limits.body_bytes:
            raise _too_large(limits.body_bytes)
        parts.append(part)
    body = b"".join(parts)
    if not packed:
        return body
    if len(body) < LARGE:
        return unpack(body, limits.decompressed_bytes)
    return await asyncio.to_thread(unpack, body, limits.decompressed_bytes)


def unpack(body: bytes, limit: int) -> bytes:
    """Gzip -> bytes, never more than `limit` of them."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise Problem(400, "The body is not gzip, though its Content-Encoding says so.") from error
    if len(plain) > limit:
        raise _too_large(limit, " when it is unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise Problem(400, "The gzip body is cut off, or followed by more.")
    return plain


def decode(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """JSON of one shape; raises Problem 400 or 422."""
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise misread(error) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "The body is not JSON in UTF-8.") from error


def _encoding(request: Request) -> bool:
    """Is the body packed?"""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "Send JSON, with Content-Type: application/json.")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise Problem(
            415, "Content-Encoding is gzip or nothing.", headers={"Accept-Encoding": "gzip"}
        )
    return encoding == "gzip"


def _too_large(limit: int, when: str = "") -> Problem:
    return Problem(
        413, f"The body has more than {limit:,} bytes{when}; send fewer series at a time."
    )
