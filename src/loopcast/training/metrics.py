"""What the validation part is told by while a fit goes on, beside the loss."""

import torch
from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection

HALF = 0.5
NAMES = ("mae", "smape", "wape", "pinball", "coverage")


class Metrics(MetricCollection):
    """Means over all known steps, in the target's units."""

    def __init__(self) -> None:
        super().__init__({name: MeanMetric() for name in NAMES}, prefix="validation_")

    def score(self, actual: Tensor, quantiles: Tensor, levels: Tensor) -> None:
        """Count in [batch, horizon] and [batch, horizon, quantile]."""
        known = ~actual.isnan()
        actual, quantiles = actual[known], quantiles[known]
        median = middle(quantiles, levels)
        error = (actual - median).abs()
        total = (actual.abs() + median.abs()).clamp_min(1e-12)
        miss = actual[:, None] - quantiles
        inside = (actual >= quantiles[:, 0]) & (actual <= quantiles[:, -1])
        size = actual.abs()
        values = {
            "mae": (error, 1.0),
            "smape": (200 * error / total, 1.0),
            "wape": (error / size.clamp_min(1e-12), size),
            "pinball": (torch.maximum(levels * miss, (levels - 1) * miss).mean(-1), 1.0),
            "coverage": (inside.to(error.dtype), 1.0),
        }
        for name, (value, weight) in values.items():
            self[name].update(value, weight)


def middle(quantiles: Tensor, levels: Tensor) -> Tensor:
    """[known, quantile] -> [known]; between levels where 0.5 is not one, as core.scores.median."""
    high = torch.searchsorted(levels, HALF).clamp(max=len(levels) - 1)
    low = (high - 1).clamp(min=0)
    gap = (levels[high] - levels[low]).clamp_min(1e-12)
    share = ((HALF - levels[low]) / gap).clamp(0.0, 1.0)
    return torch.lerp(quantiles[:, low], quantiles[:, high], share)
