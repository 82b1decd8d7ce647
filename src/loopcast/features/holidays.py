"""Public holidays, baked into the graph as a table by day, or by step where a step is longer.

The `holidays` package is asked once, when the feature is fitted; the tables are part of the state.
"""

import copy
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding

from loopcast.core.errors import ConfigError
from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.categories import SMALL, WIDEST, vocabulary
from loopcast.features.feature import Feature, Inputs

Integers = NDArray[np.int64]
Days = Mapping[int, tuple[str, ...]]
"""Names of the holidays of a day, which is counted from 1970-01-01."""

BEYOND = 20
"""The tables go on for so many years after the train part; after that no day is a holiday."""
BEFORE = 1
"""And begin so many years before it."""
FARTHEST = 30
"""A holiday farther away than so many steps is not seen coming."""
NAMED = 2
"""The first codes of a name: none, and a holiday that train did not show."""
DATED = "holidays need dates; frequency {!r} has none: remove data.holidays"


def holiday_days(code: str, first: int, last: int) -> Days:
    """Holidays of a country or subdivision ("US", "GB-ENG", "Germany") from year to year.

    Raises KeyError where the package does not know the code.
    """
    import holidays  # noqa: PLC0415 - a part of the train extra that only a fit needs
    from holidays.registry import COUNTRIES  # noqa: PLC0415

    country, _, subdivision = code.strip().partition("-")
    known = COUNTRIES.get(code.strip().lower().replace(" ", "_"))
    country, subdivision = (known[1], "") if known else (country.upper(), subdivision)
    for part in dict.fromkeys((subdivision, subdivision.upper())):  # not all are upper case
        with suppress(NotImplementedError):
            found = holidays.country_holidays(
                country, subdiv=part or None, years=range(first, last + 1), language="en_US"
            )
            break
    else:
        raise KeyError(code)
    return {
        int(np.datetime64(day, "D").astype(np.int64)): tuple(_plain(name).split("; "))
        for day, name in found.items()
        if first <= day.year <= last
    }


def _plain(name: str) -> str:
    """Dates that follow the moon are estimates: no name of their own."""
    return re.sub(r",? ?\(estimated\)|, estimated", "", name)


def union(calendars: Sequence[Days]) -> Days:
    """The holidays of several places as one calendar."""
    days = sorted({day for calendar in calendars for day in calendar})
    return {
        day: tuple(dict.fromkeys(name for one in calendars for name in one.get(day, ())))
        for day in days
    }


def begins(frequency: Frequency, first: int, last: int) -> tuple[int, Integers]:
    """The row of the first year's first day, and the first day of each row and of the one after.

    A row is a step; a day where steps are shorter.
    """
    unit = Frequency.parse("D") if frequency.unit == "minute" else frequency
    edges = np.array([f"{first}-01-01", f"{last + 1}-01-01"], dtype="M8[s]")
    low, high = unit.index(edges)
    return int(low), unit.start(np.arange(low, high + 1)).astype("M8[D]").astype(np.int64)


def near(busy: NDArray[np.bool_]) -> NDArray[np.int16]:
    """[row, 2]: rows to the next busy one, and since the last; 0 where it is farther than seen."""
    steps = np.arange(len(busy))
    beyond = len(busy) + FARTHEST
    after = np.append(np.where(busy, steps, beyond)[1:], beyond)
    before = np.append(-beyond, np.where(busy, steps, -beyond)[:-1])
    coming = np.minimum.accumulate(after[::-1])[::-1] - steps
    gone = steps - np.maximum.accumulate(before)
    both = np.stack([coming, gone], -1)
    return np.where(both <= FARTHEST, both, 0).astype(np.int16)


