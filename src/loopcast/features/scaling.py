"""Each window in its own units: location and scale of what is observed in it."""

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["standard", "mean_absolute", "robust"]
Transform = Literal["none", "log1p", "asinh"]
HIGHEST = 80.0
"""Transformed values are clamped here before they are turned back: float32 overflows beyond 88."""


class Scaling(nn.Module):
    """`kind` and `transform` (applied before it) of the window scaling."""

    def __init__(self, kind: Kind = "standard", transform: Transform = "none") -> None:
        super().__init__()
        self.kind, self.transform = kind, transform

    def transformed(self, values: Tensor) -> Tensor:
        """The values the window is scaled in; NaN stays."""
        if self.transform == "log1p":
            return values.sign() * values.abs().log1p()
        return values.asinh() if self.transform == "asinh" else values

    def untransformed(self, values: Tensor) -> Tensor:
        """The inverse of `transformed`."""
        if self.transform == "log1p":
            return values.sign() * values.abs().clamp_max(HIGHEST).expm1()
        return values.clamp(-HIGHEST, HIGHEST).sinh() if self.transform == "asinh" else values

    def measure(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Location and scale [batch, 1] of transformed values [batch, step]; 0 where none is observed."""
        number = mask.sum(-1, keepdim=True).clamp_min(1)
        if self.kind == "robust":
            return self._robust(values, mask)
        known = torch.where(mask > 0, values, 0.0)
        if self.kind == "mean_absolute":
            scale = known.abs().sum(-1, keepdim=True) / number
            return torch.zeros_like(scale), scale
        first = known.abs().amax(
            -1, keepdim=True
        )  # divided out, so that no sum or square overflows
        unit = known / first.clamp_min(1e-30)
        mean = unit.sum(-1, keepdim=True) / number
        spread = (((unit - mean) * mask).square().sum(-1, keepdim=True) / number).sqrt()
        return mean * first, spread * first

    def _robust(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        number = mask.sum(-1, keepdim=True)
        center = _median(values, mask, number)
        spread = _median((values - center).abs(), mask, number) * 1.4826
        return center, spread


def _median(values: Tensor, mask: Tensor, number: Tensor) -> Tensor:
    """The lower median of what the mask keeps; 0 where it keeps nothing."""
    rising = torch.where(mask > 0, values, float("inf")).sort(-1).values
    middle = ((number.long() - 1) // 2).clamp_min(0)
    found = rising.gather(-1, middle)
    return torch.where(number > 0, found, 0.0)
