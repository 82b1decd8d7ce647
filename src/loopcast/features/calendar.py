"""Date -> month, weekday and the rest, from the integer grid index by integer arithmetic."""

import math
from typing import Any, Self

import torch
from torch import Tensor

from loopcast.core.frequency import MONDAY, Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.feature import Axis, Feature, Inputs

FAR = 2.0
"""Position in time is clamped here, in train spans, so that a far future stays near what was seen."""


def civil(days: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Days since 1970-01-01 -> year, month (1-12), day (1-31) of the proleptic Gregorian calendar.

    March-based years of 400-year eras, so that the leap day ends a year.
    """
    shifted = days + 719_468
    era = torch.div(shifted, 146_097, rounding_mode="floor")
    day_of_era = shifted - era * 146_097
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * from_march + 2) // 5 + 1
    month = torch.where(from_march < 10, from_march + 3, from_march - 9)
    return year_of_era + era * 400 + (month <= 2).long(), month, day


def days_before_year(year: Tensor) -> Tensor:
    """Days from 1970-01-01 to January 1st of `year`."""
    before = year - 1
    leaps = (
        torch.div(before, 4, rounding_mode="floor")
        - torch.div(before, 100, rounding_mode="floor")
        + torch.div(before, 400, rounding_mode="floor")
    )
    return 365 * (year - 1970) + leaps - 477


def floor(value: Tensor, by: int) -> Tensor:
    """Floored integer quotient."""
    return torch.div(value, by, rounding_mode="floor")


class Calendar(Feature):
    """Cycles that fit the frequency (sine, cosine, weekday and month also one-hot), and position in time.

    `harmonics` sine and cosine pairs for the cycle of the year and for the season.
    """

    axis: Axis = "future"

    def __init__(self, harmonics: int = 2) -> None:
        super().__init__()
        self.harmonics = harmonics
        self.begin, self.span = 0, 1

    def fit(self, train: Panel, task: Task) -> Self:
        """Position in time is measured in spans of the train part."""
        begin = int(train.start.min())
        return self.restore({"begin": begin, "span": max(int(train.origin.max()) - begin, 1)}, task)

    def facts(self) -> dict[str, Any]:
        """See Feature."""
        return {"begin": self.begin, "span": self.span}

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """See Feature."""
        copy = type(self)(self.harmonics)
        copy.begin, copy.span = facts["begin"], facts["span"]
        copy.frequency = Frequency.parse(task.frequency)
        copy.season = task.season
        copy.steps = (1 - task.history, task.horizon + 1)
        probe = copy({"origin": torch.zeros(1, dtype=torch.int64)})
        copy.width = int(probe.shape[-1])
        return copy

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, history + horizon, width]."""
        origin = inputs["origin"]
        steps = torch.arange(*self.steps, device=origin.device)
        index = origin[:, None] + steps
        return torch.cat([self._position(index), *self._cycles(index)], -1)

    def _position(self, index: Tensor) -> Tensor:
        share = (index - self.begin).to(torch.float32) / self.span
        return share.clamp(-FAR, FAR)[..., None]

    def _cycles(self, index: Tensor) -> list[Tensor]:
        found = []
        if self.season > 1:
            found.append(waves(index % self.season, self.season, self.harmonics))
        unit, count = self.frequency.unit, self.frequency.count
        if unit == "month":
            month = (index * count) % 12
            if count < 12:
                found.append(one_hot(floor(month, count), 12 // count))
            return found
        if unit == "integer":
            return found
        days = self._days(index)
        year, month, day = civil(days)
        day_of_year = days - days_before_year(year)
        found.append(waves(day_of_year, 365.25, max(self.harmonics, 4)))
        if unit == "week":
            return [*found, one_hot(month - 1, 12)]
        weekday = (days - MONDAY) % 7
        found += [one_hot(weekday, 7), one_hot(month - 1, 12), waves(day - 1, 31, 1)]
        if unit == "minute":
            found.append(waves(index % (1440 // count), 1440 // count, max(self.harmonics, 4)))
        return found

    def _days(self, index: Tensor) -> Tensor:
        unit = self.frequency.unit
        if unit == "minute":
            return floor(index * self.frequency.count, 1440)
        if unit == "week":
            return index * 7 + MONDAY + self.frequency.anchor
        if unit == "business":
            weeks = floor(index, 5)
            return weeks * 7 + (index - weeks * 5) + MONDAY
        return index


def waves(phase: Tensor, length: float, harmonics: int) -> Tensor:
    """Sine and cosine of `phase` / `length` turns and its multiples, [..., 2 * harmonics]."""
    turns = torch.arange(1, harmonics + 1, device=phase.device, dtype=torch.float32)
    angle = phase.to(torch.float32)[..., None] * (turns * (2 * math.pi / length))
    return torch.cat([angle.sin(), angle.cos()], -1)


def one_hot(number: Tensor, size: int) -> Tensor:
    """[..., size] of 0 and 1; exports better than the library's."""
    places = torch.arange(size, device=number.device)
    return (number[..., None] == places).to(torch.float32)
