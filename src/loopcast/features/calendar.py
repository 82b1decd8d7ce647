"""The calendar of every step of a window, from the integer grid index of its origin.

Whatever repeats is a small table over one cycle, written out one window longer than the cycle: a
window then needs one division for its first step, not one for each step. Divisions are `//`:
torch.div(rounding_mode=...) of integers is exported as a float32 division, which is not exact.
"""

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding

from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.season import seen_once
from loopcast.core.task import Task
from loopcast.features.feature import Feature, Inputs

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

GREGORIAN = 146_097  # days in 400 years, after which the calendar repeats, weekdays included
LONGEST = 366
NONE = np.zeros((0, 0), np.float32)
ONE_HOT = 12
"""Cycles of up to this many phases get a column for each phase."""


def new_years(more: int) -> Integers:
    """The first days of 1970 to 2369 and of `more` years after them, counted from 1970-01-01."""
    return np.arange(400 + more).astype("M8[Y]").astype("M8[D]").astype(np.int64)


def year_rows(days: Tensor, begins: Tensor, crossings: int) -> Tensor:
    """Rising days [batch, step] from 1970 on -> rows of the year table: 366 * leap + day of year.

    `begins` [year, 2]: the first day of each year, and that less 366 in leap years. Each window
    sees at most `crossings` new years; the first day is within 400 years of 1970, or just after.
    """
    first = days[:, :1]
    year = first // 365  # or one too many
    year = year - (first < embedding(year, begins)[..., 0]).long()
    base = embedding(year, begins)[..., 1]
    for later in range(1, crossings + 1):
        begin = embedding(year + later, begins)
        base = torch.where(days >= begin[..., 0], begin[..., 1], base)
    return days - base


