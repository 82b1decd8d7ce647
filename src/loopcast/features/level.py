"""Level and scale of a series nobody has seen yet: a regression on its static columns."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.feature import Inputs

SHRINK = 1.0
"""A category's effect is drawn to zero as if by this many more series without effect."""
PASSES = 10


class Level(nn.Module):
    """location = sinh(additive effects), scale = exp(additive effects), in transformed units.

    Fitted by backfitting over the train series (Hastie and Tibshirani 1990) with shrunken effects.
    """

    def __init__(self, names: tuple[str, ...], sizes: tuple[int, ...], columns: int) -> None:
        super().__init__()
        self.names, self.sizes, self.columns = names, sizes, columns
        self.register_buffer("intercept", torch.zeros(2))
        self.register_buffer("slopes", torch.zeros(columns, 2))
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("deviation", torch.ones(columns))
        for i, size in enumerate(sizes):
            self.register_buffer(f"effect{i}", torch.zeros(size, 2))

    def fit(
        self, train: Panel, values: np.ndarray, codes: dict[str, np.ndarray], task: Task
    ) -> Self:
        """`values` is the transformed target [row], `codes` the static columns' codes [series]."""
        goal, known = _goals(train, values)
        if not known.any():
            return self
        intercept = goal[known].mean(0)
        effects = [np.zeros((size, 2)) for size in self.sizes]
        for _ in range(PASSES):
            for i, name in enumerate(self.names):
                others = sum(
                    (effects[j][codes[n]] for j, n in enumerate(self.names) if j != i),
                    start=intercept,
                )
                rest = (goal - others)[known]
                code = codes[name][known]
                number = np.bincount(code, minlength=self.sizes[i])[:, None]
                sums = np.stack(
                    [np.bincount(code, rest[:, k], minlength=self.sizes[i]) for k in range(2)], 1
                )
                effects[i] = sums / (number + SHRINK)
                effects[i][0] = 0
        self.intercept.copy_(torch.from_numpy(intercept))
        for i, effect in enumerate(effects):
            getattr(self, f"effect{i}").copy_(torch.from_numpy(effect))
        rest = goal - sum((effects[i][codes[n]] for i, n in enumerate(self.names)), start=intercept)
        self._fit_slopes(train.static[known].astype(np.float64), rest[known])
        return self

    def _fit_slopes(self, static: np.ndarray, rest: np.ndarray) -> None:
        if not self.columns:
            return
        mean = np.nan_to_num(np.nanmean(np.where(np.isnan(static).all(0), 0, static), 0))
        deviation = np.nan_to_num(np.nanstd(np.where(np.isnan(static).all(0), 0, static), 0))
        deviation = np.where(deviation > 0, deviation, 1)
        scaled = np.nan_to_num((static - mean) / deviation)
        gram = scaled.T @ scaled + SHRINK * len(scaled) * 0.05 * np.eye(self.columns)
        self.slopes.copy_(torch.from_numpy(np.linalg.solve(gram, scaled.T @ rest)))
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(deviation))

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Location and positive scale, [batch, 1] each."""
        total = self.intercept.expand(inputs["origin"].shape[0], 2)
        for i, name in enumerate(self.names):
            total = total + getattr(self, f"effect{i}")[inputs[name]]
        if self.columns:
            scaled = ((inputs["static"] - self.mean) / self.deviation).nan_to_num().clamp(-5, 5)
            total = total + scaled @ self.slopes
        return total[:, :1].clamp(-40, 40).sinh(), total[:, 1:].clamp(-40, 40).exp()


def _goals(train: Panel, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """asinh of the mean and log of the deviation of each series [series, 2], and which have them."""
    seen = ~np.isnan(values)
    owner = train.owners[seen]
    number = np.bincount(owner, minlength=len(train))
    mean = np.bincount(owner, values[seen], minlength=len(train)) / np.maximum(number, 1)
    apart = (values[seen] - mean[owner]) ** 2
    deviation = np.sqrt(np.bincount(owner, apart, minlength=len(train)) / np.maximum(number, 1))
    known = (number > 1) & (deviation > 0)
    return np.stack([np.arcsinh(mean), np.log(np.where(known, deviation, 1))], 1), known


def facts(level: Level) -> dict[str, Any]:
    """What `Level` needs to be made again before its state is loaded."""
    return {"names": list(level.names), "sizes": list(level.sizes), "columns": level.columns}
