"""TCN: dilated causal convolutions over the history (Bai et al., arXiv 1803.01271).

Not in the paper: layer instead of weight normalisation; dropout of single values, not of whole
channels; all of the horizon at once from the last step, by the decoder that all networks share. As no
other step is asked for, each block computes only the steps that reach it: every second one of the
block before. That is the dilation.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from loopcast.core.task import Task
from loopcast.models.decoder import Decoder
from loopcast.models.layers import Linear, Norm, history_steps, join, stacked
from loopcast.models.network import Network, Widths, Window


class TCN(Network):
    """`layers`: residual blocks, each with twice the dilation of the one before.

    Without `layers` there are as many as it takes for the last step to see the whole history.
    """

    def __init__(
        self,
        task: Task,
        widths: Widths,
        *,
        layers: int | None = None,
        width: int = 64,
        kernel_size: int = 3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.widths, members = widths, widths.members
        deep = enough(task.history, kernel_size) if layers is None else layers
        self.enter = Linear(2 + widths.past + widths.future, width, members)
        self.blocks = nn.Sequential(
            *(Block(width, kernel_size, dropout, members) for _ in range(deep))
        )
        self.decoder = Decoder(task, widths, width + widths.static)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window, members = stacked(window, self.widths), self.widths.members
        steps = self.blocks(self.enter(history_steps(window, members)))
        return self.decoder(join([steps[..., -1, :], window.static], members), window)


def enough(history: int, kernel_size: int) -> int:
    """Blocks until the last step sees `history` steps; a block reaches back twice."""
    blocks, seen = 1, 1 + 2 * (kernel_size - 1)
    while seen < history and kernel_size > 1:
        seen += 2 * (kernel_size - 1) * 2**blocks
        blocks += 1
    return blocks


class Block(nn.Module):
    """Two convolutions beside a skip; every second step goes on, the last among them."""

    def __init__(self, width: int, kernel_size: int, dropout: float, members: int) -> None:
        super().__init__()
        self.first = Causal(width, kernel_size, 1, members)
        self.second = Causal(width, kernel_size, 2, members)
        self.norms = nn.ModuleList([Norm(width, members), Norm(width, members)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps: Tensor) -> Tensor:
        """[..., batch, step, width] -> [..., batch, half the steps, width]."""
        hidden = self.dropout(torch.relu(self.norms[0](self.first(steps))))
        hidden = self.dropout(torch.relu(self.norms[1](self.second(hidden))))
        return torch.relu(thinned(steps, 2) + hidden)


class Causal(nn.Module):
    """Each step sees itself and the kernel_size - 1 before it; zeros lie before the first.

    The taps lie side by side, so that members are one batched product here too.
    """

    def __init__(self, width: int, kernel_size: int, stride: int, members: int) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.mix = Linear(kernel_size * width, width, members)

    def forward(self, steps: Tensor) -> Tensor:
        """[..., batch, step, width]; of the answers every stride-th is kept."""
        count, before = steps.shape[-2], self.kernel_size - 1
        padded = pad(steps, (0, 0, before, 0))
        taps = [padded[..., before - tap :, :][..., :count, :] for tap in range(self.kernel_size)]
        return self.mix(torch.cat([thinned(tap, self.stride) for tap in taps], -1))


def thinned(steps: Tensor, stride: int) -> Tensor:
    """Every stride-th step, counted from the last."""
    return steps[..., (steps.shape[-2] - 1) % stride :: stride, :]
