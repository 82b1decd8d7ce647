"""What text a value is: 1, 1.0 and "1" are one key, leading zeros stay, missing is ""."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Texts


def text(values: Any) -> Texts:
    """One str a value, as an object array."""
    array = np.asarray(values)
    if array.dtype.kind == "U":
        return array.astype(object)
    if array.dtype.kind in "iu":
        return array.astype(str).astype(object)
    known: dict[Any, str] = {}
    result = np.empty(len(array), dtype=object)
    result[:] = [_known(value, known) for value in array.tolist()]
    return result


def codes(values: Any) -> tuple[NDArray[np.int64], Texts]:
    """Numbers in order of first appearance, and the distinct texts they stand for."""
    array = np.asarray(values)
    if not len(array):
        return np.zeros(0, np.int64), np.zeros(0, object)
    starts = np.flatnonzero(np.r_[True, _differs(array)])
    texts = text(array[starts])
    known: dict[str, int] = {}
    runs = np.fromiter((known.setdefault(t, len(known)) for t in texts), np.int64, len(texts))
    lengths = np.diff(np.r_[starts, len(array)])
    distinct = np.empty(len(known), dtype=object)
    distinct[:] = list(known)
    return np.repeat(runs, lengths), distinct


def _differs(array: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(array[1:] != array[:-1], dtype=bool)


def _known(value: Any, known: dict[Any, str]) -> str:
    key = (type(value), value)
    found = known.get(key)
    if found is None:
        found = known[key] = _one(value)
    return found


def _one(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or value != value:  # noqa: PLR0124 - NaN and NaT differ from themselves
        return ""
    if type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
