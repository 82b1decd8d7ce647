"""Rows -> regular series: the one place where times, aggregation, duplicates and gaps are decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core import duplicates
from loopcast.core.clock_change import skipped
from loopcast.core.errors import DuplicateRows, MissingFuture, WrongTime
from loopcast.core.frequency import Frequency
from loopcast.core.given import Given
from loopcast.core.origins import last_steps, named
from loopcast.core.panel import Categories, Panel, Texts
from loopcast.core.places import Places, last, single
from loopcast.core.task import Task

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Steps = NDArray[np.int64]
Coded = tuple[NDArray[np.int64], Texts]

SPARSE = (10_000_000, 1000)
"""A grid of more steps than the first, and so many times more than rows, holds placeholder dates."""


def grid(
    rows: Any,
    task: Task,
    *,
    future: Any = None,
    series: Any = None,
    origin: Any = None,
    weight: str | None = None,
) -> Panel:
    """Put `rows` on the task's grid; `future` adds known-ahead rows, `series` keys without rows.

    The origin is the last complete step in which any row has a target, unless named (a time as in
    the rows): later rows then only give their known-ahead columns. Raises the DataError tree.
    """
    frequency = Frequency.parse(task.frequency)
    asked = origin is not None and not (future is None and series is None)
    given = Given.gather(rows, task, future, series, weight, alone=asked and _none(rows))
    coded = {name: given.coded(name) for name in task.series}
    keys, owner = _keys(coded, len(given))
    time = given.time(task, frequency)
    target = _target(given, task)
    located = Located(owner, frequency.index(time), time, given.history, given.dated)
    count = len(next(iter(keys.values()))) if keys else 1
    if origin is None:
        origins = _origins(located, target, task, count)
    else:
        origins = np.full(count, named(origin, frequency, task))
    spans = _spans(located, origins, task)
    _refuse_sparse(spans, located, frequency)
    return _Columns(given, task, located, spans, coded).panel(keys, target, weight)


def _none(rows: Any) -> bool:
    """Is there no row, so that keys are forecast from what is known of them and ahead?"""
    if rows is None or (isinstance(rows, list | tuple) and not rows):
        return True
    if isinstance(rows, Mapping):
        return all(_empty(column) for column in rows.values())
    return hasattr(rows, "columns") and _empty(rows)


def _empty(cells: Any) -> bool:
    try:
        return len(cells) == 0
    except TypeError:  # a generator, or a single value
        return False


def missing_future(panel: Panel, task: Task) -> Bools:
    """Which series lack rows of their known-ahead columns over the horizon, [series]."""
    if not task.future.names:
        return np.zeros(len(panel), dtype=bool)
    end = panel.start + panel.lengths - 1
    return end < panel.origin + task.horizon


def require_future(panel: Panel, task: Task, series: Steps | None = None) -> None:
    """Raises MissingFuture where the horizon's rows are not there, naming a series (of `series`)."""
    lacking = np.flatnonzero(missing_future(panel, task))
    lacking = lacking if series is None else np.intersect1d(lacking, series)
    if len(lacking):
        columns = ", ".join(task.future.names)
        raise MissingFuture(
            f"{len(lacking)} of {len(panel)} series, e.g. {panel.name(int(lacking[0]))!r}, have"
            f" no rows of the known-ahead columns ({columns}) for all {task.horizon} steps"
            " after the origin; give them as `future` (loopcast predict --future FILE)"
        )


@dataclass(frozen=True)
class Located:
    """Rows by series and grid step, [row] each; see Part for the masks."""

    series: Steps
    step: Steps
    time: Array
    history: Bools
    dated: Bools


@dataclass(frozen=True)
class Spans:
    """The steps of each series, [series] each: from `start` to `end`; known up to `origin`."""

    start: Steps
    origin: Steps
    end: Steps

    @cached_property
    def offsets(self) -> Steps:
        """[series + 1]"""
        return np.concatenate(([0], np.cumsum(self.end - self.start + 1)))


