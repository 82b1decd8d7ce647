"""Months pass: actual values are posted, forecasts asked for, monitoring and retraining tick.

What the service says and what a frozen first model would have said is kept, point by point.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import numpy as np
from numpy.typing import NDArray

from loop.world import YEAR, Values, World, rows
from loopcast.core.grid import grid
from loopcast.core.inputs import inputs
from loopcast.core.scores import median
from loopcast.serving.predictor import Predictor

PART = 20_000
"""Actual values in one request."""


class Ticks(Protocol):
    """What happens beside the service."""

    def monitor(self) -> str:
        """What is wrong, in a few words; "" where nothing is."""

    def retrain(self) -> str:
        """What was done, in a few words; "" where nothing was."""


@dataclass
class Record:
    """Median forecasts of both models, [series, origin, horizon], origin 0 the month before `first`."""

    world: World
    first: int
    scale: Values  # [series]
    ours: Values
    frozen: Values
    version: list[int] = field(default_factory=list)  # that answered at each origin
    alarms: dict[int, str] = field(default_factory=dict)  # month -> what monitoring said
    retrains: dict[int, str] = field(default_factory=dict)  # month -> what retraining did

    @classmethod
    def empty(cls, world: World, first: int) -> "Record":
        """Errors are told in scales of the seasonal differences before the first month."""
        known = world.values[:, max(first - 8 * YEAR, 0) : first]
        apart = np.abs(known[:, YEAR:] - known[:, :-YEAR])
        seen = np.isfinite(apart)
        scale = np.where(seen, apart, 0).sum(1) / np.maximum(seen.sum(1), 1)
        blank = np.full((len(world.keys), len(world.months) - first + 1, YEAR), np.nan)
        usable = np.where(scale > 0, scale, np.nan)
        return cls(world, first, usable, blank, blank.copy())

    def errors(self, said: Values) -> Values:
        """|forecast - actual| in scales, [series, origin, horizon]; NaN: has not come."""
        months = self.first + np.arange(said.shape[1])[:, None] + np.arange(YEAR)
        last = len(self.world.months) - 1
        actual = self.world.values[:, np.minimum(months, last)]
        actual = np.where(months <= last, actual, np.nan)
        return np.abs(said - actual) / self.scale[:, None, None]

    def by_month(self, said: Values) -> Values:
        """Mean error of each month's value over all forecasts of it, [month]."""
        errors = self.errors(said)
        count = len(self.world.months) - self.first
        found = np.full(count, np.nan)
        for month in range(count):
            ahead = np.arange(min(month + 1, YEAR))
            part = errors[:, month - ahead, ahead]
            found[month] = np.nanmean(part) if np.isfinite(part).any() else np.nan
        return found

    def mean(self, said: Values, begin: int, end: int) -> float:
        """Over forecasts from origins `begin` on of months before `end`, counted from the first."""
        errors = self.errors(said)[:, begin:end]
        months = begin + np.arange(end - begin)[:, None] + np.arange(YEAR)
        return float(np.nanmean(np.where(months < end, errors, np.nan)))

    @property
    def promotions(self) -> list[int]:
        """Months, counted from the first, before which another version took over."""
        return [i for i in range(1, len(self.version)) if self.version[i] != self.version[i - 1]]


@dataclass
class Play:
    """Lets months pass through a running service."""

    client: httpx.Client
    record: Record
    frozen: Predictor
    ticks: Ticks
    tell: Callable[["Play", int], None]
    wait: Callable[[], None] = lambda: None

    def run(self) -> Record:
        """From the first month to the last."""
        world, first = self.record.world, self.record.first
        for month in range(first, len(world.months)):
            self._forecast(month - first)
            self._post(month)
            if said := self.ticks.monitor():
                self.record.alarms[month - first] = said
            if done := self.ticks.retrain():
                self.record.retrains[month - first] = done
                self.wait()
            self.tell(self, month - first)
        return self.record

    def _forecast(self, origin: int) -> None:
        world, record = self.record.world, self.record
        asked = [
            i for i, row in enumerate(world.values) if np.isfinite(row[record.first + origin - 1])
        ]
        body = {"series": [{"key": world.keys[i]} for i in asked], "quantiles": [0.5]}
        answer = _answered(self.client.post("/v1/forecast", json=body))
        record.version.append(answer["model"]["version"])
        for i, one in zip(asked, answer["forecasts"], strict=True):
            record.ours[i, origin] = one["quantiles"]["0.5"]
        record.frozen[:, origin] = _said(self.frozen, world, record.first + origin)

    def _post(self, month: int) -> None:
        values = rows(self.record.world, month, month + 1)
        for begin in range(0, len(values), PART):
            _answered(
                self.client.post("/v1/actuals", json={"actuals": values[begin : begin + PART]})
            )


def _answered(answer: httpx.Response) -> Any:
    if answer.status_code != 200:
        raise RuntimeError(f"the service answered {answer.status_code}: {answer.text[:500]}")
    return answer.json()


def _said(predictor: Predictor, world: World, known: int) -> Values:
    """Median forecasts after the first `known` months, [series, horizon]; NaN: no such series."""
    table = rows(world, max(known - 10 * YEAR, 0), known)
    columns = {name: [row["key"][name] for row in table] for name in ("State", "Industry")}
    columns |= {
        "Month": [row["time"] for row in table],
        "Turnover": [row["value"] for row in table],
    }
    panel = grid(columns, predictor.task)
    found = predictor.run(inputs(panel, predictor.task, np.arange(len(panel)), panel.origin))
    place: dict[tuple[str, str], int] = {
        (key["State"], key["Industry"]): i for i, key in enumerate(world.keys)
    }
    names = zip(panel.keys["State"], panel.keys["Industry"], strict=True)
    said: NDArray[np.float64] = np.full((len(world.keys), YEAR), np.nan)
    said[[place[one] for one in names]] = median(found, predictor.task.quantiles)
    return said
