"""N-BEATS: blocks that each explain a part of the window (Oreshkin et al., arXiv 1905.10437).

Not in the paper: covariates beside each block's input (as in NBEATSx, arXiv 2104.05522), quantiles
instead of a point, and a start from the seasonal naive forecast.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.decoder import StepHead
from loopcast.models.layers import Hidden, Linear, Narrow, join, stacked
from loopcast.models.network import Network, Widths, Window

Kind = Literal["generic", "trend", "seasonality"]
DEGREE = 2
"""A trend is a polynomial of this degree."""


class NBEATS(Network):
    """`stacks`: [trend, seasonality] is the paper's interpretable form, whose blocks share weights.

    `blocks`: in each stack; `layers`, `width`: of each block. `components` tells the stacks apart.
    """

    def __init__(
        self,
        task: Task,
        widths: Widths,
        *,
        stacks: tuple[Kind, ...] = ("generic", "generic"),
        blocks: int = 2,
        layers: int = 3,
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
            nn.ModuleList(
                Block(task, widths.members, covariates, kind, deep)
                for _ in range(blocks if kind == "generic" else 1)
            )
            for kind in stacks
        )
        self.blocks = blocks
        self.head = StepHead(task, widths, len(task.quantiles))

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        return torch.stack(self.components(window)).sum(0)

    def components(self, window: Window) -> list[Tensor]:
        """What each stack, and last the step head, adds to the forecast; its shape, each."""
        window = stacked(window, self.widths)
        steps = [self.past(window.past), self.future(window.future)]
        covariates = join([window.static, *steps], self.widths.members)
        residual, parts = window.target, []
        for stack in self.stacks:
            part, residual = self._stack(stack, residual, window.mask, covariates)
            parts.append(part)
        return [*parts, self.head(torch.stack(parts).sum(0), window)]

    def _stack(
        self, stack: nn.Module, residual: Tensor, mask: Tensor, covariates: Tensor
    ) -> tuple[Tensor, Tensor]:
        blocks = list(stack.children())
        parts = []
        for i in range(self.blocks):
            backcast, part = blocks[i % len(blocks)](residual, mask, covariates)
            residual = (residual - backcast) * mask
            parts.append(part)
        return torch.stack(parts).sum(0), residual


class Block(nn.Module):
    """Hidden layers, then coefficients of backcast and forecast on the kind's basis."""

    back: Tensor
    ahead: Tensor

    def __init__(
        self, task: Task, members: int, covariates: int, kind: Kind, deep: tuple[int, int, float]
    ) -> None:
        super().__init__()
        self.members, self.quantiles = members, len(task.quantiles)
        self.register_buffer("back", basis(kind, task.history), persistent=False)
        self.register_buffer("ahead", basis(kind, task.horizon), persistent=False)
        self.sizes = [len(self.back), len(self.ahead) * self.quantiles]
        self.hidden = Hidden(2 * task.history + covariates, *deep, members)
        self.leave = Linear(self.hidden.outputs, sum(self.sizes), members).zero()

    def forward(self, residual: Tensor, mask: Tensor, covariates: Tensor) -> tuple[Tensor, Tensor]:
        """Backcast [..., batch, history] and forecast [..., batch, horizon, quantile]."""
        hidden = self.hidden(join([residual, mask, covariates], self.members))
        back, ahead = self.leave(hidden).split(self.sizes, -1)
        ahead = ahead.unflatten(-1, (self.quantiles, -1)) @ self.ahead
        return back @ self.back, ahead.transpose(-1, -2)


def basis(kind: Kind, steps: int) -> Tensor:
    """[coefficient, step]: one curve over the steps for each coefficient."""
    time = torch.arange(steps) / steps
    if kind == "generic":
        return torch.eye(steps)
    if kind == "trend":
        return time ** torch.arange(DEGREE + 1)[:, None]
    turns = 2 * math.pi * torch.arange(max(steps // 2, 1))[:, None] * time
    return torch.cat([turns.cos(), turns[1:].sin()])