def _keys(coded: dict[str, Coded], rows: int) -> tuple[dict[str, Texts], Steps]:
    """Distinct keys (column -> [series]) in sorted order, and the series of each row."""
    owner, first = np.zeros(rows, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for code, texts in coded.values():
        if len(texts) == 1:
            continue
        order = np.argsort(texts)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        owner, first = _compact(owner * len(texts) + rank[code])
    return {name: texts[code[first]] for name, (code, texts) in coded.items()}, owner


def _compact(owner: Steps) -> tuple[Steps, Steps]:
    """Consecutive numbers in the same order, and a row of each."""
    size = int(owner.max(initial=0)) + 1
    if size > 4 * len(owner):
        _, first, numbers = np.unique(owner, return_index=True, return_inverse=True)
        return numbers, first
    some = np.full(size, -1)
    some[owner] = np.arange(len(owner))
    present = some >= 0
    return (np.cumsum(present) - 1)[owner], some[present]


def _target(given: Given, task: Task) -> NDArray[np.float64]:
    target = np.ones(len(given)) if task.aggregate == "count" else given.numeric(task.target)
    if task.observed:
        target = np.where(given.numeric(task.observed) == 0, np.nan, target)
    return np.where(given.history, target, np.nan)


def _origins(located: Located, target: Array, task: Task, count: int) -> Steps:
    history = located.history & located.dated
    known = history & ~np.isnan(target)
    which = known if known.any() else history
    return last_steps(located.series[which], located.step[which], located.time[which], task, count)


def _spans(located: Located, origins: Steps, task: Task) -> Spans:
    """From the first row, if there is one up to the origin, to the origin or the last known step."""
    start, end = origins + 1, origins.copy()
    own = origins[located.series]
    past = located.dated & located.history & (located.step <= own)
    np.minimum.at(start, located.series[past], located.step[past])
    if task.future.names:
        ahead = located.dated & (located.step > own)
        known = np.minimum(located.step[ahead], own[ahead] + task.horizon)
        np.maximum.at(end, located.series[ahead], known)
    return Spans(start, origins, end)


def _refuse_sparse(spans: Spans, located: Located, frequency: Frequency) -> None:
    total = int(spans.offsets[-1])
    if total <= SPARSE[0] or total <= SPARSE[1] * len(located.step):
        return
    low, high = frequency.time(np.array([spans.start.min(), spans.end.max()]))
    raise WrongTime(
        f"the times run from {low} to {high}: {total} steps for {len(located.step)} rows; leave out"
        " placeholder dates, or name a coarser frequency"
    )


class _Columns:
    """Fills a panel's columns; one object a call, so that the places are found once."""

    def __init__(
        self, given: Given, task: Task, located: Located, spans: Spans, coded: dict[str, Coded]
    ) -> None:
        self.given, self.task, self.located, self.spans, self.coded = (
            given, task, located, spans, coded,
        )  # fmt: skip
        start, end, own = (
            steps[located.series] for steps in (spans.start, spans.end, spans.origin)
        )
        self.inside = located.dated & (located.step >= start) & (located.step <= end)
        self.past = self.inside & located.history & (located.step <= own)
        place = spans.offsets[located.series] + located.step - start
        self.places = Places(place, located.time, int(spans.offsets[-1]))
        self.beside = np.zeros(len(place), dtype=bool)
        if (located.dated & ~located.history).any():
            self._choose(located.step <= own)

    def _choose(self, before: Bools) -> None:
        """Rows of both parts in one step: up to the origin those of history count, then `future`'s.

        The others count where these have no value.
        """
        place, history, inside = self.places.place, self.located.history, self.inside
        mine = np.where(before, history, ~history)
        taken = np.zeros(self.places.total, dtype=bool)
        taken[place[inside & mine]] = True
        self.beside = inside & ~mine
        self.beside[self.beside] = taken[place[self.beside]]
        self.inside = inside & ~self.beside
        if self.task.aggregate or self.task.duplicates != "error":
            return
        ahead = np.flatnonzero(self.inside & ~history)
        rows, _ = duplicates.surplus(place[ahead], self.located.step[ahead], self.task)
        if len(rows):
            step = self.located.step[ahead[rows[:1]]]
            when = Frequency.parse(self.task.frequency).time(step)[0]
            raise DuplicateRows(
                f"{len(np.unique(place[ahead[rows]]))} steps have several rows of known-ahead"
                f" columns, e.g. {when}; give one row a series and step in `future`"
            )

    def panel(self, keys: dict[str, Texts], target: Array, weight: str | None) -> Panel:
        if not self.task.aggregate and self.task.duplicates == "error":
            self._refuse_duplicates(keys)
        spans, task = self.spans, self.task
        return Panel(
            keys,
            spans.start,
            spans.origin,
            spans.offsets,
            self._target(target),
            self._means(task.past.numeric, self.past),
            self._means(task.future.numeric, self.inside),
            self._static(),
            self._categories(),
            None if weight is None else self._means((weight,), self.past)[:, 0],
        )

    def _refuse_duplicates(self, keys: dict[str, Texts]) -> None:
        place, step = self.places.place[self.past], self.located.step[self.past]
        rows, number = duplicates.surplus(place, step, self.task)
        if not len(rows):
            return
        row = rows[np.argmax(number)]
        series = self.located.series[self.past][row]
        when = str(Frequency.parse(self.task.frequency).time(step[row : row + 1])[0])
        name = ", ".join(str(texts[series]) for texts in keys.values())
        example = f"{name} in {when}" if name else f"the step {when}"
        duplicates.refuse(place, rows, number, self.task, example)

    def _target(self, target: Array) -> NDArray[np.float32]:
        how = self.task.aggregate or self.task.duplicates
        if how == "last":
            values = self.places.lasts(target, self.past & ~np.isnan(target), np.nan)
        elif how in ("mean", "error"):  # the repeated hour of a zone
            values = self.places.means(target, self.past)
        else:
            values = self.places.sums(target, self.past)
        if self.task.gaps == "zero":
            values = self._zeros(values)
        return single(values)

    def _zeros(self, values: Array) -> Array:
        """A step without any row, up to the origin, is 0."""
        spans = self.spans
        absent = self.places.counts(self.past) == 0
        owner = np.repeat(np.arange(len(spans.start)), np.diff(spans.offsets))
        known = spans.offsets[:-1] + spans.origin - spans.start
        absent &= np.arange(len(values)) <= known[owner]
        clocked = self.task.zone and Frequency.parse(self.task.frequency).unit == "minute"
        if clocked:  # the hour that the spring day leaves out
            places = np.flatnonzero(absent)
            steps = places - spans.offsets[owner[places]] + spans.start[owner[places]]
            absent[places] = ~skipped(steps, self.task)
        return np.where(absent, 0.0, values)

    def _means(self, names: tuple[str, ...], which: Bools) -> NDArray[np.float32]:
        result = np.empty((self.places.total, len(names)), np.float32)
        for i, name in enumerate(names):
            values = self.given.numeric(name)
            found = self.places.means(values, which)
            if which is self.inside and self.beside.any():
                found = np.where(np.isnan(found), self.places.means(values, self.beside), found)
            result[:, i] = single(found)
        return result

    def _static(self) -> NDArray[np.float32]:
        """The latest value of each series."""
        result = np.empty((len(self.spans.start), len(self.task.static.numeric)), np.float32)
        for i, name in enumerate(self.task.static.numeric):
            values = self.given.numeric(name)
            result[:, i] = single(self._latest(values, ~np.isnan(values), np.nan))
        return result

    def _latest(self, values: Array, which: Bools, blank: float) -> Array:
        blanks = np.full(len(self.spans.start), blank, values.dtype)
        time, dated = self.located.time, self.located.dated
        if not dated.all():  # what is said of a key without a time is the newest
            time = np.where(dated, time, time[dated].max() + 1 if dated.any() else time)
        return last(values, self.located.series, time, which, blanks)

    def _categories(self) -> dict[str, Categories]:
        found = {}
        for role in ("static", "past", "future"):
            for name in getattr(self.task, role).categorical:
                code, texts = self.coded.get(name) or self.given.coded(name)
                with_blank = np.append(texts, np.array([""], dtype=object))
                if role == "static":
                    cells = self._latest(code, (texts != "")[code], len(texts))
                else:
                    which = self.past if role == "past" else self.inside
                    cells = self.places.lasts(code, which, len(texts))
                    if role == "future" and self.beside.any():
                        other = self.places.lasts(code, self.beside, len(texts))
                        cells = np.where((with_blank == "")[cells], other, cells)
                found[f"{role}.{name}"] = Categories(cells.astype(np.int32), with_blank)
        return found
