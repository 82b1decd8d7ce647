"""What a forecast goes through after the network: calibrated, in the target's units, clamped, sorted."""

from collections.abc import Sequence
from math import inf
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from loopcast.core.panel import Panel
from loopcast.core.scores import intervals

Lower = float | Literal["auto"] | None

GROUPS = 4
NARROWEST = 0.02
"""A range narrower than this, in scaled units, is moved as if it were this wide."""


class Ranges(nn.Module):
    """Widens and narrows ranges by offsets fitted on validation windows; keeps a lower bound.

    A range is a pair of quantiles at the same distance from the median; an offset is a share of its
    width, by group of windows, step and level, 0 until fitted. A group's offsets hold at its knot
    of `noise`, between knots they go over into each other: a jump would not survive rounding.
    """

    offset: Tensor
    knots: Tensor
    floor: Tensor

    def __init__(self, horizon: int, levels: Sequence[float]) -> None:
        super().__init__()
        self.partner = partners(levels)
        self.center = list(levels).index(0.5) if 0.5 in levels else None
        self.register_buffer("offset", torch.zeros(GROUPS, horizon, len(levels)))
        self.register_buffer("knots", torch.arange(GROUPS, dtype=torch.float32))
        self.register_buffer("floor", torch.tensor(-inf))

    def forward(self, scaled: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Sorted quantiles [batch, horizon, quantile] in scaled units -> calibrated ones."""
        width = (scaled[..., self.partner] - scaled).abs().clamp(min=NARROWEST)
        steps = (noise(location, scale) - self.knots[:-1]) / self.knots.diff()  # [batch, group - 1]
        change = steps.clamp(0, 1)[..., None, None] * self.offset.diff(dim=0)
        moved = scaled + (self.offset[0] + change.sum(1)) * width
        return moved if self.center is None else self._around(moved, scaled)

    def _around(self, moved: Tensor, scaled: Tensor) -> Tensor:
        """No end passes the median, which stays: a skewed range narrowed by its whole width could."""
        assert self.center is not None
        below, above = moved[..., : self.center], moved[..., self.center + 1 :]
        median = scaled[..., self.center : self.center + 1]
        return torch.cat([torch.minimum(below, median), median, torch.maximum(above, median)], -1)

    def above(self, units: Tensor) -> Tensor:
        """Not below the floor, in the target's units."""
        return torch.maximum(units, self.floor)


def partners(levels: Sequence[float]) -> list[int]:
    """The position of each level's other end; its own where it has none."""
    found = list(range(len(levels)))
    for low, high in intervals(levels).values():
        found[low], found[high] = high, low
    return found


def noise(location: Tensor, scale: Tensor) -> Tensor:
    """How large a window's scale is beside its level, [batch, 1], from 0 to 1."""
    return scale / (location.abs() + scale)


def floor(lower: Lower, non_negative: bool | None, train: Panel) -> float:
    """What no forecast lies below; "auto": 0 if told so, or if `train` has no negative target."""
    if lower != "auto":
        return -inf if lower is None else float(lower)
    known = train.target[np.isfinite(train.target)]
    found = len(known) > 0 and bool((known >= 0).all())
    return 0.0 if (found if non_negative is None else non_negative) else -inf
