"""The contract of every network: features of a window in, quantiles in scaled units out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Widths:
    """Fitted feature sizes; `members` > 0 asks for stacked weights with a leading member axis.

    The last `covariates` of the future features are no calendar: they are known ahead of a step
    beside its date. The last `blind` of the members get 0 in their place.
    """

    past: int
    future: int
    static: int
    members: int = 0
    covariates: int = 0
    blind: int = 0


@dataclass(frozen=True)
class Window:
    """What a network sees. `...` is an optional leading member axis.

    Where a network has members and the window has no member axis, all members see the same window.
    """

    target: Tensor  # [..., batch, history], scaled; 0 where missing
    mask: Tensor  # [..., batch, history], 1 where observed, else 0
    location: Tensor  # [..., batch, 1]
    scale: Tensor  # [..., batch, 1], positive
    past: Tensor  # [..., batch, history, feature]
    future: Tensor  # [..., batch, history + horizon, feature]
    static: Tensor  # [..., batch, feature]


class Network(nn.Module, ABC):
    """A subclass's constructor takes `task`, `widths` and its own options, all with defaults."""

    @abstractmethod
    def forward(self, window: Window) -> Tensor:
        """[..., batch, horizon, quantile], in scaled units; quantiles may still cross."""
