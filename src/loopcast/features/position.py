"""The place of a window's origin in time."""

import copy
from typing import Any, Self

import numpy as np
from torch import Tensor

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.feature import Feature, Inputs

BEYOND = 2
"""So many train spans before the train part and after it, time stands still."""


SEASONS = 3
"""In fewer of them the place in time and the place in the season cannot be told apart."""


class Position(Feature):
    """One number: -1 where the train part begins, 1 where it ends; none in a train part of few seasons.

    What happened once would else be learned as the place in time at which it happened.
    """

    axis = "static"
    width = 1
    begin: int
    span: int

    def fit(self, train: Panel, task: Task) -> Self:
        """Begin and length of the train part, all series together."""
        begin, span = spanned(train)
        few = task.season > 1 and 0 < span < SEASONS * task.season
        return self.restore({"begin": begin, "span": 0 if few else max(span, 1)}, task)

    def again(self, before: Self, train: Panel, task: Task) -> Self:
        """None where there was none."""
        fitted = self.fit(train, task)
        return fitted if before.span else self.restore({**fitted.facts(), "span": 0}, task)

    def facts(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"begin": self.begin, "span": self.span}

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """All of it is facts."""
        fitted = copy.deepcopy(self)
        fitted.begin, fitted.span = int(facts["begin"]), int(facts["span"])
        fitted.width = 1 if fitted.span else 0
        return fitted

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, width]."""
        if not self.width:
            return inputs["origin"].float()[:, None][:, :0]
        since = inputs["origin"] - self.begin
        since = since.clamp(-BEYOND * self.span, (BEYOND + 1) * self.span)
        return (since.float() * (2 / self.span) - 1)[:, None]


def spanned(train: Panel) -> tuple[int, int]:
    """The first step of the train part and their number, all series together; 0 and 0 if empty."""
    filled = train.lengths > 0
    if not filled.any():
        return 0, 0
    begin = int(train.start[filled].min())
    last = np.minimum(train.origin, train.start + train.lengths - 1)[filled].max()
    return begin, int(last) - begin + 1
