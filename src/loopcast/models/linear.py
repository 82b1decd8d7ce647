"""DLinear: trend and remainder forecast by one linear map each (Zeng et al., arXiv 2205.13504)."""

import torch
from torch import Tensor

from loopcast.core.task import Task
from loopcast.models.layers import Linear, Narrow, by_step, join, stacked
from loopcast.models.network import Network, Widths, Window


class DLinear(Network):
    """The trend is a moving average over `kernel_size` steps; covariates join linearly."""

    smooth: Tensor

    def __init__(self, task: Task, widths: Widths, *, kernel_size: int = 25) -> None:
        super().__init__()
        members, quantiles = widths.members, len(task.quantiles)
        self.horizon, self.widths = task.horizon, widths
        self.past = Narrow(widths.past, task.history, 1, members)
        self.future = Narrow(widths.future, task.history + task.horizon, 1, members)
        rest = widths.static + self.past.outputs + self.future.outputs
        self.flat = Linear(2 * task.history + rest, task.horizon * quantiles, members)
        self.own = Linear(widths.future, quantiles, members)
        self.register_buffer("smooth", moving_average(task.history, kernel_size), persistent=False)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window = stacked(window, self.widths)
        seen = (window.mask @ self.smooth).clamp_min(1e-6)
        trend = window.target @ self.smooth / seen
        remainder = (window.target - trend) * window.mask
        covariates = [window.static, self.past(window.past), self.future(window.future)]
        flat = join([trend, remainder, *covariates], self.widths.members)
        own = self.own(window.future[..., -self.horizon :, :])
        return by_step(self.flat(flat), self.horizon) + own


def moving_average(steps: int, size: int) -> Tensor:
    """[step, step]: values @ it is their centred mean, the ends repeated outwards."""
    taps = torch.arange(steps)[:, None] + torch.arange(size) - (size - 1) // 2  # [step, tap]
    weights = torch.zeros(steps, steps)
    return weights.scatter_add_(1, taps.clamp(0, steps - 1), torch.full(taps.shape, 1 / size)).T
