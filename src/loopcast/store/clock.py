"""Instants as the tables hold them: microseconds since 1970 in UTC."""

import time
from datetime import UTC, datetime, timedelta

from loopcast.core.errors import DataError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> int:
    """The present instant."""
    return time.time_ns() // 1000


def instant(text: str) -> int:
    """An ISO instant; without an offset it is UTC. Raises DataError."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"{text!r} is no instant; write it like 2024-02-03T00:00:00Z") from error
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    try:
        return (aware - EPOCH) // timedelta(microseconds=1)
    except OverflowError as error:
        raise DataError(f"{text!r} lies outside the calendar") from error


def iso(at: int) -> str:
    """The text that `instant` reads back."""
    return (EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")
