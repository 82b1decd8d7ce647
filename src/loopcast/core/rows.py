"""Whatever holds rows -> plain columns."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import DataError, MissingColumn, NoRows, WrongType
from loopcast.core.text import missing

Rows = Mapping[str, NDArray[Any]]
BLANK = ("", "NA", "NaN", "nan", "null")
"""Texts that stand for no number."""
TRUTH = {
    text: float(word == "true")
    for word in ("true", "false")
    for text in (word, word.title(), word.upper())
}
"""Text that pandas reads as True and False, so that a CSV means the same to the predictor."""


def columns(
    rows: Any, names: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, NDArray[Any]]:
    """Columns by name from a mapping, a list of records or a data frame (pandas, polars).

    Raises MissingColumn with the nearest names there are, NoRows where there is nothing.
    """
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        rows = _records(rows)
    if hasattr(rows, "collect") and hasattr(rows, "lazy"):
        raise DataError("rows are a lazy frame, which has no values yet; call .collect() on it")
    present = _names(rows) if _tabular(rows) else None
    if present is None:
        raise DataError(
            f"rows are a {type(rows).__name__}; give a mapping of column to values,"
            " a list of records, or a data frame"
        )
    if absent := [name for name in names if name not in present]:
        raise MissingColumn(_absent(absent[0], present))
    wanted = [*names, *(name for name in optional if name in present)]
    found = {name: _flat(rows[name], name) for name in dict.fromkeys(wanted)}
    lengths = {name: len(column) for name, column in found.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns differ in length: {lengths}")
    if not found or not next(iter(lengths.values())):
        raise NoRows("there are no rows, only columns; give one at least")
    return found


def numbers(values: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Text of numbers is read, empty text and None are NaN, infinities too; else WrongType."""
    try:
        result = (
            values.astype(np.float64) if values.dtype.kind in "fiubOU" else _cells(values, name)
        )
    except (TypeError, ValueError):  # blank or wrong cells among them
        result = _cells(values, name)
    return np.where(np.isfinite(result), result, np.nan)


def _cells(values: NDArray[Any], name: str) -> NDArray[np.float64]:
    if values.dtype.kind in "mM":
        values = values.astype(str)  # no number, though nanoseconds become one in a list
    listed = values.tolist()
    clean = [np.nan if missing(v) or v in BLANK else truth(v) for v in listed]
    try:
        result = np.array(clean, dtype=np.float64)
        if result.ndim != 1:
            raise TypeError("cells hold lists")
        return result
    except (TypeError, ValueError) as error:
        wrong = [v for v in clean if not _number(v)]
        raise WrongType(
            f"column {name!r} should hold numbers, but {len(wrong)} of {len(listed)} values do"
            f" not, e.g. {[str(v) for v in wrong[:3]]}; clean it, or name another column"
        ) from error


def truth(value: Any) -> Any:
    """1 and 0 for the words that pandas reads as True and False; anything else as it is."""
    return TRUTH.get(value, value) if isinstance(value, str) else value


def _number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _names(rows: Any) -> list[Any]:
    """Pyarrow's `columns` are the cells."""
    for attribute in ("column_names", "columns"):
        if hasattr(rows, attribute):
            return list(getattr(rows, attribute))
    return list(rows)


def _tabular(rows: Any) -> bool:
    return hasattr(rows, "columns") or isinstance(rows, Mapping)


def _records(records: Sequence[Any]) -> dict[str, list[Any]]:
    if not records:
        raise NoRows("there are no rows, only columns; give one at least")
    if not all(isinstance(record, Mapping) for record in records):
        raise DataError("a list of rows must hold records: mappings of column to value")
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _absent(name: str, present: Sequence[Any]) -> str:
    known = [str(other) for other in present]
    lower = {other.lower(): other for other in reversed(known)}
    near = get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"; did you mean {lower[near[0]]!r}?" if near else "."
    return f"column {name!r} is not there{hint} Columns: {', '.join(known[:20])}"


def _flat(column: Any, name: str) -> NDArray[Any]:
    if isinstance(column, str | bytes | Mapping | set):  # whose letters or labels are no values
        raise DataError(f"column {name!r} is a {type(column).__name__}; give one value a row")
    try:
        array = _array(column)
    except TypeError:  # a single value
        array = np.asarray(column)
    if array.ndim != 1:
        raise DataError(
            f"column {name!r} has the shape {array.shape}; give one value a row, [rows]"
        )
    return array


def _array(column: Any) -> NDArray[Any]:
    if isinstance(column, np.ma.MaskedArray):
        dated = column.dtype.kind in "mM"
        cells = np.ma.getdata(column).copy() if dated else np.ma.getdata(column).astype(object)
        cells[np.ma.getmaskarray(column)] = "NaT" if dated else None
        return cells
    if isinstance(column, np.ndarray):
        return column
    if hasattr(column, "to_pylist"):  # pyarrow's arrays forget zones, and digits beside a null
        column = column.to_pylist()
    elif getattr(getattr(column, "dtype", None), "time_zone", None):
        column = column.to_list()  # polars' arrays forget the zone
    elif hasattr(column, "to_numpy"):
        array = np.asarray(column.to_numpy())
        if array.dtype.kind != "f" or "int" not in str(column.dtype).lower():
            return array
        column = column.to_list()  # whole numbers beside a blank, which floats would round
    listed = list(column)
    plain = np.asarray(listed) if listed and type(listed[0]) in (int, float) else None
    uniform = {type(value) for value in listed}
    if plain is not None and len(uniform) == 1 and plain.ndim == 1:
        return plain
    result = np.empty(len(listed), dtype=object)
    result[:] = listed
    return result
