"""What was asked -> the artifact's inputs: the series form, which lies on the grid already."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import WrongTime
from loopcast.core.inputs import inputs
from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Task
from loopcast.core.text import text
from loopcast.service.problem import invalid
from loopcast.service.served import Served
from loopcast.service.targets import Targets, joined, numbers
from loopcast.service.wire import Cell, SeriesAsked
from loopcast.serving.remarks import remarks
from loopcast.store.series import key_text

Values = dict[str, list[Cell]]
LONGEST = 2_000
"""Bytes of a key as JSON: PostgreSQL's index takes a few more."""


@dataclass
class Part:
    """Series that were put on the grid together, ready to run once their future is filled in."""

    places: list[int]  # [series], positions in the request
    keys: list[dict[str, str]]  # [series]
    origins: NDArray[np.int64]  # [series], steps
    prepared: dict[str, NDArray[Any]]  # the artifact's inputs
    covered: NDArray[np.int64]  # [series], steps after the origin with known-ahead columns
    warnings: list[list[str]]  # [series]
    source: str


def keys(asked: Sequence[Mapping[str, Cell]], task: Task, where: str) -> list[dict[str, str]]:
    """Keys as texts, in the task's order; raises Problem. `where`: a pointer with {i}."""
    wanted = set(task.series)
    for i, key in enumerate(asked):
        if key.keys() != wanted:
            raise invalid(where.format(i=i), _other_names("the key", key, task.series))
    if not task.series:
        return [{} for _ in asked]
    columns = [_texts([key[name] for key in asked]) for name in task.series]
    for column in columns:
        for i, value in enumerate(column):
            if len(value) > 1000 or "\x00" in value:
                raise invalid(where.format(i=i), "a key has at most 1,000 letters and none is NUL")
    named = [dict(zip(task.series, row, strict=True)) for row in zip(*columns, strict=True)]
    for i, one in enumerate(named):
        kept(one, where.format(i=i))
    return named


def kept(key: Mapping[str, str], pointer: str) -> None:
    """Raises Problem for a key that a store could not index."""
    if sum(map(len, key.values())) > LONGEST / 4 and len(key_text(key).encode()) > LONGEST:
        raise invalid(pointer, f"the key of a series has at most {LONGEST:,} bytes in all")


def from_series(
    asked: Sequence[SeriesAsked],
    places: list[int],
    served: Served,
    origin: Any,
    horizons: Sequence[int] = (),
    requests: Sequence[int] = (),
) -> Part:
    """Series with their own history.

    `horizons`: how many steps of each are asked for, by default all; `requests`: how many series
    each of several requests has.
    """
    task = served.task
    named = keys([one.key for one in asked], task, "/series/{i}/key")
    values = [one.target or [] for one in asked]
    sizes = np.array([len(one) for one in values], np.int64)
    targets = Targets(joined(values, places), sizes, _starts(asked, places, served))
    origins = _origins(targets, served, origin, requests or [len(asked)])
    panel = _panel(asked, places, targets, origins, named, served)
    prepared = inputs(panel, task, np.arange(len(asked)), origins)
    warnings = remarks(panel, task, prepared["target"], served.predictor.vocabularies)
    part = Part(places, named, origins, prepared, np.zeros(len(asked), np.int64), warnings, "sent")
    for row, one in enumerate(asked):
        if one.future:
            steps = horizons[row] if horizons else task.horizon
            fill(part, row, one.future, _first(one, targets, row, steps, task), served)
    return part


def fill_rest(part: Part, row: int, columns: Values, served: Served) -> None:
    """The same of values that begin after the origin, from where the series has none yet."""
    had = int(part.covered[row])
    rest = {name: values[had:] for name, values in columns.items()}
    if any(rest.values()):
        fill(part, row, rest, int(part.origins[row]) + 1 + had, served)


