"""N-HiTS: stacks that see the history at several rates (Challu et al., arXiv 2201.12886).

Not in the paper: covariates beside each stack's input, quantiles instead of a point, and a start
from the seasonal naive forecast.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from loopcast.core.task import Task
from loopcast.models.decoder import StepHead
from loopcast.models.layers import Hidden, Linear, Narrow, join, stacked
from loopcast.models.network import Network, Widths, Window

LOWEST = -1e9
"""What a missing step counts in a maximum."""


class NHITS(Network):
    """Each stack forecasts what those before it left over.

    `pools`: steps of history drawn together in each stack; `spacing`: steps for each knot of
    its forecast, which straight lines join.
    """

    def __init__(
        self,
        task: Task,
        widths: Widths,
        *,
        pools: tuple[int, ...] = (4, 2, 1),
        spacing: tuple[int, ...] = (8, 4, 1),
        layers: int = 2,
        width: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.widths = widths
        self.past = Narrow(widths.past, task.history, members=widths.members)
        self.future = Narrow(widths.future, task.history + task.horizon, members=widths.members)
        covariates = widths.static + self.past.outputs + self.future.outputs
        deep = (layers, width, dropout)
        self.stacks = nn.ModuleList(
            Stack(task, widths.members, covariates, pool, space, deep)
            for pool, space in zip(pools, spacing, strict=True)
        )
        self.head = StepHead(task, widths, len(task.quantiles))

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window = stacked(window, self.widths)
        steps = [self.past(window.past), self.future(window.future)]
        covariates = join([window.static, *steps], self.widths.members)
        residual, parts = window.target, []
        for stack in self.stacks:
            backcast, part = stack(residual, window.mask, covariates)
            residual = (residual - backcast) * window.mask
            parts.append(part)
        forecast = torch.stack(parts).sum(0)
        return forecast + self.head(forecast, window)


class Stack(nn.Module):
    """One rate: pooled history and covariates in, knots of backcast and forecast out."""

    back: Tensor
    ahead: Tensor

    def __init__(
        self,
        task: Task,
        members: int,
        covariates: int,
        pool: int,
        space: int,
        deep: tuple[int, int, float],
    ) -> None:
        super().__init__()
        self.pool, self.members = min(pool, task.history), members
        self.missing = -task.history % self.pool
        cells = (task.history + self.missing) // self.pool
        self.quantiles = len(task.quantiles)
        self.register_buffer("back", straight(task.history, space), persistent=False)
        self.register_buffer("ahead", straight(task.horizon, space), persistent=False)
        self.knots = [len(self.back), len(self.ahead) * self.quantiles]
        self.hidden = Hidden(2 * cells + covariates, *deep, members)
        self.leave = Linear(self.hidden.outputs, sum(self.knots), members).zero()

    def forward(self, residual: Tensor, mask: Tensor, covariates: Tensor) -> tuple[Tensor, Tensor]:
        """Backcast [..., batch, history] and forecast [..., batch, horizon, quantile]."""
        seen = torch.where(mask > 0, residual, LOWEST)
        pooled = [self._pooled(seen, LOWEST), self._pooled(mask, 0.0)]
        pooled[0] = pooled[0] * pooled[1]
        knots = self.leave(self.hidden(join([*pooled, covariates], self.members)))
        back, ahead = knots.split(self.knots, -1)
        ahead = ahead.unflatten(-1, (self.quantiles, -1)) @ self.ahead
        return back @ self.back, ahead.transpose(-1, -2)

    def _pooled(self, values: Tensor, empty: float) -> Tensor:
        padded = pad(values, (self.missing, 0), value=empty)
        return padded.unflatten(-1, (-1, self.pool)).amax(-1)


def straight(steps: int, space: int) -> Tensor:
    """[knot, step]: knots @ it are straight lines between knots, as many as fit in every `space` steps.

    They stand evenly from the first step to the last, a little further apart than `space`.
    """
    knots = max(1, -(-steps // space))
    place = torch.linspace(0, knots - 1, steps)
    return (1 - (place - torch.arange(knots)[:, None]).abs()).clamp_min(0)
