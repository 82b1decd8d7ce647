"""The calendar of every step of a window, from the integer grid index of its origin.

Whatever repeats is a small table over one cycle, written out one window longer than the cycle: a
window then needs one division for its first step, not one for each step.
"""

import copy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.feature import Feature, Inputs

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

GREGORIAN = 146_097  # days in 400 years, after which the calendar repeats
LEAP_DAYS = 477  # 29ths of February before 1970, counted from year 1
LONGEST = 366
ONE_HOT = 12
"""Cycles of up to this many phases get a column for each phase."""
BEYOND = 2
"""The position in time stops this many train spans before the train part and after its begin."""


def january(year: Tensor) -> Tensor:
    """The day, counted from 1970-01-01, on which each year begins."""
    before = year - 1
    return 365 * (year - 1970) + before // 4 - before // 100 + before // 400 - LEAP_DAYS


def leap(year: Tensor) -> Tensor:
    """1 in years of 366 days, else 0."""
    return january(year + 1) - january(year) - 365


def year_of(day: Tensor) -> Tensor:
    """The year of each day, counted from 1970-01-01."""
    guess = 1970 + (day * 400) // GREGORIAN  # at most one off
    return guess + (day >= january(guess + 1)).long() - (day < january(guess)).long()


def harmonics(phase: NDArray[np.float64], count: int) -> Floats:
    """Phases in turns -> [..., 2 * count]: sine and cosine of 1, 2, ... turns."""
    angles = 2 * np.pi * phase[..., None] * np.arange(1, count + 1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype(np.float32)


def cycle(phase: Integers, period: int, count: int) -> Floats:
    """Whole phases of a cycle -> [..., column]: one-hot where the cycle is short, else waves."""
    if period > ONE_HOT:
        return harmonics(phase / period, count)
    return np.eye(period, dtype=np.float32)[phase]


def week_table(frequency: Frequency, steps: int) -> tuple[Floats, Integers, int]:
    """Columns and day (0 = 1970-01-01) of each of `steps` steps after step 0, and the steps a week."""
    times = frequency.time(np.arange(steps)).astype("M8[m]").astype(np.int64)
    days, minutes = np.divmod(times, 1440)
    if frequency.unit == "week":
        return np.zeros((steps, 0), np.float32), days, 1
    if frequency.unit == "business":
        return cycle(np.arange(steps) % 5, 5, 0), days, 5
    weekday = cycle((days + 3) % 7, 7, 0)
    if frequency.unit == "day":
        return weekday, days, 7
    slots = 1440 // frequency.count
    clock = cycle(minutes // frequency.count, slots, 4)
    return np.concatenate([weekday, clock], axis=-1), days, 7 * slots


def year_table(unit: str) -> Floats:
    """[732, column]: the 366 days of a common year (the last is never used), then of a leap year."""
    tables = []
    for year, length in (("2001", 365), ("2000", 366)):
        dates = np.datetime64(year, "D") + np.arange(LONGEST)
        waves = {"week": 4, "minute": 2}.get(unit, 3)
        columns = [harmonics(np.arange(LONGEST) / length, waves)]
        if unit != "minute":
            months = dates.astype("M8[M]")
            of_month = (dates - months.astype("M8[D]")).astype(np.int64)
            lengths = ((months + 1).astype("M8[D]") - months.astype("M8[D]")).astype(np.int64)
            columns.append(harmonics(of_month / lengths, 2 if unit != "week" else 1))
        tables.append(np.concatenate(columns, axis=-1))
    return np.concatenate(tables)


def month_table(frequency: Frequency, steps: int) -> tuple[Floats, int]:
    """Columns of each of `steps` steps after step 0, and the steps a year."""
    period = 12 // frequency.count
    if period == 1:
        return np.zeros((steps, 0), np.float32), 1
    phase = np.arange(steps) % period
    return np.concatenate([cycle(phase, period, 0), harmonics(phase / period, 1)], axis=-1), period


def season_table(task: Task, frequency: Frequency, steps: int) -> Floats:
    """The phase of the season, where no calendar cycle of the frequency says it already."""
    known = {
        "minute": (1440 // frequency.count, 10080 // frequency.count),
        "day": (7,),
        "business": (5,),
        "week": (52, 53),
        "month": (12 // frequency.count,),
        "integer": (),
    }[frequency.unit]
    if task.season < 2 or task.season in known:
        return np.zeros((steps, 0), np.float32)
    phase = np.arange(steps) % task.season
    return cycle(phase, task.season, 4)


class Calendar(Feature):
    """What the frequency makes worth knowing of each step's date, and its place in time.

    Days and finer: weekday, day of month (days only), day of year; minutes: time of day; weeks: day
    of year and of month of the day that labels the week; months, quarters: which one of the year.
    Every frequency: the phase of a season that is no calendar cycle, and, if `position`, the steps
    since the train part began in train spans.
    """

    axis = "future"
    width: int
    week: Tensor
    day: Tensor
    year: Tensor
    month: Tensor
    season: Tensor
    steps: Tensor

    def __init__(self, position: bool = True) -> None:
        super().__init__()
        self.position = position

    def fit(self, train: Panel, task: Task) -> Self:
        """Only the begin and the span of the train part are learned."""
        filled = train.lengths > 0
        if not filled.any():
            return self.restore({"begin": 0, "span": 1}, task)
        begin = int(train.start[filled].min())
        last = np.minimum(train.origin, train.start + train.lengths - 1)[filled].max()
        return self.restore({"begin": begin, "span": max(int(last) - begin + 1, 1)}, task)

    def facts(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"begin": self.begin, "span": self.span}

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """Tables depend on the task alone and are not part of the state."""
        fitted = copy.deepcopy(self)
        fitted.begin, fitted.span = int(facts["begin"]), int(facts["span"])
        fitted.history, fitted.cycle = task.history, max(task.season, 1)
        frequency = Frequency.parse(task.frequency)
        fitted._tabulate(task, frequency, task.history + task.horizon)
        return fitted

    def _tabulate(self, task: Task, frequency: Frequency, length: int) -> None:
        self.unit, self.period, self.crossings = frequency.unit, 1, 0
        empty = np.zeros((0, 0), np.float32)
        week, year, month, day = empty, empty, empty, np.zeros(0, np.int64)
        if frequency.unit == "month":
            month, self.period = month_table(frequency, length + 12)
        elif frequency.dated:
            self.period = week_table(frequency, 1)[2]
            week, day, _ = week_table(frequency, length + self.period)
            year = year_table(frequency.unit)
            self.crossings = int(day[-1] - day[0]) // 365 + 1
        season = season_table(task, frequency, length + self.cycle)
        for name, table in (
            ("week", week),
            ("day", day),
            ("year", year),
            ("month", month),
            ("season", season),
            ("steps", np.arange(length)),
        ):
            self.register_buffer(name, torch.from_numpy(table), persistent=False)
        columns = (week, year, month, season)
        self.width = sum(table.shape[1] for table in columns) + int(self.position)

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, history + horizon, width]."""
        first = (inputs["origin"] - (self.history - 1))[:, None]
        parts = []
        if self.unit == "month":
            parts.append(self.month[first % self.period + self.steps])
        elif self.unit != "integer":
            rows = first % self.period + self.steps
            parts.append(self.week[rows])
            parts.append(self.year[self._day_of_year(self.day[rows] + first // self.period * 7)])
        if self.season.shape[1]:
            parts.append(self.season[first % self.cycle + self.steps])
        if self.position:
            parts.append(self._position(first))
        return torch.cat([part for part in parts if part.shape[-1]], dim=-1)

    def _day_of_year(self, days: Tensor) -> Tensor:
        """Rising days [batch, step] -> rows of the year table."""
        year = year_of(days[:, :1])
        base = january(year) - LONGEST * leap(year)
        for later in range(1, self.crossings + 1):
            begin = january(year + later)
            base = torch.where(days >= begin, begin - LONGEST * leap(year + later), base)
        return days - base

    def _position(self, first: Tensor) -> Tensor:
        """-1 where the train part begins, 1 where it ends; [batch, step, 1]."""
        span = self.span
        since = (first - self.begin + self.steps).clamp(-BEYOND * span, (BEYOND + 1) * span)
        return (since.float() * (2 / span) - 1)[..., None]
