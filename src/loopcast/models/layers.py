"""Layers that accept a leading member axis: K networks as one batched product.

Where a network has members, `stacked` first gives every window a member axis: one entry for each
member, or a single one that all members see. So a layer always knows which axis is which.
"""

import math
from dataclasses import fields
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from loopcast.models.network import Widths, Window

State = tuple[Tensor, Tensor]


def stacked(window: Window, widths: Widths) -> Window:
    """With members, a window without a member axis gets one of size 1."""
    if not widths.members or window.target.ndim == 3:
        return window
    return Window(*(getattr(window, part.name).unsqueeze(0) for part in fields(Window)))


def join(parts: list[Tensor], members: int = 0) -> Tensor:
    """Side by side along the last axis; with members, what all of them see is repeated."""
    if members and any(part.shape[0] != parts[0].shape[0] for part in parts):
        parts = [part.expand(members, *[-1] * (part.ndim - 1)) for part in parts]
    return torch.cat(parts, -1)


class Linear(nn.Module):
    """[batch, ..., inputs] -> [batch, ..., outputs], initialised like nn.Linear.

    With members both have a member axis in front, and each member has its own weight.
    """

    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int, members: int = 0) -> None:
        super().__init__()
        stack = (members,) if members else ()
        bound = 1 / math.sqrt(max(inputs, 1))
        self.weight = nn.Parameter(torch.empty(*stack, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(*stack, outputs).uniform_(-bound, bound))

    def forward(self, values: Tensor) -> Tensor:
        """See the class."""
        if self.weight.ndim == 2:
            return linear(values, self.weight.mT, self.bias)
        rows = values.flatten(1, -2)  # [member or 1, row, inputs]
        rows = rows.expand(self.weight.shape[0], -1, -1)
        out = torch.baddbmm(self.bias[:, None], rows, self.weight)
        return (
            out.reshape(out.shape[0], *values.shape[1:-1], out.shape[-1])
            if values.ndim > 3
            else out
        )

    def zero(self) -> Self:
        """Give 0 until trained."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        return self


class Hidden(nn.Sequential):
    """Hidden layers of one width; `outputs` is what the last one gives."""

    def __init__(
        self, inputs: int, layers: int, width: int, dropout: float = 0.0, members: int = 0
    ) -> None:
        sizes = [inputs] + [width] * layers
        self.outputs = sizes[-1]
        parts: list[nn.Module] = []
        for before, after in pairwise(sizes):
            parts += [Linear(before, after, members), nn.ReLU()]
            parts += [nn.Dropout(dropout)] if dropout else []
        super().__init__(*parts)


class Norm(nn.Module):
    """Layer normalisation (Ba et al., arXiv 1607.06450) of the last axis."""

    def __init__(self, width: int, members: int = 0) -> None:
        super().__init__()
        stack = (members,) if members else ()
        self.weight = nn.Parameter(torch.ones(*stack, width))
        self.bias = nn.Parameter(torch.zeros(*stack, width))

    def forward(self, values: Tensor) -> Tensor:
        """Same shape."""
        width = self.weight.shape[-1]
        if self.weight.ndim == 1:
            return layer_norm(values, (width,), self.weight, self.bias)
        shape = (self.weight.shape[0], *[1] * (values.ndim - 2), width)
        return layer_norm(values, (width,)) * self.weight.view(shape) + self.bias.view(shape)


class Residual(nn.Module):
    """values + a hidden layer's correction (He et al., arXiv 1512.03385)."""

    def __init__(self, width: int, dropout: float = 0.0, members: int = 0) -> None:
        super().__init__()
        self.hidden = Linear(width, width, members)
        self.back = Linear(width, width, members)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor) -> Tensor:
        """Same shape."""
        return values + self.dropout(self.back(torch.relu(self.hidden(values))))


class Recurrent(nn.Module):
    """LSTM (Hochreiter and Schmidhuber 1997) over [..., batch, step, inputs].

    Members run one after the other: a recurrent cell has no batched product over them.
    """

    def __init__(
        self, inputs: int, width: int, layers: int = 1, dropout: float = 0.0, members: int = 0
    ) -> None:
        super().__init__()
        self.members = members
        between = dropout if layers > 1 else 0.0  # torch warns of dropout after the only layer
        self.copies = nn.ModuleList(
            nn.LSTM(inputs, width, layers, batch_first=True, dropout=between)
            for _ in range(max(members, 1))
        )

    def forward(self, steps: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Top layer [..., batch, step, width]; last state, two of [..., layer, batch, width]."""
        if not self.members:
            result: tuple[Tensor, State] = self.copies[0](steps, state)
            return result
        each = steps.expand(self.members, *[-1] * 3).unbind()
        states = list(zip(*state, strict=True)) if state else [None] * self.members
        runs = [
            copy(own, begin) for copy, own, begin in zip(self.copies, each, states, strict=True)
        ]
        hidden, cell = zip(*(last for _, last in runs), strict=True)
        return torch.stack([top for top, _ in runs]), (torch.stack(hidden), torch.stack(cell))


class Narrow(nn.Module):
    """[..., batch, step, feature] -> [..., batch, outputs]: the steps side by side.

    Where a step has many features they are first drawn together to `size` numbers, by one map for
    all steps.
    """

    def __init__(self, features: int, steps: int, size: int = 4, members: int = 0) -> None:
        super().__init__()
        wide = features > size
        self.draw = Linear(features, size, members) if wide else nn.Identity()
        self.outputs = steps * (size if wide else features)

    def forward(self, values: Tensor) -> Tensor:
        """See the class."""
        return self.draw(values).flatten(-2)


def history_steps(window: Window, members: int = 0) -> Tensor:
    """All that is known of each history step, [..., batch, history, 2 + past + future]."""
    seen = [window.target[..., None], window.mask[..., None], window.past]
    history = window.target.shape[-1]
    return join([*seen, window.future[..., :history, :]], members)


def by_step(values: Tensor, steps: int) -> Tensor:
    """[..., batch, step x width] -> [..., batch, step, width]."""
    return values.unflatten(-1, (steps, -1))


def divided(width: int, heads: int) -> None:
    """Raises ValueError where attention's heads do not share the width evenly."""
    if heads < 1 or width % heads:
        raise ValueError(f"heads is {heads}; it must divide the width, {width}")
