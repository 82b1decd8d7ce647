"""The contract of every feature: columns of the artifact's inputs -> numbers for the network."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, Self

from torch import Tensor, nn

from loopcast.core.panel import Panel
from loopcast.core.task import Task

Inputs = Mapping[str, Tensor]
"""The artifact's inputs by name (HOUSE.md), without the text: "static.COL", "past.COL" and
"future.COL" are int64 codes of the fitted vocabulary, 0 = unknown. All share the batch axis."""

Axis = Literal["static", "past", "future"]


class Feature(nn.Module, ABC):
    """`axis` says which part of the window it joins, `width` how many numbers it gives.

    A constructor stores options. `fit` returns a fitted copy and sees the train part only.
    `facts` are what `fit` learned, as plain JSON values: `Feature(**options).restore(facts, task)`
    gives the same module again, without data (parameters and buffers come from the state dict).
    """

    axis: Axis
    width: int

    @abstractmethod
    def fit(self, train: Panel, task: Task) -> Self:
        """A fitted copy; `train` holds nothing after the train part."""

    def again(self, before: Self, train: Panel, task: Task) -> Self:
        """A copy fitted on more rows for a refit, with what `before`, the fitted one, chose by rule."""
        return self.fit(train, task)

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Plain JSON values."""

    @abstractmethod
    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """A fitted copy from `facts`."""

    @abstractmethod
    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, width] if static, [batch, step, width] over the history, or history + horizon."""
