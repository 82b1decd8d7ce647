"""Times as users write them -> the wall clock of the declared zone, or plain integers."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import WrongTime
from loopcast.core.frequency import Frequency


def parse(
    values: Any, frequency: Frequency, zone: str | None = None, time_format: str | None = None
) -> NDArray[Any]:
    """datetime64[s] (int64 for plain integers), [row]; raises WrongTime naming what it cannot read."""
    array = np.asarray(values)
    if not frequency.dated:
        return _integers(array)
    if array.dtype.kind == "M":
        return _complete(array.astype("M8[s]"), array)
    starts = np.flatnonzero(np.r_[True, np.asarray(array[1:] != array[:-1], dtype=bool)])
    clock = ZoneInfo(zone) if zone else None
    known: dict[Any, Any] = {}
    runs = [_once(value, clock, time_format, known) for value in array[starts].tolist()]
    parsed = np.array(runs, dtype="M8[s]")
    return _complete(np.repeat(parsed, np.diff(np.r_[starts, len(array)])), array)


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


def _complete(parsed: NDArray[Any], array: NDArray[Any]) -> NDArray[Any]:
    wrong = np.isnat(parsed)
    if wrong.any():
        examples = list(dict.fromkeys(str(value) for value in array[wrong][:1000].tolist()))[:3]
        raise WrongTime(
            f"{wrong.sum()} of {len(array)} times cannot be read, e.g. {examples};"
            " give ISO dates such as 2024-01-31, or state the format (time_format: '%d.%m.%Y')"
        )
    return parsed


def _once(
    value: Any, clock: ZoneInfo | None, time_format: str | None, known: dict[Any, Any]
) -> Any:
    found = known.get(value)
    if found is None:
        found = known[value] = _read(value, clock, time_format)
    return found


def _read(value: Any, clock: ZoneInfo | None, time_format: str | None) -> Any:
    try:
        if time_format and not isinstance(value, date):
            value = datetime.strptime(str(value), time_format)
        elif isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
    except ValueError:
        return np.datetime64("NaT")
    if isinstance(value, datetime):
        return _wall(value, clock)
    return np.datetime64(value, "s") if isinstance(value, date) else np.datetime64("NaT")


def _wall(value: datetime, clock: ZoneInfo | None) -> Any:
    if value != value:  # noqa: PLR0124 - pandas' NaT is a datetime that differs from itself
        return np.datetime64("NaT")
    if value.tzinfo is not None:
        value = value.astimezone(clock or UTC).replace(tzinfo=None)
    return np.datetime64(value.replace(microsecond=0, fold=0).isoformat(), "s")