class Holidays(Feature):
    """Which holiday each step is, which comes next, how near both are, and how many are in it.

    `places`: countries and subdivisions, whose holidays are one calendar; or the name of a static
    categorical column that holds the code or English name of the country of each series. Other
    texts, and what train did not show, have no holidays.
    """

    axis = "future"
    first: int  # row
    rows: int
    names: tuple[str, ...]
    per_day: int  # steps in a row; 1 where a row is a step
    history: int
    close: bool
    codes: Tensor  # [place x row, slot]
    counts: Tensor  # [place x row, 1]
    near: Tensor  # [place x row, 2]
    coming: Tensor  # [place x row, 1], the name of the next holiday
    steps: Tensor
    table: nn.Parameter

    def __init__(self, places: list[str] | str) -> None:
        super().__init__()
        self.places = places

    def fit(self, train: Panel, task: Task) -> Self:
        """The calendars of the years of train and after; names that train did not show are one."""
        frequency = Frequency.parse(task.frequency)
        if not frequency.dated:
            raise ConfigError(DATED.format(task.frequency))
        days = span(train, frequency)
        years = days.astype("M8[Y]").astype(np.int64) + 1970
        first, last = int(years[0]) - BEFORE, int(years[1]) + BEYOND
        places = self._calendars(train, first, last)
        begin, end = days.astype(np.int64)
        seen = {
            name
            for place in places
            for day, names in place.items()
            for name in names
            if begin <= day <= end
        }
        low, edges = begins(frequency, first, last)
        names = sorted(seen)
        tables = [_table(place, edges, names) for place in places]
        slots = max(codes.shape[1] for codes, _ in tables)
        facts = {"names": names, "first": low, "rows": len(edges) - 1}
        fitted = self.restore({**facts, "places": len(places), "slots": slots}, task)
        fitted._keep(tables)
        return fitted

    def _calendars(self, train: Panel, first: int, last: int) -> list[Days]:
        """One calendar for all, or one for each code of the column, the unknown's first."""
        if not isinstance(self.places, str):
            try:
                return [union([holiday_days(code, first, last) for code in self.places])]
            except KeyError as error:
                raise ConfigError(
                    f"holidays: {error.args[0]!r} is no country or subdivision that the `holidays`"
                    " package knows; codes are like US, GB-ENG, DE-BY"
                ) from error
        name = f"static.{self.places}"
        if name not in train.categories:
            raise ConfigError(
                f"holidays: {self.places!r} is no static category; add it to data.static and"
                " data.categorical, or to data.series"
            )
        texts = vocabulary(name, train)
        calendars: list[Days] = [{}]
        for text in texts:
            try:
                calendars.append(holiday_days(text, first, last))
            except KeyError:
                calendars.append({})
        if not any(calendars):
            raise ConfigError(
                f"holidays: no text of {self.places!r} is a country that the `holidays` package"
                f" knows, e.g. {texts[:3]}; codes are like US, GB-ENG, DE-BY"
            )
        return calendars

    def _keep(self, tables: Sequence[tuple[Integers, Integers]]) -> None:
        for place, (codes, counts) in enumerate(tables):
            mine = slice(place * self.rows, (place + 1) * self.rows)
            self.codes[mine, : codes.shape[1]] = torch.from_numpy(codes).to(torch.int16)
            self.counts[mine, 0] = torch.from_numpy(counts).float()
            distance = near(counts > 0)
            self.near[mine] = torch.from_numpy(distance)
            coming = np.minimum(np.arange(self.rows) + distance[:, 0], self.rows - 1)
            name = np.where(distance[:, 0] > 0, codes[coming, 0], 0)
            self.coming[mine, 0] = torch.from_numpy(name).to(torch.int16)

    def facts(self) -> dict[str, Any]:
        """The tables themselves are part of the state."""
        vector = self.table.shape[-1]
        return {
            "names": list(self.names),
            "first": self.first,
            "rows": self.rows,
            "places": len(self.near) // self.rows,
            "slots": self.codes.shape[1],
            **({} if vector == self._usual() else {"vector": vector}),
        }

    def _usual(self) -> int:
        """Numbers of a name's vector, but an earlier run's."""
        return min(WIDEST, max(1, math.ceil(len(self.names) ** 0.5)))

    @property
    def column(self) -> str | None:
        """The input that says whose calendar it is."""
        return f"static.{self.places}" if isinstance(self.places, str) else None

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """Empty tables, which the state fills."""
        fitted = copy.deepcopy(self)
        frequency = Frequency.parse(task.frequency)
        fitted.names = tuple(facts["names"])
        fitted.first, fitted.rows = int(facts["first"]), int(facts["rows"])
        fitted.per_day = 1440 // frequency.count if frequency.unit == "minute" else 1
        fitted.history, fitted.close = task.history, frequency.unit != "month"
        total, slots = int(facts["places"]) * fitted.rows, int(facts["slots"])
        fitted.register_buffer("codes", torch.zeros(total, slots, dtype=torch.int32))
        fitted.register_buffer("counts", torch.zeros(total, 1))
        fitted.register_buffer("near", torch.zeros(total, 2, dtype=torch.int32))
        fitted.register_buffer("coming", torch.zeros(total, 1, dtype=torch.int32))
        steps = torch.arange(1 - task.history, task.horizon + 1)
        fitted.register_buffer("steps", steps, persistent=False)
        vector = int(facts.get("vector") or fitted._usual())
        fitted.table = nn.Parameter(SMALL * torch.randn(len(fitted.names) + NAMED, vector))
        fitted.width = 1 + vector + (vector + 2 if fitted.close else 0)
        return fitted

    def widened(self, width: int, task: Task) -> Self:
        """With vectors of so many numbers, drawn anew; the calendar stays."""
        fitted = self.restore({**self.facts(), "vector": width}, task)
        fitted.load_state_dict(
            {name: part for name, part in self.state_dict().items() if name != "table"},
            strict=False,
        )
        return fitted

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, history + horizon, width]: the count, today's names, the next one's, nearness."""
        row = (inputs["origin"][:, None] + self.steps) // self.per_day - self.first
        inside = ((row >= 0) & (row < self.rows))[..., None]
        row = row.clamp(0, self.rows - 1)
        if self.column is not None:
            row = row + inputs[self.column][:, None] * self.rows
        codes = embedding(row, self.codes).long()
        vectors = (embedding(codes, self.table) * (codes > 0)[..., None]).sum(-2)
        columns = [embedding(row, self.counts), vectors]
        if self.close:
            distance = embedding(row, self.near).float()
            nearness = (distance > 0) / distance.clamp(min=1)
            coming = embedding(embedding(row, self.coming)[..., 0].long(), self.table)
            columns += [nearness, coming * nearness[..., :1]]
        return torch.cat(columns, dim=-1) * inside


def named_places(holidays: list[str] | dict[str, str] | None) -> list[str] | str | None:
    """The config's `holidays`: a list of codes, or {column: NAME}, as Holidays takes them."""
    if isinstance(holidays, dict):
        if set(holidays) != {"column"}:
            raise ConfigError(
                f"holidays: {holidays} should be a list of countries ([US, GB-ENG]), or"
                " {column: Country} with the column that holds the country of each series"
            )
        return holidays["column"]
    return holidays