def harmonics(phase: NDArray[np.float64], count: int) -> Floats:
    """Phases in turns -> [..., 2 * count]: sine and cosine of 1, 2, ... turns."""
    angles = 2 * np.pi * phase[..., None] * np.arange(1, count + 1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype(np.float32)


def cycle(phase: Integers, period: int, count: int) -> Floats:
    """Whole phases of a cycle -> [..., column]: one-hot where the cycle is short, else waves."""
    if period > ONE_HOT:
        return harmonics(phase / period, count)
    return np.eye(period, dtype=np.float32)[phase]


def period(frequency: Frequency) -> int:
    """The steps of a week; of a year where a step is a month or more; 1 for integers."""
    if frequency.unit == "month":
        return 12 // frequency.count
    per_day = 1440 // frequency.count if frequency.unit == "minute" else 1
    return {"minute": 7 * per_day, "day": 7, "business": 5}.get(frequency.unit, 1)


def phase_table(frequency: Frequency, steps: int) -> tuple[Floats, Integers]:
    """Columns and day (from 1970-01-01) of each of `steps` steps after step 0."""
    if not frequency.dated:
        return np.zeros((steps, 0), np.float32), np.zeros(steps, np.int64)
    times = frequency.time(np.arange(steps)).astype("M8[m]").astype(np.int64)
    days, minutes = np.divmod(times, 1440)
    phase, whole = np.arange(steps) % period(frequency), period(frequency)
    columns = [np.zeros((steps, 0), np.float32)]
    if frequency.unit == "month" and whole > 1:
        columns += [cycle(phase, whole, 0), harmonics(phase / whole, 1)]
    elif frequency.unit == "business":
        columns.append(cycle(phase, whole, 0))
    elif frequency.unit in ("day", "minute"):
        columns.append(cycle((days + 3) % 7, 7, 0))
    if frequency.unit == "minute":
        columns.append(cycle(minutes // frequency.count, 1440 // frequency.count, 4))
    return np.concatenate(columns, axis=-1), days


def year_table(frequency: Frequency) -> Floats:
    """[732, column]: 366 days of a common year (the last is never used), then a leap year's."""
    if frequency.unit in ("month", "integer"):
        return NONE
    waves, of_month = {"week": (4, 1), "minute": (2, 0)}.get(frequency.unit, (3, 2))
    tables = []
    for first, length in (("2001-01-01", 365), ("2000-01-01", 366)):
        dates = np.datetime64(first, "D") + np.arange(LONGEST)
        months = dates.astype("M8[M]")
        begin, end = months.astype("M8[D]"), (months + 1).astype("M8[D]")
        month = (dates - begin) / (end - begin)
        year = np.arange(LONGEST) / length
        tables.append(np.concatenate([harmonics(year, waves), harmonics(month, of_month)], axis=-1))
    return np.concatenate(tables)


def season_table(season: int, steps: int) -> Floats:
    """Columns of each of `season` + `steps` steps after step 0."""
    return cycle(np.arange(season + steps) % season, season, 4)


def own_season(task: Task, frequency: Frequency) -> bool:
    """Whether the season is no calendar cycle of the frequency, which has its columns already."""
    steps = 1440 // frequency.count
    known = {
        "minute": (steps, 7 * steps),
        "day": (7,),
        "business": (5,),
        "week": (52, 53),
        "month": (12 // frequency.count,),
        "integer": (),
    }
    return task.season > 1 and task.season not in known[frequency.unit]


def by_the_year(task: Task, frequency: Frequency) -> bool:
    """Is the season a year, and does the history hold it?"""
    years = {"week": (52, 53), "month": (12 // frequency.count,)}.get(frequency.unit, ())
    return 1 < task.season <= task.history and task.season in years


def beside(tables: Sequence[Floats]) -> list[Floats]:
    """Zeros in each table where the others have columns, so that a sum of rows joins them."""
    after = np.cumsum([table.shape[1] for table in tables])
    return [
        np.pad(table, ((0, 0), (end - table.shape[1], after[-1] - end)))
        for table, end in zip(tables, after, strict=True)
    ]


class Calendar(Feature):
    """What the frequency makes worth knowing of each step's date; nothing is learned from rows.

    Days and finer: weekday, day of month (days only), day of year; minutes: time of day; weeks: day
    of year and of month of the day that labels the week; months, quarters: which one of the year.
    Every frequency, integers too: the phase of a season that is no calendar cycle.

    `year`: does it tell the time of the year? By default yes, but for weeks, months and quarters
    where the history holds a year and the train part's median series is not two years long: there it
    would be learned as the date on which things happened once, and the history tells the season.
    """

    axis = "future"
    told: bool  # the time of the year
    dated: bool
    seasonal: bool
    period: int  # steps of a week, or of a year where a step is a month or more
    season: int
    crossings: int
    history: int
    phases: Tensor  # [period + step, column]
    days: Tensor  # [period + step, 1], the day of each step counted from 1970-01-01
    year: Tensor  # [732, column]
    begins: Tensor  # [year, 2]
    seasons: Tensor  # [season + step, column]
    steps: Tensor  # [step]

    def __init__(self, year: bool | None = None) -> None:
        super().__init__()
        self.named = year

    def fit(self, train: Panel, task: Task) -> Self:
        """The task says it all, but whether there are years enough."""
        yearly = by_the_year(task, Frequency.parse(task.frequency))
        few = yearly and seen_once(task.season, train.typical_length)
        told = not few if self.named is None else self.named
        return self.restore({} if told else {"told": False}, task)

    def again(self, before: Self, train: Panel, task: Task) -> Self:
        """As before."""
        return self.restore(before.facts(), task)

    def facts(self) -> dict[str, Any]:
        """The tables follow from the task, and are no part of the state."""
        return {} if self.told else {"told": False}

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """The tables of this task."""
        fitted = copy.deepcopy(self)
        frequency, length = Frequency.parse(task.frequency), task.history + task.horizon
        fitted.history, fitted.season = task.history, max(task.season, 1)
        fitted.dated = frequency.unit not in ("month", "integer")
        fitted.period = period(frequency)
        fitted.seasonal = own_season(task, frequency)
        fitted.told = bool(facts.get("told", True))
        phases, days = phase_table(frequency, length + fitted.period)
        year = year_table(frequency)
        if not fitted.told:
            year = year[:, :0]
            phases = phases[:, :0] if frequency.unit == "month" else phases
        seasons = season_table(fitted.season, length) if fitted.seasonal else NONE
        fitted.crossings = int(days[-1] - days[0]) // 365 + 1 if fitted.dated else 0
        begins = new_years(fitted.crossings + 2)
        leap = np.diff(begins) - 365
        phases, year, seasons = beside((phases, year, seasons))
        fitted.width = phases.shape[1]
        for name, table in (
            ("phases", phases),
            ("days", days[:, None]),
            ("year", year),
            ("begins", np.stack([begins[:-1], begins[:-1] - LONGEST * leap], axis=-1)),
            ("seasons", seasons),
            ("steps", np.arange(length)),
        ):
            fitted.register_buffer(name, torch.from_numpy(table), persistent=False)
        return fitted

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, history + horizon, width]."""
        first = (inputs["origin"] - (self.history - 1))[:, None]
        phase = first % self.period
        rows = phase + self.steps
        if not self.dated:
            columns = embedding(rows, self.phases)
        else:
            days = first // self.period * 7 % GREGORIAN + embedding(rows, self.days)[..., 0]
            columns = embedding(year_rows(days, self.begins, self.crossings), self.year)
            if self.period > 1:
                columns += embedding(rows, self.phases)
        if self.seasonal:
            columns += embedding(first % self.season + self.steps, self.seasons)
        return columns
