"""Rows -> regular series: the one place where times, aggregation, duplicates and gaps are decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.errors import DuplicateRows, NoRows, WrongTime
from loopcast.core.frequency import Frequency
from loopcast.core.panel import Categories, Panel
from loopcast.core.rows import columns, numbers
from loopcast.core.task import Task
from loopcast.core.text import codes

Array = NDArray[Any]
EARLIER = 8
"""With how many earlier steps the last one is compared to tell whether it is complete."""


@dataclass(frozen=True)
class Located:
    """Rows by series and grid step, [row] each."""

    series: Array
    step: Array
    time: Array


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
    table = _table(rows, task, future, series, weight)
    keys, owner = _keys(table, task)
    dated = table.pop("__dated")
    history = table.pop("__history")
    when = np.full(len(owner), 0, dtype=np.int64) if not frequency.dated else None
    parsed = times.parse(table[task.time][dated], frequency, task.zone, task.time_format)
    time = np.zeros(len(owner), dtype=parsed.dtype) if when is None else when
    time[dated] = parsed
    located = Located(owner, frequency.index(time), time)
    target = _target(table, task, history)
    origins = _origins(located, target, dated & history, frequency, task, origin, len(keys[1]))
    return _Gridder(task, frequency, table, located, target, dated, history, origins, weight).panel(
        keys
    )


def missing_future(panel: Panel, task: Task) -> NDArray[np.bool_]:
    """Which series lack rows of their known-ahead columns over the horizon, [series]."""
    if not task.future.names:
        return np.zeros(len(panel), dtype=bool)
    last = panel.start + panel.lengths - 1
    return last < panel.origin + task.horizon


def _table(rows: Any, task: Task, future: Any, series: Any, weight: str | None) -> dict[str, Array]:
    """All parts one below the other, with "__history" and "__dated" telling them apart."""
    roles = (*task.static.names, *task.past.names, *task.future.names)
    extra = [name for name in (task.observed, weight) if name]
    target = () if task.aggregate == "count" else (task.target,)
    names = tuple(dict.fromkeys((*task.series, task.time, *target, *roles, *extra)))
    parts = [(columns(rows, names), True, True)]
    if future is not None:
        known = (*task.series, task.time, *task.future.names)
        parts.append((columns(future, known, task.static.names), False, True))
    if series is not None:
        parts.append((columns(series, task.series, task.static.names), False, False))
    lengths = [len(next(iter(part.values()))) if part else 1 for part, _, _ in parts]
    if len(parts) == 1:
        table = dict(parts[0][0])
    else:
        table = {
            name: np.concatenate(
                [part.get(name, _blank(n)) for (part, _, _), n in zip(parts, lengths, strict=True)]
            )
            for name in names
            if all(part.get(name) is None or True for part, _, _ in parts)
        }
    table["__history"] = np.repeat([p[1] for p in parts], lengths)
    table["__dated"] = np.repeat([p[2] for p in parts], lengths)
    return table


def _blank(length: int) -> Array:
    return np.full(length, None, dtype=object)


def _keys(table: Mapping[str, Array], task: Task) -> tuple[tuple[dict[str, Array], Array], Array]:
    """Distinct keys (column -> [series]) in sorted order, the series' numbers, and each row's."""
    count = len(table["__dated"])
    owner = np.zeros(count, dtype=np.int64)
    texts = []
    for name in task.series:
        code, distinct = codes(table[name])
        order = np.argsort(distinct.astype(str))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        texts.append(distinct[order])
        owner = owner * max(len(order), 1) + rank[code]
    present, owner = _compact(owner)
    named = {}
    rest = present
    for name, text in zip(reversed(task.series), reversed(texts), strict=True):
        rest, code = np.divmod(rest, max(len(text), 1))
        named[name] = text[code]
    return ({name: named[name] for name in task.series}, present), owner


def _compact(owner: Array) -> tuple[Array, Array]:
    changes = np.flatnonzero(owner[1:] != owner[:-1]) + 1
    starts = np.concatenate(([0], changes)) if len(owner) else changes
    present, runs = np.unique(owner[starts], return_inverse=True)
    return present, np.repeat(runs, np.diff(np.append(starts, len(owner))))


def _target(table: Mapping[str, Array], task: Task, history: Array) -> Array:
    target = np.full(len(history), np.nan)
    if task.aggregate == "count":
        target[history] = 1.0
    else:
        target[history] = numbers(table[task.target][history], task.target)
    if task.observed:
        hidden = numbers(table[task.observed][history], task.observed) == 0
        target[np.flatnonzero(history)[hidden]] = np.nan
    return target


def _origins(
    located: Located,
    target: Array,
    rows: Array,
    frequency: Frequency,
    task: Task,
    origin: Any,
    count: int,
) -> Array:
    """[series]"""
    if origin is not None:
        named = times.parse(
            np.array([origin], dtype=object), frequency, task.zone, task.time_format
        )
        return np.full(count, frequency.index(named)[0])
    known = rows & ~np.isnan(target)
    known = known if known.any() else rows
    if not known.any():
        raise NoRows("no row has a history; name the origin to forecast from keys alone")
    if task.origins == "own":
        ends = np.full(count, np.iinfo(np.int64).min)
        np.maximum.at(ends, located.series[known], located.step[known])
        return np.where(ends > np.iinfo(np.int64).min, ends, located.step[known].max())
    last = int(located.step[known].max())
    if task.aggregate and not _complete(located.step[known], located.time[known], last, frequency):
        last -= 1
    return np.full(count, last)


def _complete(step: Array, time: Array, last: int, frequency: Frequency) -> bool:
    """Does the last step's last row lie as late in it as those of the steps before usually do?"""
    if not frequency.dated:
        return True
    shares = []
    for one in range(last, last - EARLIER - 1, -1):
        inside = time[step == one]
        if len(inside):
            begin, end = frequency.start(np.array([one, one + 1]))
            shares.append((inside.max() - begin) / (end - begin))
    if len(shares) >= 3:
        return bool(shares[0] >= min(shares[1:]))
    length = frequency.start(np.array([last + 1]))[0] - frequency.start(np.array([last]))[0]
    needed = 1 - max(np.timedelta64(1, "D") / length, 0.0) if frequency.unit != "minute" else 0.75
    return bool(shares[0] >= needed - 1e-9)


