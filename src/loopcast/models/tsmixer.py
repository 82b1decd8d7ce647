"""TSMixer with covariates: maps over time and over features in turn (Chen et al., arXiv 2303.06053).

Not in the paper: layer normalisation over the features alone, not over batch and time, so that a
forecast does not hang on its neighbours; quantiles; the step head that starts from the seasonal
naive forecast, beside a linear skip from the target (as in TiDE).
"""

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.decoder import StepHead
from loopcast.models.layers import Linear, Norm, by_step, history_steps, join, stacked
from loopcast.models.network import Network, Widths, Window


class TSMixer(Network):
    """History is projected onto the horizon's steps, then `layers` mixers run beside the future."""

    def __init__(
        self, task: Task, widths: Widths, *, layers: int = 2, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.horizon, self.widths = task.horizon, widths
        members, seen = widths.members, 2 + widths.past + widths.future
        deep = (widths.static, width, dropout, members)
        self.project = Linear(task.history, task.horizon, members)
        self.seen = FeatureMixer(seen, *deep)
        self.ahead = FeatureMixer(widths.future, *deep)
        sizes = [2 * width] + [width] * (layers - 1)
        self.times = nn.ModuleList(TimeMixer(task.horizon, n, dropout, members) for n in sizes)
        self.features = nn.ModuleList(FeatureMixer(n, *deep) for n in sizes)
        self.head = StepHead(task, widths, width if layers else 2 * width)
        outputs = task.horizon * len(task.quantiles)
        self.skip = Linear(task.history, outputs, members).zero()

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window, members = stacked(window, self.widths), self.widths.members
        seen = self.project(history_steps(window, members).transpose(-1, -2)).transpose(-1, -2)
        ahead = self.ahead(window.future[..., -self.horizon :, :], window.static)
        steps = join([self.seen(seen, window.static), ahead], members)
        for time, feature in zip(self.times, self.features, strict=True):
            steps = feature(time(steps), window.static)
        return by_step(self.skip(window.target), self.horizon) + self.head(steps, window)


class TimeMixer(nn.Module):
    """The same map over the steps for every feature."""

    def __init__(self, steps: int, width: int, dropout: float, members: int) -> None:
        super().__init__()
        self.mix = Linear(steps, steps, members)
        self.dropout, self.norm = nn.Dropout(dropout), Norm(width, members)

    def forward(self, steps: Tensor) -> Tensor:
        """[..., batch, step, width], same shape."""
        mixed = torch.relu(self.mix(steps.transpose(-1, -2))).transpose(-1, -2)
        return self.norm(steps + self.dropout(mixed))


class FeatureMixer(nn.Module):
    """The same map over the features for every step, told the static features."""

    def __init__(self, inputs: int, static: int, width: int, dropout: float, members: int) -> None:
        super().__init__()
        self.hidden, self.told = Linear(inputs, width, members), Linear(static, width, members)
        self.back = Linear(width, width, members)
        self.skip = Linear(inputs, width, members) if inputs != width else nn.Identity()
        self.dropout, self.norm = nn.Dropout(dropout), Norm(width, members)

    def forward(self, steps: Tensor, static: Tensor) -> Tensor:
        """[..., batch, step, inputs] -> [..., batch, step, width]."""
        hidden = torch.relu(self.hidden(steps) + self.told(static)[..., None, :])
        return self.norm(self.skip(steps) + self.dropout(self.back(self.dropout(hidden))))
