"""The mean beside the quantiles: a channel of the network that is trained for squared error alone."""

from bisect import bisect
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from loopcast.core.task import Task
from loopcast.features.encoder import Encoder, observed
from loopcast.training.losses import weighted_mean
from loopcast.training.windows import Batch

HALF = 0.5
APART = 1e-3
"""How far the mean's channel stands from the median, as a share of the way to the next level."""
SHARE = 0.1
"""Weight of its loss: squared errors of heavy tails are large, and the quantiles matter more."""
FARTHEST = 50.0
"""An actual counts as at most so many scales away: a flat history has next to none."""


def with_channel(task: Task) -> Task:
    """What a network is made for: one output more for each step, which begins like the median.

    To a network it is one more level, at the middle or right above it, so that every network has it.
    """
    if not task.mean:
        return task
    levels, place = task.quantiles, channel(task)
    own = HALF
    if place and levels[place - 1] == HALF:
        own += APART * ((levels[place] if place < len(levels) else 1.0) - HALF)
    return replace(task, quantiles=(*levels[:place], own, *levels[place:]))


def channel(task: Task) -> int:
    """Where the mean stands among a network's outputs."""
    return bisect(task.quantiles, HALF)


def parted(outputs: Tensor, task: Task) -> tuple[Tensor, Tensor | None]:
    """A network's outputs [..., horizon, channel] -> quantiles, and the mean as a last axis of 1."""
    if not task.mean:
        return outputs, None
    place = channel(task)
    quantiles = torch.cat([outputs[..., :place], outputs[..., place + 1 :]], -1)
    return quantiles, outputs[..., place : place + 1]


def objective(
    forecast: Tensor,
    mean: Tensor | None,
    known: Batch,
    encoded: Batch,
    encoder: Encoder,
    loss: Callable[..., Tensor],
    levels: Tensor,
) -> Tensor:
    """What a step makes smaller: `loss` of the quantiles, and that of the mean where there is one.

    `known` holds "actual" and maybe "weight", [..., batch, horizon], `encoded` a window's fields.
    """
    place = encoded["location"], encoded["scale"]
    actual, weight = observed(known["actual"])
    if "weight" in known:
        weight = weight * known["weight"].nan_to_num(1.0)
    found = loss(forecast, encoder.scaled(actual, *place), weight, levels)
    if mean is None:
        return found
    return found + mean_loss(mean, known["actual"], weight, encoder, place)


def mean_loss(
    mean: Tensor, actual: Tensor, weight: Tensor, encoder: Encoder, place: tuple[Tensor, Tensor]
) -> Tensor:
    """Squared error of mean [..., batch, horizon, 1] in scaled units; actual in the target's.

    Where the target is transformed it is taken after the inverse, as the mean of a logarithm is
    no logarithm of the mean; then in units of what one scale is there. `place`: location, scale.
    """
    if encoder.scaling.transform == "none":
        error = mean[..., 0] - encoder.scaled(actual, *place).clamp(-FARTHEST, FARTHEST)
    else:
        one = torch.ones_like(place[1])[..., None]
        around = [encoder.units(sign * one, *place)[..., 0] for sign in (-1, 0, 1)]
        unit = ((around[2] - around[0]) / 2).clamp_min(1e-6)
        far = ((actual - around[1]) / unit).clamp(-FARTHEST, FARTHEST)
        error = (encoder.units(mean, *place)[..., 0] - around[1]) / unit - far
    return SHARE * weighted_mean(torch.where(weight > 0, error, 0.0).square(), weight)
