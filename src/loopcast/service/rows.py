"""Rows, as clients send them or as they are looked up -> the artifact's inputs, by core's grid."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import DataError, WrongTime
from loopcast.core.grid import grid
from loopcast.core.inputs import inputs
from loopcast.core.panel import Panel
from loopcast.core.text import text
from loopcast.service.instance import Part, kept
from loopcast.service.problem import Problem
from loopcast.service.served import Served
from loopcast.serving.remarks import remarks

Table = dict[str, Any]
"""Column -> values."""


def from_rows(rows: Table, future: Table | None, served: Served, origin: Any) -> Part:
    """Every series in the rows, in the order of their keys; raises Problem."""
    panel = on_grid(rows, future, None, served, origin)
    found = part(panel, served, "sent")
    for key in found.keys:
        kept(key, "/rows")
    return found


def from_history(
    rows: Table, asked: list[dict[str, str]], places: list[int], served: Served, origin: Any
) -> Part:
    """The asked series out of looked-up rows, in the order asked; raises Problem."""
    wanted = {name: [key[name] for key in asked] for name in served.task.series}
    panel = on_grid(rows, None, wanted if asked[0] else None, served, origin)
    there = {key: row for row, key in enumerate(_tuples(panel, len(panel)))}
    chosen = np.array([there[tuple(key.values())] for key in asked])
    return part(panel, served, "looked up", chosen, places)


def part(
    panel: Panel,
    served: Served,
    source: str,
    chosen: NDArray[np.int64] | None = None,
    places: list[int] | None = None,
) -> Part:
    """A panel's windows, of all its series or of those chosen."""
    count = len(panel)
    prepared = inputs(panel, served.task, np.arange(count), panel.origin)
    warnings = remarks(panel, served.task, prepared["target"], served.predictor.vocabularies)
    names = list(panel.keys)
    keys = [dict(zip(names, key, strict=True)) for key in _tuples(panel, count)]
    covered = panel.start + panel.lengths - 1 - panel.origin
    if chosen is None:
        return Part(list(range(count)), keys, panel.origin, prepared, covered, warnings, source)
    return Part(
        places or list(range(len(chosen))),
        [keys[i] for i in chosen],
        panel.origin[chosen],
        {name: column[chosen] for name, column in prepared.items()},
        covered[chosen],
        [list(warnings[i]) for i in chosen],
        source,
    )


def on_grid(
    rows: Table, future: Table | None, series: Table | None, served: Served, origin: Any
) -> Panel:
    """Core's grid; what it finds wrong with the rows is said to the client."""
    task = served.task
    try:
        named = None if origin is None else served.read_times([origin])[0]
        dated = [_dated(table, served) for table in (rows, future) if table is not None]
        return grid(
            dated[0],
            task,
            future=dated[1] if len(dated) > 1 else None,
            series=series,
            origin=_plain_time(named),
        )
    except DataError as error:
        raise Problem(422, str(error)) from error
    except (OverflowError, ValueError, TypeError) as error:
        raise Problem(422, "The rows hold values that cannot be put on the grid.") from error


def table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Records -> columns; what a record lacks is None."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def texts_of(rows: Table, names: Sequence[str]) -> list[tuple[str, ...]]:
    """The key of each row, as texts."""
    columns = [text(_objects(rows[name])) for name in names]
    return list(zip(*columns, strict=True)) if columns else []


def _dated(rows: Table, served: Served) -> Table:
    """The time column read here, so that ISO dates are taken whatever the task's own format."""
    name = served.task.time
    if name not in rows:
        return rows
    found = served.read_times(_objects(rows[name]))
    if found.dtype.kind == "i" and np.abs(found).max(initial=0) > 1 << 52:
        raise WrongTime("times lie outside the calendar")
    return {**rows, name: found}


def _plain_time(time: Any) -> Any:
    """As core takes an origin: a datetime or an integer."""
    return time.item() if hasattr(time, "item") else time


def _tuples(panel: Panel, count: int) -> list[tuple[str, ...]]:
    columns = [column.tolist() for column in panel.keys.values()]
    return list(zip(*columns, strict=True)) if columns else [()] * count


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    found = np.empty(len(values), object)
    found[:] = values
    return found