def span(train: Panel, frequency: Frequency) -> NDArray[np.datetime64]:
    """The first and the last day of the train part; two in 1970 where it is empty."""
    filled = train.lengths > 0
    if not filled.any():
        return np.array(["1970-01-01", "1970-12-31"], dtype="M8[D]")
    last = np.minimum(train.origin, train.start + train.lengths - 1)[filled].max()
    edges = frequency.start(np.array([train.start[filled].min(), last + 1])).astype("M8[D]")
    days: NDArray[np.datetime64] = edges - np.array([0, 1])
    return days


def _table(days: Days, edges: Integers, names: Sequence[str]) -> tuple[Integers, Integers]:
    """Codes [row, slot] of the distinct names in each row, 0 where none, and days counted [row]."""
    code = {name: number for number, name in enumerate(names, start=NAMED)}
    found: list[list[int]] = [[] for _ in edges[1:]]
    counts = np.zeros(len(edges) - 1, np.int64)
    for day in sorted(days):
        row = int(np.searchsorted(edges, day, side="right")) - 1
        if 0 <= row < len(found):
            counts[row] += 1
            numbers = [code.get(name, 1) for name in days[day]]
            found[row] += [n for n in dict.fromkeys(numbers) if n not in found[row]]
    codes = np.zeros((len(found), max(1, *map(len, found))), np.int64)
    for row, numbers in enumerate(found):
        codes[row, : len(numbers)] = numbers
    return codes, counts
