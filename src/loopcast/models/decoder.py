"""From an encoding of the window to quantiles of each horizon step, after TiDE (arXiv 2304.08424)."""

from statistics import NormalDist

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.layers import Linear, by_step, join
from loopcast.models.network import Widths, Window

SEASONS = 4
"""The anchor looks back this many seasons."""
NEWEST = 2.0
"""Logarithm of how much more a season weighs in the anchor than the one before it, at first."""
GATE = 0.8
"""Share of the anchor that a forecast starts from."""
SPREAD = 0.5
"""Deviation of the forecast before training, in scaled units."""
HANDED = 8
"""Numbers the encoding hands to each horizon step."""
WIDTH = 32


class Anchor(nn.Module):
    """The seasonal naive forecast, from the newest seasons by learned weights; gaps are skipped.

    Without a season, or with one longer than the history, the newest steps stand for seasons.
    """

    steps: Tensor

    def __init__(self, task: Task, members: int = 0) -> None:
        super().__init__()
        season = task.season if 1 < task.season <= task.history else 1
        ages = torch.arange(min(SEASONS, task.history // season))
        newest = task.history - season + torch.arange(task.horizon) % season
        self.register_buffer("steps", newest - season * ages[:, None], persistent=False)
        logits = -NEWEST * ages.float()
        self.logits = nn.Parameter(logits.repeat(members, 1) if members else logits)

    def forward(self, window: Window) -> tuple[Tensor, Tensor]:
        """Forecast and whether it rests on anything, 0 or 1; both [..., batch, horizon]."""
        weight = self.logits.softmax(-1)[..., None]  # [..., season, 1]
        if weight.ndim == 3:
            weight = weight[:, None]
        weight = weight * window.mask[..., self.steps]  # [..., batch, season, horizon]
        total = weight.sum(-2)
        value = (weight * window.target[..., self.steps]).sum(-2) / total.clamp_min(1e-6)
        return value, (total > 0).to(value.dtype)


class StepHead(nn.Module):
    """One map shared over the horizon's steps, fed each step's own known-ahead features.

    So a price, promotion or holiday moves the very step it is on. `handed`: numbers that the
    network hands to each step. Untrained it gives the anchor, spread out by level.
    """

    spread: Tensor

    def __init__(self, task: Task, widths: Widths, handed: int) -> None:
        super().__init__()
        members, quantiles = widths.members, len(task.quantiles)
        self.horizon, self.members = task.horizon, members
        self.step = Linear(handed + widths.future + 2, WIDTH, members)
        self.leave = Linear(WIDTH, quantiles, members).zero()
        self.anchor = Anchor(task, members)
        self.gate = nn.Parameter(torch.full((members, 1, 1, 1) if members else (), GATE))
        normal = torch.tensor([NormalDist().inv_cdf(level) for level in task.quantiles])
        self.register_buffer("spread", SPREAD * normal, persistent=False)

    def forward(self, handed: Tensor, window: Window) -> Tensor:
        """Handed [..., batch, horizon, number] -> [..., batch, horizon, quantile]."""
        naive, known = (part[..., None] for part in self.anchor(window))
        own = window.future[..., -self.horizon :, :]
        steps = torch.relu(self.step(join([handed, own, naive, known], self.members)))
        return self.gate * naive + self.spread + self.leave(steps)


class Decoder(nn.Module):
    """The encoding's own word on each quantile of each step, and what it hands to the step head."""

    def __init__(self, task: Task, widths: Widths, encoding: int) -> None:
        super().__init__()
        members, outputs = widths.members, task.horizon * len(task.quantiles)
        self.horizon = task.horizon
        self.hand = Linear(encoding, task.horizon * HANDED, members)
        self.direct = Linear(encoding, outputs, members).zero()
        self.head = StepHead(task, widths, HANDED)

    def forward(self, encoding: Tensor, window: Window) -> Tensor:
        """Encoding [..., batch, width] -> [..., batch, horizon, quantile]."""
        handed = by_step(self.hand(encoding), self.horizon)
        return by_step(self.direct(encoding), self.horizon) + self.head(handed, window)