def fill(part: Part, row: int, columns: Values, first: int, served: Served) -> None:
    """Put known-ahead columns into one series' window; their values begin at step `first`."""
    task, where = served.task, f"/series/{part.places[row]}/future"
    _require_names(columns, task.future.names, where)
    length = len(next(iter(columns.values())))
    begin = int(part.origins[row]) - task.history + 1  # the window's first step
    low, high = max(first, begin), min(first + length, begin + task.history + task.horizon)
    for name, values in columns.items():
        if len(values) != length:
            raise invalid(f"{where}/{name}", f"{len(values)} values, {length} in other columns")
        window, given = slice(low - begin, high - begin), values[low - first : max(high - first, 0)]
        if low >= high:
            continue
        if name in task.future.numeric:
            at = task.future.numeric.index(name)
            part.prepared["future"][row, window, at] = numbers(given, f"{where}/{name}")
        else:
            texts = text(np.array(given, object))
            part.prepared[f"future.{name}"][row, window] = texts
            _remark_unknown(part, row, name, texts, served)
    if first <= part.origins[row] + 1 + part.covered[row]:
        part.covered[row] = max(part.covered[row], first + length - 1 - part.origins[row])


def _remark_unknown(part: Part, row: int, name: str, texts: Any, served: Served) -> None:
    known = served.predictor.vocabularies.get(f"future.{name}")
    new = [] if known is None else [value for value in texts if value and value not in known]
    remark = f"{name} holds values that were not seen in training"
    if new and not any(one.startswith(remark) for one in part.warnings[row]):
        part.warnings[row].append(f"{remark}, e.g. {new[0]!r}")


def _at(asked: Sequence[SeriesAsked], places: list[int]) -> Iterable[tuple[int, SeriesAsked]]:
    return zip(places, asked, strict=True)


def _starts(asked: Sequence[SeriesAsked], places: list[int], served: Served) -> NDArray[np.int64]:
    for i, one in _at(asked, places):
        if one.start is None:
            raise invalid(f"/series/{i}/start", "a series with a target needs its start")
    try:
        return served.step([one.start for one in asked])
    except (WrongTime, OverflowError, ValueError):
        for i, one in _at(asked, places):
            step_of(one.start, served, f"/series/{i}/start")
        raise


def step_of(value: Any, served: Served, pointer: str) -> int:
    """One time as a step; raises Problem at the pointer."""
    try:
        step = int(served.step([value])[0])
    except (WrongTime, OverflowError, ValueError) as error:
        detail = str(error) if isinstance(error, WrongTime) else "the time cannot be read"
        raise invalid(pointer, detail) from error
    if abs(step) > 1 << 52:
        raise invalid(pointer, "the time lies outside the calendar")
    return step


def _origins(
    targets: Targets, served: Served, origin: Any, requests: Sequence[int]
) -> NDArray[np.int64]:
    """[series]; the last known step of a request, or of each series where the task says so."""
    if np.abs(targets.starts).max() > 1 << 52:
        raise invalid("/series", "a time lies outside the calendar")
    if origin is not None:
        return np.full(len(targets.starts), step_of(origin, served, "/origin"))
    last = targets.last_known()
    if served.task.origins == "own" or len(requests) == len(last):
        return last
    firsts = np.cumsum([0, *requests[:-1]])
    return np.repeat(np.maximum.reduceat(last, firsts), requests)


def _panel(
    asked: Sequence[SeriesAsked],
    places: list[int],
    targets: Targets,
    origins: NDArray[np.int64],
    named: list[dict[str, str]],
    served: Served,
) -> Panel:
    """Only the steps that the network sees: a start of long ago costs nothing."""
    task = served.task
    starts = np.where(targets.sizes > 0, targets.starts, origins + 1)
    low = np.minimum(np.maximum(starts, origins - task.history + 1), origins + 1)
    lengths = origins - low + 1
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    flat = targets.lay(low, lengths, 0.0 if task.gaps == "zero" else np.nan)
    past = np.full((len(flat), len(task.past.numeric)), np.nan, np.float32)
    texts = {name: np.full(len(flat), "", object) for name in task.past.categorical}
    for row, (i, one) in enumerate(_at(asked, places)):
        if task.past.names or one.past:
            skip, steps = int(low[row] - targets.starts[row]), int(targets.sizes[row])
            cut = slice(max(skip, 0), max(min(skip + int(lengths[row]), steps), 0))
            begin = int(offsets[row])
            rows = slice(begin, begin + max(cut.stop - cut.start, 0))
            _past(one, i, steps, cut, rows, task, past, texts)
    categories = {f"past.{name}": _coded(cells) for name, cells in texts.items()}
    for name in task.future.categorical:
        categories[f"future.{name}"] = Categories(
            np.zeros(len(flat), np.int32), np.array([""], object)
        )
    static, of_static = _static(asked, places, named, task)
    future = np.full((len(flat), len(task.future.numeric)), np.nan, np.float32)
    columns = {name: np.array([key[name] for key in named], object) for name in task.series}
    return Panel(
        columns, low, origins, offsets, flat, past, future, static, {**of_static, **categories}
    )


