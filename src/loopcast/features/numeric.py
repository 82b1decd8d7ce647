"""Numeric columns of one role: standardised by the train part, with a sign for missing."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.feature import Axis, Feature, Inputs

EXTREME = 10.0
"""Values are clamped to this many deviations: what was never seen must not explode."""


class Numeric(Feature):
    """The block "static", "past" or "future": each column's value, then each one's missing sign."""

    def __init__(self, role: Axis) -> None:
        super().__init__()
        self.axis = role

    def fit(self, train: Panel, task: Task) -> Self:
        """Mean and deviation of the train part; a constant column has deviation 1."""
        values = getattr(train, self.axis).astype(np.float64)
        seen = ~np.isnan(values)
        number = np.maximum(seen.sum(0), 1)
        mean = np.where(seen, values, 0).sum(0) / number
        deviation = np.sqrt(np.where(seen, (values - mean) ** 2, 0).sum(0) / number)
        flat = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
        facts = {"mean": mean.tolist(), "deviation": np.where(flat, 1.0, deviation).tolist()}
        return self.restore(facts, task)

    def facts(self) -> dict[str, Any]:
        """See Feature."""
        return {"mean": self.mean.double().tolist(), "deviation": self.deviation.double().tolist()}

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """See Feature."""
        copy = type(self)(self.axis)
        copy.register_buffer("mean", torch.tensor(facts["mean"], dtype=torch.float32))
        copy.register_buffer("deviation", torch.tensor(facts["deviation"], dtype=torch.float32))
        copy.width = 2 * len(facts["mean"])
        return copy

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, (step,) 2 * column]."""
        values = inputs[self.axis]
        missing = values.isnan()
        scaled = (values - self.mean) / self.deviation
        scaled = torch.where(missing, 0.0, scaled).clamp(-EXTREME, EXTREME)
        return torch.cat([scaled, missing.to(scaled.dtype)], -1)
