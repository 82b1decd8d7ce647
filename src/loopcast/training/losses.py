"""What networks are trained with, in scaled units; unknown targets weigh nothing."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Loss(nn.Module, ABC):
    """A mean over what is known of the horizon."""

    @abstractmethod
    def forward(self, forecast: Tensor, actual: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
        """Score forecast [..., batch, horizon, quantile] against actual and weight [batch, horizon]; a scalar.

        Weight is 0 where the actual is unknown (its value is then arbitrary but finite).
        """


class PinballLoss(Loss):
    """Mean quantile loss over levels (Koenker and Bassett 1978)."""

    def forward(self, forecast: Tensor, actual: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
        """See Loss."""
        above = forecast - actual[..., None]
        with torch.no_grad():  # the loss is distance times a slope of two values, known by sign
            known = weight.sum((-2, -1), keepdim=True).clamp_min(1e-8)
            share = weight / (known * 2 * len(levels))
            slope = above.sign().add_(1 - 2 * levels).mul_(share[..., None])
        return (above * slope).sum()


class HuberPinballLoss(Loss):
    """Pinball loss whose kink is rounded within `delta` of zero, in scaled units."""

    def __init__(self, delta: float = 0.1) -> None:
        super().__init__()
        self.delta = delta

    def forward(self, forecast: Tensor, actual: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
        """See Loss."""
        error = actual[..., None] - forecast
        size = error.abs()
        huber = torch.where(
            size < self.delta, error.square() / (2 * self.delta), size - self.delta / 2
        )
        loss = torch.where(error >= 0, levels * huber, (1 - levels) * huber).mean(-1)
        return weighted_mean(loss, weight)


class SquaredLoss(Loss):
    """Mean squared error of every output: for point forecasts judged by squared error."""

    def forward(self, forecast: Tensor, actual: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
        """See Loss."""
        return weighted_mean((actual[..., None] - forecast).square().mean(-1), weight)


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """Mean of loss [..., batch, horizon] by weight [batch, horizon]; 0 where nothing is known.

    A leading member axis is summed: members learn side by side, each at its own pace.
    """
    mean = (loss * weight).sum((-2, -1)) / weight.sum((-2, -1)).clamp_min(1e-8)
    return mean.sum() if mean.ndim else mean