def _past(
    one: SeriesAsked,
    place: int,
    steps: int,
    cut: slice,
    rows: slice,
    task: Task,
    numeric: NDArray[np.float32],
    texts: dict[str, NDArray[Any]],
) -> None:
    where = f"/series/{place}/past"
    _require_names(one.past, task.past.names, where)
    for name, values in one.past.items():
        if len(values) != steps:
            raise invalid(f"{where}/{name}", f"{len(values)} values for {steps} of the target")
        if name in texts:
            texts[name][rows] = text(np.array(values, object))[cut]
        else:
            at = task.past.numeric.index(name)
            numeric[rows, at] = numbers(values, f"{where}/{name}")[cut]


def _static(
    asked: Sequence[SeriesAsked], places: list[int], named: list[dict[str, str]], task: Task
) -> tuple[NDArray[np.float32], dict[str, Categories]]:
    numeric = np.full((len(asked), len(task.static.numeric)), np.nan, np.float32)
    for row, (i, one) in enumerate(_at(asked, places)):
        if one.static and (other := set(one.static) - set(task.static.names)):
            raise invalid(f"/series/{i}/static", f"the model has no static column {min(other)!r}")
        for at, name in enumerate(task.static.numeric):
            numeric[row, at] = numbers([one.static.get(name)], f"/series/{i}/static/{name}")[0]
    categories = {}
    for name in task.static.categorical:
        cells = [one.static.get(name, key.get(name)) for one, key in zip(asked, named, strict=True)]
        categories[f"static.{name}"] = _coded(_texts(cells))
    return numeric, categories


def fill_static(part: Part, row: int, given: Mapping[str, Cell], served: Served) -> None:
    """Static columns that are sent beside a history that is looked up; raises Problem."""
    task, where = served.task, f"/series/{part.places[row]}/static"
    if other := set(given) - set(task.static.names):
        raise invalid(where, f"the model has no static column {min(other)!r}")
    for at, name in enumerate(task.static.numeric):
        if name in given:
            part.prepared["static"][row, at] = numbers([given[name]], f"{where}/{name}")[0]
    for name in task.static.categorical:
        if name in given:
            part.prepared[f"static.{name}"][row] = _texts([given[name]])[0]


def _texts(cells: list[Cell]) -> NDArray[Any]:
    """What is text already is left as it is."""
    column = np.empty(len(cells), object)
    column[:] = cells
    return column if all(type(cell) is str for cell in cells) else text(column)


def _coded(cells: NDArray[Any]) -> Categories:
    if len(cells) == 1:
        return Categories(np.zeros(1, np.int32), cells)
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(c, len(known)) for c in cells), np.int32, len(cells))
    distinct = np.empty(max(len(known), 1), object)
    distinct[:] = list(known) or [""]
    return Categories(codes, distinct)


def _first(one: SeriesAsked, targets: Targets, row: int, horizon: int, task: Task) -> int:
    """The step at which the future columns begin: the series' own start, or after its history."""
    length, size = len(next(iter(one.future.values()))), int(targets.sizes[row])
    after = length <= task.horizon or length < size
    if length == size + horizon and length not in (
        horizon,
        task.horizon,
    ):  # history and what is asked, to the step
        after = False
    return int(targets.ends[row] if after else targets.starts[row])


def _require_names(columns: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    if set(columns) != set(names):
        raise invalid(where, _other_names("this", columns, names))


def _other_names(what: str, given: Iterable[str], wanted: Sequence[str]) -> str:
    listed = ", ".join(sorted(given)[:20]) or "no columns"
    return f"{what} has {listed[:300]}; {', '.join(wanted) or 'no columns'} are wanted"
