"""Tables larger than memory: read in chunks, sorted by series on disk, put on the grid part by part.

Two passes over the source. The first finds the series, the texts and which columns are numbers; the
second writes plain numbers into one file a part and column, a part being neighbouring series.
Each part then becomes a panel as any rows do, and its columns are appended to files that the whole
panel maps. The panel is the one that `grid` would have made of all rows, cell by cell.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.errors import DataError, NoRows
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid
from loopcast.core.origins import EARLIER, last_steps
from loopcast.core.panel import Panel
from loopcast.core.rows import numbers
from loopcast.core.task import Task
from loopcast.core.text import codes
from loopcast.data.mapped import Joined
from loopcast.data.reading import Reading, numeric

Array = NDArray[Any]
Rows = dict[str, Array]
ROWS = 1_000_000
"""Rows of a part, more or less: what is put on the grid at once."""


@dataclass
class Texts:
    """Distinct texts of a column, numbered in order of appearance."""

    known: dict[str, int] = field(default_factory=dict)

    def numbered(self, values: Array) -> NDArray[np.int64]:
        """The number of each cell."""
        number, texts = codes(values)
        mine = [self.known.setdefault(text, len(self.known)) for text in texts.tolist()]
        return np.array(mine, dtype=np.int64)[number]

    def array(self) -> Array:
        """The texts by number."""
        found = np.empty(len(self.known), dtype=object)
        found[:] = list(self.known)
        return found


@dataclass(frozen=True)
class Survey:
    """What the first pass found: rows of each series by its key, texts, and what is numeric."""

    rows: int
    counts: Mapping[tuple[int, ...], int]
    texts: Mapping[str, Texts]
    numeric: Mapping[str, bool]


@dataclass(frozen=True)
class Spool:
    """A reading and its survey, to be turned into a panel."""

    reading: Reading
    survey: Survey
    task: Task
    size: int = ROWS

    @classmethod
    def of(cls, reading: Reading, size: int = ROWS) -> "Spool":
        """The first pass."""
        survey = _surveyed(reading)
        few = {
            name: np.zeros(1) if plain else np.array(["text"], dtype=object)
            for name, plain in survey.numeric.items()
        }
        return cls(reading, survey, reading.task(few), size)

    def panel(self, task: Task, kept: Path | None = None) -> tuple[Panel, Rows]:
        """The mapped panel, and the rows of its first part for whoever wants to look at some.

        Its files lie in a folder of their own (`kept`, or the system's for temporary files) and are
        gone with the process.
        """
        with tempfile.TemporaryDirectory(prefix="loopcast-", dir=kept) as folder:
            bounds, origin = self._spilled(Path(folder), task)
            first = self._part(Path(folder), task, 0)
            joined = Joined(Path(folder), {n: t.known for n, t in self.survey.texts.items()})
            for part in range(len(bounds)):
                rows = first if part == 0 else self._part(Path(folder), task, part)
                joined.add(grid(rows, task, origin=origin, weight=self.reading.weight))
                for path in Path(folder).glob(f"{part}.*.rows"):
                    path.unlink()
            return joined.panel(), first

    def _order(self) -> tuple[list[tuple[int, ...]], NDArray[np.int64]]:
        """Keys as the grid sorts them, and the part of each."""
        texts = {name: self.survey.texts[name].array() for name in self.reading.series}

        def name(key: tuple[int, ...]) -> tuple[str, ...]:
            return tuple(column[code] for column, code in zip(texts.values(), key, strict=True))

        keys = sorted(self.survey.counts, key=name)
        before = np.cumsum([0, *(self.survey.counts[key] for key in keys)])[:-1]
        return keys, before // self.size

    def _spilled(self, folder: Path, task: Task) -> tuple[NDArray[np.int64], Any]:
        """The second pass: parts in files; the parts' numbers and the origin of all."""
        keys, part_of = self._order()
        bounds, part_of = np.unique(part_of, return_inverse=True)
        place = dict(zip(keys, part_of.tolist(), strict=True))
        ends = _Ends(task)
        for rows in self._chunks():
            plain = self._plain(rows, task)
            part = self._places(plain, place)
            ends.see(plain, rows)
            order = np.argsort(part, kind="stable")
            edges = np.searchsorted(part[order], np.arange(len(bounds) + 1))
            for number in np.unique(part).tolist():
                chosen = order[edges[number] : edges[number + 1]]
                for name, cells in plain.items():  # there may be more files than a process may hold
                    with _file(folder, number, name).open("ab") as file:
                        file.write(np.ascontiguousarray(cells[chosen]).data)
        return bounds, ends.origin()

    def _chunks(self) -> Iterator[Rows]:
        yield from self.reading.chunks()

    def _plain(self, rows: Rows, task: Task) -> Rows:
        """Texts as numbers, times on the clock of the grid, numbers as they are."""
        found: Rows = {}
        for name, cells in rows.items():
            if name == task.time:
                clock = times.parse(
                    cells, Frequency.parse(task.frequency), task.zone, task.time_format
                )
                found[name] = clock.astype(np.int64)
            elif self._is_text(name, task):
                found[name] = self.survey.texts[name].numbered(cells)
            else:
                found[name] = numbers(cells, name)
        return found

    def _is_text(self, name: str, task: Task) -> bool:
        """As the task says, which may be a checkpoint's: numbers may have been categories before."""
        roles = (task.static, task.past, task.future)
        return name in task.series or any(name in role.categorical for role in roles)

    def _places(self, plain: Rows, place: Mapping[tuple[int, ...], int]) -> NDArray[np.int64]:
        """The part of each row."""
        count = len(next(iter(plain.values())))
        coded = [plain[name] for name in self.reading.series]
        if not coded:
            return np.zeros(count, dtype=np.int64)
        keys, number, _ = _distinct(coded)
        try:
            mine = [place[key] for key in keys]
        except KeyError as error:
            raise DataError(
                "the source gave other series the second time it was read; read from what does not"
                " change meanwhile"
            ) from error
        return np.array(mine, dtype=np.int64)[number]

    def _part(self, folder: Path, task: Task, part: int) -> Rows:
        """Rows as the grid takes them."""
        rows: Rows = {}
        for path in folder.glob(f"{part}.*.rows"):
            name = path.name.split(".", 1)[1].removesuffix(".rows")
            name = bytes.fromhex(name).decode()
            if name == task.time:
                cells = np.fromfile(path, np.int64)
                dated = Frequency.parse(task.frequency).dated
                rows[name] = cells.view("M8[s]") if dated else cells
            elif self._is_text(name, task):
                rows[name] = self.survey.texts[name].array()[np.fromfile(path, np.int64)]
            else:
                rows[name] = np.fromfile(path, np.float64)
        return rows


def _file(folder: Path, part: int, name: str) -> Path:
    """A column may be called anything."""
    return folder / f"{part}.{name.encode().hex()}.rows"


def _distinct(
    coded: list[NDArray[np.int64]],
) -> tuple[list[tuple[int, ...]], NDArray[np.int64], list[int]]:
    """The keys there are, the key of each row, and rows of each key."""
    one = np.zeros(len(coded[0]), dtype=np.int64)
    for number in coded:
        one = np.unique(one * (int(number.max(initial=0)) + 1) + number, return_inverse=True)[1]
    count = np.bincount(one)
    row = np.zeros(len(count), dtype=np.int64)
    row[one] = np.arange(len(one))
    keys = [tuple(key) for key in np.stack([number[row] for number in coded], 1).tolist()]
    return keys, one, count.tolist()


def _surveyed(reading: Reading) -> Survey:
    named = {*reading.series, *reading.categorical}
    roles = (*reading.static_names, *reading.past, *reading.future)
    texts = {name: Texts() for name in dict.fromkeys([*reading.series, *roles])}
    plain = {name: name not in named for name in roles} | dict.fromkeys(reading.series, False)
    counts: dict[tuple[int, ...], int] = {}
    total = 0
    for rows in reading.chunks():
        total += len(next(iter(rows.values())))
        for name, is_plain in plain.items():
            plain[name] = is_plain and numeric(rows[name])
        coded = {n: t.numbered(rows[n]) for n, t in texts.items() if not plain.get(n, False)}
        keys = [coded[name] for name in reading.series]
        if not keys:
            counts[()] = total
            continue
        for key, count in zip(*_distinct(keys)[::2], strict=True):
            counts[key] = counts.get(key, 0) + count
    if not total:
        raise NoRows("there are no rows; give at least one row of history")
    return Survey(total, counts, texts, plain)


class _Ends:
    """The latest time in each of the last steps, from which the origin of all follows."""

    def __init__(self, task: Task) -> None:
        self.task, self.frequency = task, Frequency.parse(task.frequency)
        self.known: dict[int, Any] = {}
        self.any: dict[int, Any] = {}

    def see(self, plain: Rows, raw: Rows) -> None:
        """A chunk's rows, as the panel's parts and as they were read."""
        task, time = self.task, plain[self.task.time]
        time = time.view("M8[s]") if self.frequency.dated else time
        step = self.frequency.index(time)
        known = np.ones(len(step), dtype=bool)
        if task.aggregate != "count":
            known &= ~np.isnan(plain[task.target])
        if task.observed:
            known &= numbers(raw[task.observed], task.observed) != 0
        self._keep(self.any, step, time)
        self._keep(self.known, step[known], time[known])

    @staticmethod
    def _keep(into: dict[int, Any], step: Array, time: Array) -> None:
        if not len(step):
            return
        last = max(int(step.max()), max(into, default=int(step.max())))
        for one in range(last - EARLIER, last + 1):
            rows = time[step == one]
            if len(rows):
                into[one] = max(rows.max(), into.get(one, rows.max()))
        for old in [one for one in into if one < last - EARLIER]:
            del into[old]

    def origin(self) -> Any:
        """A time, or None where each series has its own."""
        if self.task.origins == "own":
            return None
        ends = self.known or self.any
        step, time = np.array(list(ends)), np.array(list(ends.values()))
        last = last_steps(np.zeros(len(step), np.int64), step, time, self.task, 1)
        return self.frequency.time(last)[0]
