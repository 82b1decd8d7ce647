"""TiDE: a dense encoder and decoder over the flattened window (Das et al., arXiv 2304.08424).

Not in the paper: past covariates are projected like future ones, the temporal decoder is the step
head that all networks share (it starts from the seasonal naive forecast), several quantiles.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.decoder import StepHead
from loopcast.models.layers import Linear, Norm, by_step, join, stacked
from loopcast.models.network import Network, Widths, Window

LEAST = 3
"""Numbers of a projection that layer normalisation leaves something of."""


class TiDE(Network):
    """`layers`: blocks of the encoder and of the decoder, each; `handed`: numbers for each step.

    `projected`: numbers to which the covariates of a step are drawn together.
    """

    def __init__(
        self,
        task: Task,
        widths: Widths,
        *,
        layers: int = 2,
        width: int = 256,
        handed: int = 16,
        projected: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.horizon, self.widths = task.horizon, widths
        if projected < LEAST:  # layer normalisation leaves two numbers a sign, and one nothing
            raise ValueError(f"projected is {projected}; it must be {LEAST} or more")
        members, span = widths.members, task.history + task.horizon
        deep = (width, dropout, members)
        thin = (4 * projected, dropout, members)  # it runs for every step, the others once
        self.past = Block(widths.past, projected, *thin)
        self.future = Block(widths.future, projected, *thin)
        seen = task.history * (2 + projected) + span * projected + widths.static
        sizes = [seen] + [width] * (2 * layers - 1) + [task.horizon * handed]
        self.blocks = nn.Sequential(*(Block(a, b, *deep) for a, b in pairwise(sizes)))
        outputs = task.horizon * len(task.quantiles)
        self.skip = Linear(task.history, outputs, members).zero()
        self.head = StepHead(task, widths, handed)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window = stacked(window, self.widths)
        steps = [self.past(window.past).flatten(-2), self.future(window.future).flatten(-2)]
        flat = join([window.target, window.mask, window.static, *steps], self.widths.members)
        handed = by_step(self.blocks(flat), self.horizon)
        return by_step(self.skip(window.target), self.horizon) + self.head(handed, window)


class Block(nn.Module):
    """The paper's residual block: a hidden layer beside a linear skip, then layer normalisation."""

    def __init__(self, inputs: int, outputs: int, width: int, dropout: float, members: int) -> None:
        super().__init__()
        self.hidden = Linear(inputs, width, members)
        self.back = Linear(width, outputs, members)
        self.skip = Linear(inputs, outputs, members)
        self.dropout = nn.Dropout(dropout)
        self.norm = Norm(outputs, members)

    def forward(self, values: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        hidden = self.dropout(self.back(torch.relu(self.hidden(values))))
        return self.norm(hidden + self.skip(values))
