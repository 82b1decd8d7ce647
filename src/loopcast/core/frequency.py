"""The calendar step and the integer grid: index of a step <-> the time that labels it.

A grid index counts steps: months, quarters and years since 1970 began, weeks and business weeks
since the one of 1970-01-05 (a Monday), days, hours and minutes since 1970-01-01 00:00 of the wall
clock, and plain integers by their own count.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import ConfigError

Times = NDArray[np.datetime64]
Indices = NDArray[np.int64]

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONDAY = 4  # 1970-01-05 in days since 1970-01-01
MONTHS = {"M": 1, "Q": 3, "Y": 12}
SEASONS = {"M": 12, "Q": 4, "Y": 1}
EXAMPLES = "15min, 30min, h, D, B, W-MON to W-SUN, MS or ME, QS or QE, YS or YE, or an integer"


@dataclass(frozen=True)
class Frequency:
    """One calendar step. `count`: minutes, months or integers in a step, 1 elsewhere.

    `anchor`: the weekday (Monday 0) that ends and labels a week. `ends`: months are labelled with
    their last day. `season`: what the calendar implies, 0 where it implies nothing.
    """

    name: str
    unit: Literal["minute", "day", "business", "week", "month", "integer"]
    count: int = 1
    anchor: int = 6
    ends: bool = False
    season: int = 0

    @property
    def dated(self) -> bool:
        """False for plain integers."""
        return self.unit != "integer"

    @classmethod
    @lru_cache(maxsize=64)
    def parse(cls, name: str | int) -> "Frequency":
        """Reads a pandas-like alias; raises ConfigError for any other."""
        text = str(name).strip()
        if re.fullmatch(r"[1-9]\d*", text):
            return cls(text, "integer", int(text))
        upper = text.upper()
        if match := re.fullmatch(r"(\d*)(H|MIN|T)", upper):
            minutes = int(match[1] or 1) * (60 if match[2] == "H" else 1)
            if minutes > 0 and 1440 % minutes == 0:
                return cls(text, "minute", minutes, season=1440 // minutes)
        if upper == "D":
            return cls("D", "day", season=7)
        if upper == "B":
            return cls("B", "business", season=5)
        if match := re.fullmatch(r"W(?:-(\w{3}))?", upper):
            day = match[1] or "SUN"
            if day in WEEKDAYS:
                return cls(f"W-{day}", "week", anchor=WEEKDAYS.index(day), season=52)
        if match := re.fullmatch(r"([MQY])([SE])", upper):
            kind, ends = match[1], match[2] == "E"
            return cls(upper, "month", MONTHS[kind], ends=ends, season=SEASONS[kind])
        raise ConfigError(f"frequency {name!r} is unknown; use one of {EXAMPLES}")

    def index(self, times: Times | Indices) -> Indices:
        """The step in which each time lies; weekends belong to the Friday before (B)."""
        if self.unit == "integer":
            return np.floor_divide(times.astype(np.int64), self.count)
        if self.unit == "minute":
            return np.floor_divide(times.astype("M8[m]").astype(np.int64), self.count)
        if self.unit == "month":
            return np.floor_divide(times.astype("M8[M]").astype(np.int64), self.count)
        days = times.astype("M8[D]").astype(np.int64)
        if self.unit == "day":
            return days
        if self.unit == "week":
            return np.floor_divide(days - MONDAY + 6 - self.anchor, 7)
        weeks, weekday = np.divmod(days - MONDAY, 7)
        return weeks * 5 + np.minimum(weekday, 4)

    def start(self, index: Indices) -> Any:
        """The first instant of each step, datetime64[s] (integers: int64)."""
        if self.unit == "integer":
            return index * self.count
        if self.unit == "minute":
            return (index * self.count).astype("M8[m]").astype("M8[s]")
        if self.unit == "month":
            return (index * self.count).astype("M8[M]").astype("M8[s]")
        return self._days(index).astype("M8[D]").astype("M8[s]")

    def _days(self, index: Indices) -> Indices:
        if self.unit == "week":
            return index * 7 + MONDAY + self.anchor - 6
        if self.unit == "business":
            weeks, weekday = np.divmod(index, 5)
            return weeks * 7 + weekday + MONDAY
        return index

    def time(self, index: Indices) -> Any:
        """The time that labels each step, datetime64[s] (integers: int64)."""
        if self.unit == "week":
            return self.start(index) + np.timedelta64(6, "D")
        if self.unit == "month" and self.ends:
            return self.start(index + 1) - np.timedelta64(1, "D")
        return self.start(index)
