"""DLinear: trend and remainder forecast by one linear map each (Zeng et al., arXiv 2205.13504)."""

import torch
from torch import Tensor

from loopcast.core.task import Task
from loopcast.models.layers import Linear, seasonal
from loopcast.models.network import Network, Widths, Window


class DLinear(Network):
    """Covariates join linearly: static over all steps, future on their own step."""

    def __init__(self, task: Task, widths: Widths, *, kernel_size: int = 25) -> None:
        super().__init__()
        self.task, self.kernel = task, min(kernel_size, task.history) | 1
        outputs = task.horizon * len(task.quantiles)
        self.trend = Linear(task.history, outputs, widths.members)
        self.remainder = Linear(task.history, outputs, widths.members)
        self.static = Linear(widths.static, outputs, widths.members)
        self.past = Linear(max(widths.past, 1), len(task.quantiles), widths.members)
        self.future = Linear(max(widths.future, 1) + 2, len(task.quantiles), widths.members)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        side = self.kernel // 2
        target = window.target
        ends = [target[..., :1].expand(*target.shape[:-1], side)]
        ends += [target, target[..., -1:].expand(*target.shape[:-1], side)]
        trend = torch.cat(ends, -1).unfold(-1, self.kernel, 1).mean(-1)
        out = self.trend(trend) + self.remainder(target - trend) + self.static(window.static)
        out = out.reshape(*out.shape[:-1], self.task.horizon, len(self.task.quantiles))
        ahead = window.future[..., -self.task.horizon :, :]
        naive, known = seasonal(window, self.task)
        steps = torch.cat([ahead, naive[..., None], known[..., None]], -1)
        return out + self.future(steps) + self.past(window.past).mean(-2, keepdim=True)
