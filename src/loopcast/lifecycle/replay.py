"""Versions through the predictor on identical (series, origin, horizon): what each would have said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import ArtifactError
from loopcast.core.judging import Windows, beside_naive, categories
from loopcast.core.panel import Panel
from loopcast.core.scoreboard import Judged
from loopcast.core.scores import intervals, median
from loopcast.core.task import Task
from loopcast.evaluation.backtest import forecasts
from loopcast.lifecycle.collect import Collected
from loopcast.serving.predictor import Predictor

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Stretch:
    """The steps after `after` up to `end`; they are forecast from every origin that reaches them."""

    after: int
    end: int

    def windows(self, panel: Panel, horizon: int) -> Windows:
        """Origins one step apart; a series that had not begun at an origin is left out there."""
        origin = np.arange(self.after - horizon + 1, self.end)
        series = np.tile(np.arange(len(panel)), len(origin))
        origins = np.repeat(origin, len(panel))
        begun = origins >= panel.start[series]
        return series[begun], origins[begun], np.full(len(panel), self.end)


@dataclass(frozen=True)
class Replayed:
    """One version's forecasts of a stretch; points outside it are NaN in `actual`."""

    judged: Judged
    task: Task
    series: Steps  # [window]
    origin: Steps  # [window]
    by: Mapping[str, NDArray[Any]]  # texts of each category column, [window]

    @property
    def step(self) -> Steps:
        """The step that each point is of, [window, horizon]."""
        return self.origin[:, None] + np.arange(1, self.judged.actual.shape[1] + 1)

    def beside(self, other: "Replayed") -> "Replayed":
        """In the other's units: versions of different seasons have different naive scales."""
        return replace(self, judged=replace(self.judged, scale=other.judged.scale))

    def loss(self, levels: Sequence[float]) -> Floats:
        """Pinball loss, mean over levels, in units of the series' naive scale, [window, horizon]."""
        return self._pinball(self.judged.quantiles, levels)

    def naive_loss(self, levels: Sequence[float]) -> Floats:
        """The same of the seasonal naive forecast."""
        return self._pinball(self.judged.naive_quantiles, levels)

    def error(self) -> Floats:
        """(median forecast - actual) / naive scale, [window, horizon]."""
        apart = median(self.judged.quantiles, self.judged.levels) - self.judged.actual
        return apart / self._scale

    def coverage(self) -> tuple[float, float]:
        """Share of actuals inside the outer range, and what it should be; NaN without a range."""
        ranges = {float(name): pair for name, pair in intervals(self.judged.levels).items()}
        if not ranges:
            return float("nan"), float("nan")
        nominal, (low, high) = max(ranges.items())
        actual, quantiles = self.judged.actual, self.judged.quantiles
        seen = np.isfinite(actual)
        inside = (actual >= quantiles[..., low]) & (actual <= quantiles[..., high])
        return float(inside[seen].mean()) if seen.any() else float("nan"), nominal / 100

    def restlessness(self) -> float:
        """How much the forecast of one step changes from an origin to the next, in naive scales."""
        order = np.lexsort((self.origin, self.series))
        point = (median(self.judged.quantiles, self.judged.levels) / self._scale)[order]
        series, origin = self.series[order], self.origin[order]
        next_to = (np.diff(series) == 0) & (np.diff(origin) == 1)
        if not next_to.any() or point.shape[1] < 2:
            return float("nan")
        changes = np.abs(point[1:, :-1] - point[:-1, 1:])[next_to]
        return float(np.nanmean(changes)) if np.isfinite(changes).any() else float("nan")

    @property
    def _scale(self) -> Floats:
        usable = np.where(self.judged.scale > 0, self.judged.scale, np.nan)
        return usable[:, None]

    def _pinball(self, quantiles: NDArray[Any], levels: Sequence[float]) -> Floats:
        places = [self.judged.levels.index(level) for level in levels]
        apart = self.judged.actual[..., None] - quantiles[..., places]
        told = np.asarray(levels)
        return np.maximum(told * apart, (told - 1) * apart).mean(-1) / self._scale


def replay(predictor: Predictor, collected: Collected, stretch: Stretch) -> Replayed:
    """Raises ArtifactError where the rows lack what the version needs."""
    task = predictor.task
    panel = collected.panel(task)
    windows = stretch.windows(panel, task.horizon)
    if not len(windows[0]):
        raise ArtifactError("no series reaches back to the first origin that is compared")
    quantiles = forecasts(predictor, panel, windows)
    train = panel.until(stretch.after)
    judged = beside_naive(panel, train, task, windows, quantiles)
    series, origin, _ = windows
    step = origin[:, None] + np.arange(1, task.horizon + 1)
    actual = np.where(step > stretch.after, judged.actual, np.nan)
    kept = Judged(
        actual, judged.quantiles, judged.naive, judged.naive_quantiles, judged.scale, judged.levels
    )
    return Replayed(kept, task, series, origin, categories(panel, task, series))


def common(one: Replayed, other: Replayed) -> tuple[float, ...]:
    """Levels that both give; raises ArtifactError where the two are not of the same points."""
    if one.judged.actual.shape != other.judged.actual.shape:
        raise ArtifactError(
            f"the versions forecast {one.judged.actual.shape[1]} and"
            f" {other.judged.actual.shape[1]} steps; they cannot be compared point by point"
        )
    levels = tuple(level for level in one.judged.levels if level in other.judged.levels)
    if not levels:
        raise ArtifactError("the versions have no quantile in common; keep model.quantiles")
    return levels
