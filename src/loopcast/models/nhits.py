"""N-HiTS: stacks that look at the history at several rates (Challu et al., arXiv 2201.12886)."""

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.layers import Linear
from loopcast.models.network import Network, Widths, Window


class NHITS(Network):
    """`pools`: steps drawn together in each stack, which forecasts as many steps at once."""

    def __init__(
        self,
        task: Task,
        widths: Widths,
        *,
        pools: tuple[int, ...] = (8, 4, 1),
        layers: int = 2,
        width: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.stacks = nn.ModuleList(
            Stack(task, widths, pool, layers, width, dropout) for pool in pools
        )

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        residual = window.target
        forecast: Tensor | float = 0.0
        for stack in self.stacks:
            backcast, ahead = stack(residual, window)
            residual = (residual - backcast) * window.mask
            forecast = forecast + ahead
        return torch.as_tensor(forecast)


class Stack(nn.Module):
    """One rate: pooled history in, knots of backcast and forecast out, interpolated linearly."""

    def __init__(
        self, task: Task, widths: Widths, pool: int, layers: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.task, self.pool = task, max(1, min(pool, task.history, task.horizon))
        members, quantiles = widths.members, len(task.quantiles)
        self.cells = -(-task.history // self.pool)
        self.knots = (self.cells, -(-task.horizon // self.pool) * quantiles)
        seen = 2 * self.cells + widths.static + 4 * task.horizon + 4
        self.future = Linear(max(widths.future, 1), 4, members)
        self.past = Linear(max(widths.past, 1), 4, members)
        sizes = [seen] + [width] * layers
        self.layers = nn.ModuleList(
            Linear(a, b, members) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.dropout = nn.Dropout(dropout)
        self.leave = Linear(width, sum(self.knots), members)
        self.register_buffer("back", interpolation(self.cells, task.history))
        self.register_buffer("ahead", interpolation(self.knots[1] // quantiles, task.horizon))

    def forward(self, residual: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """Backcast [..., batch, history] and forecast [..., batch, horizon, quantile]."""
        future = self.future(window.future[..., -self.task.horizon :, :]).flatten(-2)
        past = self.past(window.past).mean(-2)
        parts = [self._pooled(residual), self._pooled(window.mask), window.static, past, future]
        if future.ndim > 2:
            parts = [p.expand(*future.shape[:-1], p.shape[-1]) for p in parts]
        hidden = torch.cat(parts, -1)
        for layer in self.layers:
            hidden = self.dropout(torch.relu(layer(hidden)))
        back, ahead = self.leave(hidden).split(self.knots, -1)
        ahead = ahead.reshape(*ahead.shape[:-1], -1, len(self.task.quantiles))
        return back @ self.back, (ahead.transpose(-1, -2) @ self.ahead).transpose(-1, -2)

    def _pooled(self, values: Tensor) -> Tensor:
        missing = self.cells * self.pool - self.task.history
        padded = nn.functional.pad(values, (missing, 0))
        return padded.reshape(*padded.shape[:-1], self.cells, self.pool).amax(-1)


def interpolation(knots: int, steps: int) -> Tensor:
    """[knot, step]: linear between knots spread evenly over the steps."""
    place = torch.linspace(0, knots - 1, steps) if steps > 1 else torch.zeros(1)
    return (1 - (place[None, :] - torch.arange(knots)[:, None]).abs()).clamp_min(0)