class _Gridder:
    """Places columns into the flat rows; one object a call, so that the places are found once."""

    def __init__(
        self,
        task: Task,
        frequency: Frequency,
        table: dict[str, Array],
        located: Located,
        target: Array,
        dated: Array,
        history: Array,
        origins: Array,
        weight: str | None,
    ) -> None:
        self.task, self.frequency, self.table, self.located = task, frequency, table, located
        self.target, self.history, self.origins, self.weight = target, history, origins, weight
        self.dated = dated

    def panel(self, keys: tuple[dict[str, Array], Array]) -> Panel:
        count = len(keys[1])
        start, end = self._spans(count)
        offsets = np.concatenate(([0], np.cumsum(end - start + 1)))
        total = int(offsets[-1])
        place = offsets[self.located.series] + self.located.step - start[self.located.series]
        past = self.dated & self.history & (self.located.step <= self.origins[self.located.series])
        self._refuse_duplicates(place, past)
        target = self._target_rows(place, past, total)
        if self.task.gaps == "zero":
            target = self._zeros(target, place, past, start, offsets)
        ahead = self.dated
        return Panel(
            keys[0],
            start,
            self.origins.astype(np.int64),
            offsets,
            target.astype(np.float32),
            self._means(self.task.past.numeric, place, past, total),
            self._means(self.task.future.numeric, place, ahead, total),
            self._static(count),
            self._categories(place, past, ahead, total, count),
            self._weights(place, past, total),
        )

    def _spans(self, count: int) -> tuple[Array, Array]:
        start = self.origins + 1
        begin = np.full(count, np.iinfo(np.int64).max)
        past = self.dated & self.history & (self.located.step <= self.origins[self.located.series])
        np.minimum.at(begin, self.located.series[past], self.located.step[past])
        start = np.minimum(start, begin)
        end = self.origins.copy()
        if self.task.future.names:
            limit = self.origins + self.task.horizon
            ahead = self.dated
            steps = np.minimum(self.located.step[ahead], limit[self.located.series[ahead]])
            np.maximum.at(end, self.located.series[ahead], steps)
        outside = self.dated & (self.located.step > end[self.located.series])
        before = self.dated & (self.located.step < start[self.located.series])
        self.dated = self.dated & ~outside & ~before
        return start, end

    def _refuse_duplicates(self, place: Array, past: Array) -> None:
        if self.task.aggregate or self.task.duplicates != "error":
            return
        if np.bincount(place[past], minlength=1).max() < 2:
            return
        rows = np.flatnonzero(past)
        _, first, counts = np.unique(place[rows], return_index=True, return_counts=True)
        twice = counts > 1
        if not twice.any() or self._repeated_hour(self.located.step[rows[first[twice]]]):
            return
        row = rows[first[np.argmax(counts)]]
        step = str(self.frequency.time(self.located.step[row : row + 1])[0])[:16]
        if twice.mean() > 0.5:
            raise WrongTime(
                f"most steps hold several rows (up to {counts.max()} in the step {step}), but the"
                f" task's frequency is {self.task.frequency}: give one row a step, or set aggregate"
                " (sum, mean, last or count)"
            )
        raise DuplicateRows(
            f"{int((counts - 1).sum())} rows fall into a step that has one already, e.g."
            f" {counts.max()} rows in {step}; remove them, or set duplicates (sum or last) or"
            " aggregate (sum, mean, last or count)"
        )

    def _repeated_hour(self, steps: Array) -> bool:
        """Are all these steps wall-clock hours that the zone's autumn day has twice?"""
        if self.frequency.unit != "minute" or self.task.zone is None:
            return False
        zone = ZoneInfo(self.task.zone)
        walls = [datetime.fromisoformat(str(time)) for time in self.frequency.time(steps)[:1000]]
        return all(
            wall.replace(tzinfo=zone).utcoffset() != wall.replace(tzinfo=zone, fold=1).utcoffset()
            for wall in walls
        )

    def _target_rows(self, place: Array, past: Array, total: int) -> Array:
        how = self.task.aggregate or {"error": "mean"}.get(
            self.task.duplicates, self.task.duplicates
        )
        seen = past & ~np.isnan(self.target)
        if how == "last":
            return self._lasts(self.target, place, seen, total, np.nan)
        number = np.bincount(place[seen], minlength=total)
        sums = np.bincount(place[seen], self.target[seen], minlength=total)
        values = sums / np.maximum(number, 1) if how == "mean" else sums
        return np.where(number > 0, values, np.nan)

    def _zeros(
        self, target: Array, place: Array, past: Array, start: Array, offsets: Array
    ) -> Array:
        absent = np.ones(len(target), dtype=bool)
        absent[place[past]] = False
        owner = np.repeat(np.arange(len(start)), np.diff(offsets))
        step = np.arange(len(target)) - offsets[owner] + start[owner]
        return np.where(absent & (step <= self.origins[owner]), 0.0, target)

    def _lasts(self, values: Array, place: Array, which: Array, total: int, blank: Any) -> Array:
        rows = np.flatnonzero(which)
        rows = rows[np.argsort(self.located.time[rows], kind="stable")]
        result = np.full(total, blank, dtype=values.dtype)
        result[place[rows]] = values[rows]
        return result

    def _means(
        self, names: tuple[str, ...], place: Array, which: Array, total: int
    ) -> NDArray[np.float32]:
        result = np.full((total, len(names)), np.nan, np.float32)
        which = which & self.dated
        for i, name in enumerate(names):
            values = numbers(self.table[name], name)
            seen = which & ~np.isnan(values)
            number = np.bincount(place[seen], minlength=total)
            sums = np.bincount(place[seen], values[seen], minlength=total)
            result[:, i] = np.where(number > 0, sums / np.maximum(number, 1), np.nan)
        return result

    def _static(self, count: int) -> NDArray[np.float32]:
        result = np.full((count, len(self.task.static.numeric)), np.nan, np.float32)
        for i, name in enumerate(self.task.static.numeric):
            values = numbers(self.table[name], name)
            seen = ~np.isnan(values)
            result[self.located.series[seen], i] = values[seen]
        return result

    def _categories(
        self, place: Array, past: Array, ahead: Array, total: int, count: int
    ) -> dict[str, Categories]:
        found = {}
        for role, columns_ in (
            ("static", self.task.static),
            ("past", self.task.past),
            ("future", self.task.future),
        ):
            for name in columns_.categorical:
                code, texts = codes(self.table[name])
                blank = np.append(texts, np.array([""], dtype=object))
                if role == "static":
                    cells = np.full(count, len(texts))
                    said = texts[code] != ""
                    cells[self.located.series[said]] = code[said]
                else:
                    which = (past if role == "past" else ahead) & self.dated
                    cells = self._lasts(code, place, which, total, len(texts))
                found[f"{role}.{name}"] = Categories(cells.astype(np.int32), blank)
        return found

    def _weights(self, place: Array, past: Array, total: int) -> NDArray[np.float32] | None:
        if self.weight is None:
            return None
        return self._means((self.weight,), place, past, total)[:, 0]
