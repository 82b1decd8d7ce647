"""Numeric columns in train deviations, missing ones said so."""

import copy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.feature import Axis, Feature, Inputs

FARTHEST = 10.0
"""An unseen extreme counts as this many deviations."""
HEAVY = 8.0
"""A column whose train part reaches this many deviations is compressed by asinh."""

ENOUGH = 5_000_000
"""Cells of a column that say what its mean and deviation are."""
PRIMES = (1, 11, 23, 47, 97, 199, 401)

Doubles = NDArray[np.float64]


def moments(values: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and deviation of the finite cells of each column; 0 and 1 where it has none."""
    seen = np.isfinite(values)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, values, 0).sum(axis=0) / count
    rest = np.where(seen, values - mean, 0)
    deviation = np.sqrt((rest**2).sum(axis=0) / count)
    flat = deviation <= 1e-6 * np.abs(mean)
    return mean, np.where(flat, 1.0, deviation)


def middle(values: Doubles) -> tuple[Doubles, Doubles]:
    """Median and mean distance from it of the finite cells of each column."""
    empty = ~np.isfinite(values).any(axis=0)
    filled = np.where(empty, 0, np.where(np.isfinite(values), values, np.nan))
    median = np.nanmedian(filled, axis=0)
    distance = np.nanmean(np.abs(filled - median), axis=0)
    return median, np.where(distance > 0, distance, 1.0)


def _every(rows: int) -> int:
    """Of very many rows each so manieth says enough; no divisor of a season."""
    return next((prime for prime in PRIMES if rows <= prime * ENOUGH), PRIMES[-1])


class Numeric(Feature):
    """The numeric columns of one role, standardised by the train part; missing is 0, the mean.

    A column that misses cells in train also gets one that is 1 where it does.
    """

    gaps: list[int]
    location: Tensor
    scale: Tensor
    heavy: Tensor

    def __init__(self, axis: Axis) -> None:
        super().__init__()
        self.axis = axis

    def fit(self, train: Panel, task: Task) -> Self:
        """Rows of the train part; static columns count each series of it once."""
        whole = getattr(train, self.axis)
        if self.axis == "static":
            whole = whole[train.lengths > 0]
        values = whole[:: _every(len(whole))].astype(np.float64)
        mean, deviation = moments(values)
        reach = np.where(np.isfinite(values), np.abs(values - mean) / deviation, 0)
        heavy = reach.max(axis=0, initial=0) > HEAVY
        median, distance = middle(values) if len(values) else (mean, deviation)
        location, scale = np.where(heavy, median, mean), np.where(heavy, distance, deviation)
        gaps = np.flatnonzero(~np.isfinite(whole).all(axis=0)).tolist()
        fitted = self.restore({"columns": values.shape[1], "gaps": gaps}, task)
        fitted.location.copy_(torch.from_numpy(location))
        fitted.scale.copy_(torch.from_numpy(scale))
        fitted.heavy.copy_(torch.from_numpy(heavy))
        return fitted

    def facts(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"columns": len(self.location), "gaps": self.gaps}

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """Statistics are part of the state."""
        fitted = copy.deepcopy(self)
        columns, fitted.gaps = int(facts["columns"]), list(facts["gaps"])
        fitted.width = columns + len(fitted.gaps)
        fitted.register_buffer("location", torch.zeros(columns))
        fitted.register_buffer("scale", torch.ones(columns))
        fitted.register_buffer("heavy", torch.zeros(columns, dtype=torch.bool))
        return fitted

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, ..., width]."""
        values = inputs[self.axis]
        seen = values.abs() < float("inf")
        distance = (torch.where(seen, values, self.location) - self.location) / self.scale
        distance = torch.where(self.heavy, distance.asinh(), distance)
        distance = distance.clamp(-FARTHEST, FARTHEST)
        if not self.gaps:
            return distance
        absent = [1 - seen[..., column : column + 1].float() for column in self.gaps]
        return torch.cat([distance, *absent], dim=-1)
