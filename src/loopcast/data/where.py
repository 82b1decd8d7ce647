"""Which rows of a file are kept: [column, operator, value], all of which must hold.

A missing cell equals nothing: it is dropped by ==, <, in, match and kept by !=, not in, not match.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loopcast.core.errors import ConfigError
from loopcast.core.text import text

Condition = list[Any]
COMPARE = {
    "==": pc.equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "<": pc.less,
    "<=": pc.less_equal,
}
OPPOSITE = {"!=": "==", "not in": "in", "not match": "match"}
OPERATORS = (*COMPARE, "in", "match", *OPPOSITE)


def named(where: Sequence[Condition]) -> list[str]:
    """The columns that conditions look at; raises ConfigError for what is no condition."""
    for condition in where:
        if not isinstance(condition, list | tuple) or len(condition) != 3:
            raise ConfigError(f"where: {condition!r} should be [column, operator, value]")
        if condition[1] not in OPERATORS:
            raise ConfigError(
                f"where: unknown operator {condition[1]!r}; use one of {', '.join(OPERATORS)}"
            )
    return [str(condition[0]) for condition in where]


def filtered(table: pa.Table, where: Sequence[Condition]) -> pa.Table:
    """The rows for which every condition holds."""
    for condition in where:
        table = table.filter(_holds(table.column(condition[0]), *condition))
    return table


def matching(frame: pd.DataFrame, where: Sequence[Condition]) -> pd.DataFrame:
    """The same for a data frame."""
    for condition in where:
        try:
            column = pa.array(frame[condition[0]], from_pandas=True)
        except (pa.ArrowException, ValueError, TypeError) as error:
            raise ConfigError(
                f"where: {condition[0]!r} holds cells of several types, which cannot be compared"
            ) from error
        frame = frame[_holds(column, *condition).to_numpy(zero_copy_only=False)]
    return frame


def _holds(column: Any, name: str, operator: str, value: Any) -> Any:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        found = _found(column, OPPOSITE.get(operator, operator), value)
    except (pa.ArrowException, ValueError, TypeError) as error:
        kind = f"a column of {column.type}"
        raise ConfigError(
            f"where: {name!r} {operator} {value!r} cannot be asked of {kind} ({error})"
        ) from error
    found = pc.fill_null(found, False)
    return pc.invert(found) if operator in OPPOSITE else found


def _found(column: Any, operator: str, value: Any) -> Any:
    if operator == "match":
        return pc.match_substring_regex(column.cast(pa.string()), f"^(?:{value})$")
    if operator == "in":
        wanted = [_scalar(column.type, one).cast(column.type) for one in value]
        return pc.is_in(column, value_set=pa.array([one.as_py() for one in wanted], column.type))
    ordered = operator != "=="
    if ordered and _texts(column.type) and isinstance(value, int | float):
        column = column.cast(pa.float64())
    return COMPARE[operator](column, _scalar(column.type, value))


def _scalar(kind: pa.DataType, value: Any) -> pa.Scalar:
    """The value as one of the column's kind: 1 is "1" among texts, a date is a time among times."""
    if _texts(kind):
        return pa.scalar(text([value])[0], type=kind)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pa.scalar(pd.Timestamp(value)).cast(kind)
    if isinstance(value, str):
        return pa.scalar(float(value))
    return pa.scalar(value)


def _texts(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
