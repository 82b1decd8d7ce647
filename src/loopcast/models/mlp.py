"""Multilayer perceptrons: the default, after TiDE (arXiv 2304.08424), and a plain one.

The default's encoder is residual blocks (arXiv 1512.03385) over the flattened window.
"""

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.decoder import Decoder
from loopcast.models.layers import Hidden, Linear, Narrow, Residual, by_step, join, stacked
from loopcast.models.network import Network, Widths, Window


class ResidualMLP(Network):
    """`layers`: residual blocks; begins as the seasonal naive forecast and learns what to change."""

    def __init__(
        self, task: Task, widths: Widths, *, layers: int = 4, width: int = 256, dropout: float = 0.0
    ) -> None:
        super().__init__()
        members = widths.members
        self.widths = widths
        self.past = Narrow(widths.past, task.history, members=members)
        self.future = Narrow(widths.future, task.history + task.horizon, members=members)
        seen = 2 * task.history + widths.static + self.past.outputs + self.future.outputs
        self.enter = Linear(seen, width, members)
        self.blocks = nn.Sequential(*(Residual(width, dropout, members) for _ in range(layers)))
        self.decoder = Decoder(task, widths, width)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window = stacked(window, self.widths)
        steps = [self.past(window.past), self.future(window.future)]
        flat = join([window.target, window.mask, window.static, *steps], self.widths.members)
        return self.decoder(torch.relu(self.blocks(self.enter(flat))), window)


class MLP(Network):
    """Everything flattened, hidden layers, horizon x quantile outputs."""

    def __init__(
        self, task: Task, widths: Widths, *, layers: int = 2, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.horizon, self.widths = task.horizon, widths
        span = task.history + task.horizon
        seen = task.history * (2 + widths.past) + span * widths.future + widths.static
        self.hidden = Hidden(seen, layers, width, dropout, widths.members)
        outputs = task.horizon * len(task.quantiles)
        self.leave = Linear(self.hidden.outputs, outputs, widths.members)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window = stacked(window, self.widths)
        steps = [window.past.flatten(-2), window.future.flatten(-2)]
        flat = join([window.target, window.mask, window.static, *steps], self.widths.members)
        return by_step(self.leave(self.hidden(flat)), self.horizon)
