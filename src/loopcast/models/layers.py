"""Layers that accept a leading member axis: K networks as one batched product."""

import math

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.network import Window


class Linear(nn.Module):
    """[..., batch, inputs] -> [..., batch, outputs]; with members, each has its own weight."""

    def __init__(self, inputs: int, outputs: int, members: int = 0) -> None:
        super().__init__()
        stack = (members,) if members else ()
        bound = 1 / math.sqrt(max(inputs, 1))
        self.weight = nn.Parameter(torch.empty(*stack, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(*stack, outputs).uniform_(-bound, bound))

    def forward(self, values: Tensor) -> Tensor:
        """A window without a member axis is seen by all members."""
        if self.weight.ndim == 2:
            return torch.matmul(values, self.weight) + self.bias
        extra = values.ndim - 2 if values.shape[0] == self.weight.shape[0] else values.ndim - 1
        extra = max(extra, 1)
        shape = (self.weight.shape[0], *[1] * (extra - 1))
        weight = self.weight.view(*shape, *self.weight.shape[1:])
        return torch.matmul(values, weight) + self.bias.view(*shape, 1, -1)


class ResidualBlock(nn.Module):
    """x + W2 dropout(relu(W1 norm(x)))."""

    def __init__(self, width: int, dropout: float, members: int) -> None:
        super().__init__()
        self.widen = Linear(width, width, members)
        self.back = Linear(width, width, members)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor) -> Tensor:
        """Same shape."""
        return values + self.back(self.dropout(torch.relu(self.widen(values))))


def seasonal(window: Window, task: Task) -> tuple[Tensor, Tensor]:
    """The last observed season laid over the horizon, and where it was observed, [..., batch, horizon]."""
    season = task.season if 1 < task.season <= task.history else 1
    steps = task.history - season + torch.arange(task.horizon, device=window.target.device) % season
    return window.target[..., steps], window.mask[..., steps]
