"""Categories: text -> consecutive integer -> a learned vector; 0 is what train did not show."""

import copy
import math
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from loopcast.core.errors import ConfigError
from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Task
from loopcast.features.feature import Axis, Feature, Inputs

WIDEST = 16
HIDE_KEY = 0.1
HIDE_OTHER = 0.02
SMALL = 0.1
"""Deviation of the first vectors: a category starts as a small correction."""


def vocabulary(name: str, train: Panel) -> tuple[str, ...]:
    """The distinct texts of the train part, sorted; a text's code is its position + 1.

    Steps outside a series have the text "" too, so only a static "" is a text of its own.
    """
    if name not in train.categories:
        known = sorted(train.categories)
        raise ConfigError(f"no categorical column is called {name!r}; the task has {known}")
    column = train.categories[name]
    static = name.startswith("static.")
    codes = column.codes[train.lengths > 0] if static else column.codes
    texts = {str(text) for text in column.texts[np.unique(codes)]}
    return tuple(sorted(texts if static else texts - {""}))


def encode(column: Categories, vocabulary: tuple[str, ...]) -> NDArray[np.int64]:
    """The code of each cell, 0 where the vocabulary lacks its text."""
    position = {text: code for code, text in enumerate(vocabulary, start=1)}
    codes = np.array([position.get(str(text), 0) for text in column.texts], dtype=np.int64)
    return codes[column.codes]


class Category(Feature):
    """One categorical input ("static.State", "past.Promotion", "future.Holiday") as vectors.

    A vector has as many numbers as the square root of the number of texts, rounded up, 16 at most,
    or `width`. In training a share `hide` of the windows does not show the column, so that the
    vector of the unknown means something: a tenth for series keys, else a fiftieth. `table` is
    [text, width]; a leading member axis [member, text, width] gives [member, batch, ..., width].
    """

    axis: Axis
    vocabulary: tuple[str, ...]
    table: nn.Parameter

    def __init__(self, name: str, hide: float | None = None, width: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.axis = cast("Axis", name.partition(".")[0])
        self.hide = hide
        self.wanted = width

    def fit(self, train: Panel, task: Task) -> Self:
        """The vocabulary is the train part's."""
        return self.restore({"vocabulary": list(vocabulary(self.name, train))}, task)

    def facts(self) -> dict[str, Any]:
        """Plain JSON values; a width only where it is an earlier run's."""
        facts: dict[str, Any] = {"vocabulary": list(self.vocabulary)}
        return facts if self.width == self._usual() else {**facts, "width": self.width}

    def _usual(self) -> int:
        return self.wanted or min(WIDEST, max(1, math.ceil(len(self.vocabulary) ** 0.5)))

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """The vectors are drawn anew; they are part of the state."""
        fitted = copy.deepcopy(self)
        fitted.vocabulary = tuple(facts["vocabulary"])
        fitted.width = int(facts.get("width") or fitted._usual())
        if self.hide is None:
            key = self.name.removeprefix("static.") in task.series and self.axis == "static"
            fitted.hide = HIDE_KEY if key else HIDE_OTHER
        rows = len(fitted.vocabulary) + 1
        fitted.table = nn.Parameter(SMALL * torch.randn(rows, fitted.width))
        return fitted

    def widened(self, width: int, task: Task) -> Self:
        """With vectors of so many numbers, drawn anew."""
        return self.restore({**self.facts(), "width": width}, task)

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, ..., width]."""
        codes = inputs[self.name]
        if self.training and self.hide:
            shape = (codes.shape[0],) + (1,) * (codes.ndim - 1)
            codes = codes * (torch.rand(shape, device=codes.device) >= self.hide)
        rows = self.table.index_select(-2, codes.flatten())
        return rows.reshape(*rows.shape[:-2], *codes.shape, -1)
