"""TCN: dilated causal convolutions over the history (Bai et al., arXiv 1803.01271).

Not in the paper: layer instead of weight normalisation; all of the horizon at once from the last
step, by the decoder that all networks share.
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
            *(Block(width, kernel_size, 2**level, dropout, members) for level in range(deep))
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
    """Two convolutions beside a skip."""

    def __init__(
        self, width: int, kernel_size: int, dilation: int, dropout: float, members: int
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for _ in range(2):
            parts += [Causal(width, kernel_size, dilation, members), Norm(width, members)]
            parts += [nn.ReLU(), nn.Dropout(dropout)]
        self.parts = nn.Sequential(*parts)

    def forward(self, steps: Tensor) -> Tensor:
        """[..., batch, step, width], same shape."""
        return torch.relu(steps + self.parts(steps))


class Causal(nn.Module):
    """A step sees itself and kernel_size - 1 steps before it, `dilation` apart.

    The taps lie side by side, so that members are one batched product here too.
    """

    def __init__(self, width: int, kernel_size: int, dilation: int, members: int) -> None:
        super().__init__()
        self.reaches = [tap * dilation for tap in range(kernel_size)]
        self.mix = Linear(kernel_size * width, width, members)

    def forward(self, steps: Tensor) -> Tensor:
        """[..., batch, step, width], same shape; before the first step lie zeros."""
        taps = [later(steps, reach) for reach in self.reaches]
        return self.mix(torch.cat(taps, -1))


def later(steps: Tensor, reach: int) -> Tensor:
    """Each step's place is taken by what was `reach` steps before it."""
    count = steps.shape[-2]
    kept = max(count - reach, 0)
    return pad(steps[..., :kept, :], (0, 0, count - kept, 0))
