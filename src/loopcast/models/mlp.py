"""Multilayer perceptrons: a residual one with a decoder shared over steps (the default), a plain one.

Residual blocks after He et al. (arXiv 1512.03385); the step decoder after TiDE (arXiv 2304.08424).
"""

from statistics import NormalDist

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.layers import Linear, ResidualBlock, seasonal
from loopcast.models.network import Network, Widths, Window

STEP = 4
"""Numbers to which each history step's features are drawn together before they are laid side by side."""
DECODED = 8
"""Numbers the encoding hands to each horizon step."""


class ResidualMLP(Network):
    """Starts at the seasonal naive forecast and learns what to change.

    Each horizon step is decoded from the encoding, its own future features and its season's value,
    so that a price or a promotion moves the very day it is on.
    """

    def __init__(
        self, task: Task, widths: Widths, *, layers: int = 4, width: int = 256, dropout: float = 0.0
    ) -> None:
        super().__init__()
        members = widths.members
        self.task = task
        quantiles = len(task.quantiles)
        seen = 2 * task.history + STEP * (2 * task.history + task.horizon) + widths.static
        self.past = Linear(max(widths.past, 1), STEP, members)
        self.future = Linear(max(widths.future, 1), STEP, members)
        self.enter = Linear(seen, width, members)
        self.blocks = nn.ModuleList(ResidualBlock(width, dropout, members) for _ in range(layers))
        self.decode = Linear(width, task.horizon * DECODED, members)
        self.step = Linear(DECODED + widths.future + widths.static + 2, 32, members)
        self.leave = Linear(32, quantiles, members)
        self.direct = Linear(width, task.horizon * quantiles, members)
        stack = (members, 1, 1, 1) if members else ()
        self.gate = nn.Parameter(torch.full(stack, 0.5) if members else torch.tensor(0.5))
        begin = torch.tensor([NormalDist().inv_cdf(level) for level in task.quantiles])
        self.register_buffer("spread", 0.5 * begin)
        for layer in (self.leave, self.direct):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        hidden = torch.relu(self.enter(self._flat(window)))
        for block in self.blocks:
            hidden = block(hidden)
        hidden = torch.relu(hidden)
        naive, known = seasonal(window, self.task)
        steps = self._steps(window, hidden, naive, known)
        horizon, quantiles = self.task.horizon, len(self.task.quantiles)
        direct = self.direct(hidden)
        direct = direct.reshape(*direct.shape[:-1], horizon, quantiles)
        anchor = self.gate * (naive * known)[..., None]
        return direct + self.leave(torch.relu(self.step(steps))) + anchor + self.spread

    def _flat(self, window: Window) -> Tensor:
        past, future = self.past(window.past), self.future(window.future)
        fixed = torch.cat([window.target, window.mask, window.static], -1)
        if past.ndim > window.past.ndim:
            fixed = fixed.expand(past.shape[0], *fixed.shape)
        return torch.cat([fixed, past.flatten(-2), future.flatten(-2)], -1)

    def _steps(self, window: Window, hidden: Tensor, naive: Tensor, known: Tensor) -> Tensor:
        horizon = self.task.horizon
        decoded = self.decode(hidden)
        decoded = decoded.reshape(*decoded.shape[:-1], horizon, DECODED)
        static = window.static[..., None, :].expand(*window.static.shape[:-1], horizon, -1)
        own = [window.future[..., -horizon:, :], static, naive[..., None], known[..., None]]
        if decoded.ndim > window.future.ndim:
            own = [part.expand(decoded.shape[0], *part.shape) for part in own]
        return torch.cat([decoded, *own], -1)


class MLP(Network):
    """Plain: everything flattened, hidden layers, horizon x quantile outputs."""

    def __init__(
        self, task: Task, widths: Widths, *, layers: int = 2, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.task = task
        span = task.history + task.horizon
        seen = task.history * (2 + widths.past) + span * widths.future + widths.static
        sizes = [seen] + [width] * layers
        self.layers = nn.ModuleList(
            Linear(a, b, widths.members) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.dropout = nn.Dropout(dropout)
        self.leave = Linear(sizes[-1], task.horizon * len(task.quantiles), widths.members)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        parts = [window.target, window.mask, window.past.flatten(-2)]
        hidden = torch.cat([*parts, window.future.flatten(-2), window.static], -1)
        for layer in self.layers:
            hidden = self.dropout(torch.relu(layer(hidden)))
        out = self.leave(hidden)
        return out.reshape(*out.shape[:-1], self.task.horizon, len(self.task.quantiles))
