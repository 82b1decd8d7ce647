"""Target scaling, window by window, missing values masked."""

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["standard", "mean_absolute", "robust", "change"]
Transform = Literal["none", "log1p", "asinh"]

RESOLUTION = 2.4e-7
"""A deviation below this share of the location is float32 rounding, not movement."""
RATIOS = (0.05, 1.0)
"""A flat window's scale is between these shares of its location."""
ZERO_SHARE = 0.25
"""A window of zeros has this share of the scale that is typical for its series."""
PAIRED = 0.125
"""With fewer pairs of neighbours than this share of the observed steps, a change tells nothing."""
QUARTILES = 1.349  # distance of a normal distribution's quartiles in deviations
LARGEST = 88.0  # exp of it is still a float32


class Scaling(nn.Module):
    """Transform, then subtract the window's location and divide by its scale, which is positive.

    "mean_absolute" has location 0; "robust" is the median and the quartile distance;
    "change" is the mean, and the mean absolute change from one step to the next, so that a trend does
    not make its own errors look small; the deviation where hardly a step has an observed neighbour.
    log1p keeps the sign: it means log1p(|x|) on either side of zero.
    """

    def __init__(self, kind: Kind = "standard", transform: Transform = "none") -> None:
        super().__init__()
        self.kind = kind
        self.transform = transform

    def forward(
        self,
        target: Tensor,
        mask: Tensor,
        typical: Tensor | None = None,
        spread: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """target, mask [..., step] -> scaled (0 where missing), location, scale [..., 1].

        `typical` and `spread` [..., 1] stand in, in transformed units, where a window has no
        observed value, or no deviation of its own.
        """
        return self.of_known(torch.where(mask > 0, target, 0.0), mask, typical, spread)

    def of_known(
        self,
        known: Tensor,
        mask: Tensor,
        typical: Tensor | None = None,
        spread: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The same of a target that is 0 where missing."""
        values = self.transformed(known)
        count = mask.sum(dim=-1, keepdim=True)
        location, deviation, rest = self._about(values, mask, count.clamp(min=1))
        typical = torch.zeros_like(location) if typical is None else typical
        spread = torch.ones_like(location) if spread is None else spread
        scale = self._positive(location, deviation, count, typical, spread)
        if self.kind != "mean_absolute":
            location = torch.where(count > 0, location, typical)
        return rest / scale, location, scale

    def transformed(self, values: Tensor) -> Tensor:
        """The target's units -> transformed units."""
        if self.transform == "log1p":
            return values.sign() * _log1p(values.abs())
        return values.asinh() if self.transform == "asinh" else values

    def inverse(self, values: Tensor) -> Tensor:
        """Transformed units -> the target's units; always finite."""
        if self.transform == "log1p":
            half = values.abs().clamp(max=LARGEST) / 2
            return values.sign() * 2 * half.sinh() * half.exp()  # expm1, exact in ONNX too
        if self.transform == "asinh":
            return values.clamp(-LARGEST, LARGEST).sinh()
        return values

    def statistics(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Location and deviation [..., 1] of the observed values; 0 where there are none."""
        count = mask.sum(dim=-1, keepdim=True).clamp(min=1)
        location, deviation, _ = self._about(values, mask, count)
        return location, deviation

    def _about(self, values: Tensor, mask: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Location, deviation, and what is left of the values without the location, 0 where missing."""
        if self.kind == "mean_absolute":
            size = values.abs().sum(dim=-1, keepdim=True) / count
            return torch.zeros_like(size), size, values
        if self.kind == "robust":
            location, deviation = _quartiles(values, mask, mask / count)
            return location, deviation, (values - location) * mask
        location = values.sum(dim=-1, keepdim=True) / count
        location = location + ((values - location).mul_(mask)).sum(dim=-1, keepdim=True) / count
        rest = (values - location).mul_(mask)
        peak = rest.abs().amax(dim=-1, keepdim=True).clamp(min=1e-30)
        length = torch.linalg.vector_norm(rest / peak, dim=-1, keepdim=True)
        deviation = peak * length / count.sqrt()
        if self.kind == "change" and values.shape[-1] > 1:
            change, pairs = _change(values, mask)
            deviation = torch.where(pairs < PAIRED * count, deviation, change)
        return location, deviation, rest

    def _positive(
        self, location: Tensor, deviation: Tensor, count: Tensor, typical: Tensor, spread: Tensor
    ) -> Tensor:
        """The deviation, helped out by `spread` where few or only equal values were observed."""
        instead = spread
        if self.transform == "none":
            ratio = (spread / typical.abs().clamp(min=1e-30)).clamp(*RATIOS)
            instead = torch.where(location != 0, ratio * location.abs(), ZERO_SHARE * spread)
        flat = deviation <= RESOLUTION * location.abs()
        if self.kind != "mean_absolute":
            deviation = deviation + instead * torch.exp2(1 - count)
        scale = torch.where(flat, instead, deviation)
        return torch.where(count > 0, scale, spread).clamp(min=1e-30)


def _log1p(values: Tensor) -> Tensor:
    """Of numbers that are not negative; in ONNX log1p is log(1 + x), which loses small ones."""
    small = values.clamp(max=1.0)
    return torch.where(values < 1, 2 * (small / (2 + small)).atanh(), (1 + values).log())


def _change(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute change between neighbours that are both observed, 0 without; and how many are."""
    both = mask[..., 1:] * mask[..., :-1]
    change = (values[..., 1:] - values[..., :-1]).abs() * both
    pairs = both.sum(dim=-1, keepdim=True)
    return change.sum(dim=-1, keepdim=True) / pairs.clamp(min=1), pairs


def _quartiles(values: Tensor, mask: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """The median, and the quartile distance but at least a quarter of the mean distance."""
    empty = mask.amax(dim=-1, keepdim=True) == 0
    ordered = torch.where(mask > 0, values, float("inf")).sort(dim=-1).values
    last = (mask.sum(dim=-1, keepdim=True) - 1).clamp(min=0)
    median = torch.where(empty, 0.0, _between(ordered, last / 2))
    rest = ordered - median  # before quartiles: between large numbers there is no room for them
    quartiles = _between(rest, last * 0.75) - _between(rest, last * 0.25)
    distance = ((values - median).abs() * share).sum(dim=-1, keepdim=True)
    return median, torch.where(empty, 0.0, torch.maximum(quartiles / QUARTILES, distance / 4))


def _between(ordered: Tensor, place: Tensor) -> Tensor:
    """The value at a fractional place of the last axis."""
    below = place.floor()
    low = ordered.gather(-1, below.long())
    high = ordered.gather(-1, place.ceil().long())
    return low + (high - low) * (place - below)
