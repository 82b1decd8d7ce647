"""What text a value is: 1, 1.0 and "1" are one key, leading zeros stay, missing is ""."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.distinct import distinct
from loopcast.core.panel import Texts

MIDNIGHT = "T00:00:00"


def text(values: Any) -> Texts:
    """One str a value, as an object array."""
    numbers, texts = codes(values)
    return texts[numbers]


def codes(values: Any) -> tuple[NDArray[np.int64], Texts]:
    """Numbers in order of first appearance, and the distinct texts they stand for."""
    array = np.asarray(values)
    numbers, first = distinct(array)
    known: dict[str, int] = {}
    merged = [known.setdefault(one, len(known)) for one in _texts(array[first])]
    texts = np.empty(len(known), dtype=object)
    texts[:] = list(known)
    return (numbers if len(merged) == len(known) else np.array(merged)[numbers]), texts


def missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA, whose comparisons are no truth values."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return bool(value != value)  # noqa: PLR0124 - NaN and NaT differ from themselves


def _texts(array: NDArray[Any]) -> list[str]:
    if array.dtype.kind == "M":
        array = array.astype("M8[us]")  # nanoseconds become integers in a list
    return [_one(value) for value in array.tolist()]


def _one(value: Any) -> str:
    if isinstance(value, str):
        return value
    if missing(value):
        return ""
    if isinstance(value, np.generic):
        value = (value.astype("M8[us]") if isinstance(value, np.datetime64) else value).item()
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return value.isoformat().removesuffix(MIDNIGHT)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _number(value: float | Decimal) -> str:
    """Whole numbers without a point, and 2.50 of a database is 2.5."""
    if not np.isfinite(float(value)):
        return str(value)
    if value == int(value):
        return str(int(value))
    return str(value) if isinstance(value, float) else f"{value.normalize():f}"
