"""Times as users write them -> the wall clock of the declared zone, or plain integers."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from loopcast.core.distinct import distinct
from loopcast.core.errors import ConfigError, WrongTime
from loopcast.core.frequency import Frequency

NOT_A_TIME = np.datetime64("NaT")
REMEMBERED = 10_000
"""Texts whose time is remembered: a service reads the same dates again and again."""
LONGEST = 64
"""Letters of such a text: what is longer is hardly a time."""


def parse(
    values: Any, frequency: Frequency, zone: str | None = None, time_format: str | None = None
) -> NDArray[Any]:
    """datetime64[s] (int64 for plain integers), [row]; raises WrongTime naming what it cannot read."""
    array = np.asarray(values)
    if not frequency.dated:
        return _integers(array)
    if array.dtype.kind == "M":
        return _complete(array.astype("M8[s]"), array, time_format)
    array = _unfolded(array)
    numbers, first = distinct(array)
    read = [_remembered(value, zone, time_format) for value in array[first].tolist()]
    return _complete(np.array(read, dtype="M8[s]")[numbers], array, time_format)


def _unfolded(array: NDArray[Any]) -> NDArray[Any]:
    """The second of a repeated hour as UTC: to Python it equals the first."""
    if array.dtype != object or not len(array) or isinstance(array[0], str):
        return array
    folded = [i for i, cell in enumerate(array.tolist()) if getattr(cell, "fold", 0)]
    if not folded:
        return array
    array = array.copy()
    for i in folded:
        if isinstance(array[i], datetime) and array[i].tzinfo is not None:
            array[i] = array[i].astimezone(UTC)
    return array


def _integers(array: NDArray[Any]) -> NDArray[np.int64]:
    try:
        numbers = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise WrongTime(
            f"times such as {array[:1].tolist()} are no whole numbers; this frequency counts"
            " integers: give integers, or name a calendar frequency"
        ) from error
    wrong = ~np.isfinite(numbers) | (numbers != np.floor(numbers))
    if wrong.any():
        raise WrongTime(
            f"{wrong.sum()} times are no whole numbers, e.g. {array[wrong][:3].tolist()}"
        )
    return array.astype(np.int64) if array.dtype.kind in "iu" else numbers.astype(np.int64)


def _complete(parsed: NDArray[Any], array: NDArray[Any], time_format: str | None) -> NDArray[Any]:
    wrong = np.isnat(parsed)
    if wrong.any():
        examples = list(dict.fromkeys(str(value) for value in array[wrong][:1000].tolist()))[:3]
        raise WrongTime(
            f"{wrong.sum()} of {len(array)} times cannot be read, e.g. {examples}; {_way(time_format)}"
        )
    return parsed


def _way(time_format: str | None) -> str:
    if time_format is None:
        return "give ISO dates such as 2024-01-31, or state the format (time_format: '%d.%m.%Y')"
    example = datetime(2024, 1, 31).strftime(time_format)
    return f"the format is stated as {time_format!r}, so write them as {example}"


def _remembered(value: Any, zone: str | None, time_format: str | None) -> Any:
    where = clock(zone) if zone else None
    if isinstance(value, str) and len(value) <= LONGEST:
        return _text(value, where, time_format)
    return _read(value, where, time_format)


def clock(zone: str) -> ZoneInfo:
    """Raises ConfigError for a zone that nobody knows."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"zone {zone!r} is unknown; give an IANA name such as Europe/Berlin"
        ) from error


@lru_cache(maxsize=REMEMBERED)
def _text(value: str, clock: ZoneInfo | None, time_format: str | None) -> Any:
    return _read(value, clock, time_format)


def _read(value: Any, clock: ZoneInfo | None, time_format: str | None) -> Any:
    value = _plain(value)
    try:
        if isinstance(value, np.datetime64):
            return value.astype("M8[s]")
        if isinstance(value, date):
            pass
        elif time_format:
            value = datetime.strptime(str(value), time_format)
        elif isinstance(value, str | int):
            value = datetime.fromisoformat(_whole(str(value).strip()))
    except ValueError:
        return NOT_A_TIME
    except re.error as error:
        raise ConfigError(
            f"time_format {time_format!r} cannot be used ({error}); name each part once"
        ) from error
    if isinstance(value, datetime):
        return _wall(value, clock)
    return np.datetime64(value, "s") if isinstance(value, date) else NOT_A_TIME


def _plain(value: Any) -> Any:
    """Numpy's single values, pandas' periods, and whole numbers that stood beside a blank cell."""
    if isinstance(value, np.ndarray):
        value = value[()]
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if hasattr(value, "to_timestamp"):
        value = value.to_timestamp()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole(text: str) -> str:
    """Years and months become their first day: 2024, 2024-01."""
    if not re.fullmatch(r"\d{4}(-\d\d)?", text):
        return text
    return text + ("-01" if len(text) > 4 else "-01-01")


def _wall(value: datetime, clock: ZoneInfo | None) -> Any:
    if value != value:  # noqa: PLR0124 - pandas' NaT is a datetime that differs from itself
        return NOT_A_TIME
    if value.tzinfo is not None:
        value = value.astimezone(clock or UTC).replace(tzinfo=None)
    return np.datetime64(value.isoformat(timespec="seconds"), "s")
