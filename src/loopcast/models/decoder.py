"""From an encoding of the window to quantiles of each horizon step, after TiDE (arXiv 2304.08424)."""

from statistics import NormalDist

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

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
"""Of the map shared over the horizon's steps."""
WIDE = 64
"""And of its two layers where there are covariates, whose effects depend on each other."""
LOOKS = 2
"""Ways to tell which history steps are like a horizon step."""
SAME, FAR = 1.2, 0.1
"""What the calendar's columns weigh in the first look, and in the others, at first."""
CLOSE = 1.5
"""What all covariates together weigh."""
LITTLE = 0.05
"""A mean over less than this many steps alike is drawn towards the window's mean."""
LEAN = 0.3
"""Share of each look's mean that a forecast starts from; the anchor has the rest of its share."""


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


class Alike(nn.Module):
    """The history's mean over steps like each horizon step, by what is known ahead of both.

    A step counts exp(-distance) in the weighted columns of a look, so that what is unlike the
    horizon step (another weekday, no promotion, closed) counts next to nothing. The first look is
    at covariates and calendar, the second at covariates alone, until trained; what carries nothing
    begins with a small weight, the smaller the more covariates there are. Blind members get 0.
    """

    age: Tensor

    def __init__(self, task: Task, widths: Widths) -> None:
        super().__init__()
        self.history, self.horizon, self.blind = task.history, task.horizon, widths.blind
        self.members = widths.members - widths.blind
        calendar, rest = widths.future - widths.covariates, widths.covariates
        near = [CLOSE / rest**0.5] * rest
        columns = torch.tensor(
            [[SAME if look == 0 else FAR] * calendar + near for look in range(LOOKS)]
        )
        stack = (self.members,) if self.members else ()
        self.column = nn.Parameter(columns.repeat(*stack, 1, 1))
        self.forget = nn.Parameter(torch.zeros(*stack, LOOKS))
        age = torch.arange(task.history - 1, -1, -1) / task.history
        self.register_buffer("age", age[:, None], persistent=False)

    def forward(self, window: Window) -> Tensor:
        """[..., batch, horizon, 2 * look]: the mean of each look, and how much it rests on."""
        target, mask, future = window.target, window.mask, window.future
        if self.blind:
            target, mask, future = (part[: self.members] for part in (target, mask, future))
        before, ahead = future.split([self.history, self.horizon], -2)
        told = torch.stack([target * mask, mask], -1)
        found = torch.cat([self._look(look, ahead, before, told) for look in range(LOOKS)], -1)
        return pad(found, (0, 0) * 3 + (0, self.blind)) if self.blind else found

    def _look(self, look: int, ahead: Tensor, before: Tensor, told: Tensor) -> Tensor:
        """`told` [..., batch, history, 2]: target and mask. One product gives all distances."""
        column, forget = self.column[..., look, :], self.forget[..., look, None]
        if self.members:
            column, forget = column[:, None, None], forget[:, None, None]
        query, key = ahead * column, before * column
        one = torch.ones_like(query[..., :1])
        query = torch.cat([2 * query, -query.square().sum(-1, keepdim=True), one], -1)
        old = key.square().sum(-1, keepdim=True) + forget.exp() * self.age
        key = torch.cat([key, torch.ones_like(old), -old], -1)
        mean, rest = (_exact(query, key).exp() @ told).split(1, -1)
        return torch.cat([mean / (rest + LITTLE), rest / (rest + LITTLE)], -1)


def _exact(query: Tensor, key: Tensor) -> Tensor:
    """Their product in 32 bits: distances are small differences of large squares."""
    device = query.device.type
    if not torch.is_autocast_enabled(device):
        return query @ key.mT
    with torch.autocast(device, enabled=False):
        return query.float() @ key.float().mT


class StepHead(nn.Module):
    """One map shared over the horizon's steps, fed each step's own known-ahead features.

    So a price, promotion or holiday moves the very step it is on. `handed`: numbers that the
    network hands to each step. Untrained it gives the anchor, spread out by level; where there are
    covariates, the anchor and the means over steps alike.
    """

    spread: Tensor

    def __init__(self, task: Task, widths: Widths, handed: int) -> None:
        super().__init__()
        members, quantiles = widths.members, len(task.quantiles)
        self.horizon, self.members = task.horizon, members
        self.alike = Alike(task, widths) if widths.covariates else None
        looks = LOOKS if widths.covariates else 0
        inputs = handed + widths.future + 2 + 2 * looks
        width = WIDE if widths.covariates else WIDTH
        self.step = Linear(inputs, width, members)
        self.further = Linear(width, width, members) if widths.covariates else None
        self.leave = Linear(width, quantiles, members).zero()
        self.anchor = Anchor(task, members)
        shares = torch.tensor([GATE - looks * LEAN] + [LEAN] * looks)
        shares = shares.repeat(members, 1, 1, 1) if members else shares
        if widths.blind:  # nothing tells them what is alike
            shares[-widths.blind :] = torch.tensor([GATE] + [0.0] * looks)
        self.gate = nn.Parameter(shares)
        normal = torch.tensor([NormalDist().inv_cdf(level) for level in task.quantiles])
        self.register_buffer("spread", SPREAD * normal, persistent=False)

    def forward(self, handed: Tensor, window: Window) -> Tensor:
        """Handed [..., batch, horizon, number] -> [..., batch, horizon, quantile]."""
        naive, known = (part[..., None] for part in self.anchor(window))
        own, begin = window.future[..., -self.horizon :, :], naive
        given = [handed, own, naive, known]
        if self.alike is not None:
            given.append(self.alike(window))
            begin = join([naive, given[-1][..., ::2]], self.members)
        steps = torch.relu(self.step(join(given, self.members)))
        if self.further is not None:
            steps = steps + torch.relu(self.further(steps))
        return (self.gate * begin).sum(-1, keepdim=True) + self.spread + self.leave(steps)


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
