"""Long id -> consecutive integer -> embedding; 0 is the unknown, and is trained for."""

from typing import Any, Self

import torch
from torch import Tensor, nn

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.feature import Axis, Feature, Inputs


def size(cardinality: int) -> int:
    """Embedding width: 1.6 n^0.56 (the rule fast.ai found to serve), between 2 and 32."""
    return max(2, min(32, round(1.6 * cardinality**0.56)))


class Category(Feature):
    """The column `name` ("static.COL", "past.COL" or "future.COL").

    While training, a share `hide` of the codes is made unknown.
    """

    def __init__(self, name: str, hide: float = 0.1) -> None:
        super().__init__()
        self.name, self.hide = name, hide
        self.axis: Axis = name.split(".")[0]  # type: ignore[assignment]
        self.vocabulary: tuple[str, ...] = ()

    def fit(self, train: Panel, task: Task) -> Self:
        """The vocabulary is what the train part holds, sorted."""
        column = train.categories[self.name]
        used = sorted(set(column.texts[sorted(set(column.codes.tolist()))]))
        return self.restore({"vocabulary": used}, task)

    def facts(self) -> dict[str, Any]:
        """See Feature."""
        return {"vocabulary": list(self.vocabulary)}

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """See Feature."""
        copy = type(self)(self.name, self.hide)
        copy.vocabulary = tuple(facts["vocabulary"])
        copy.width = size(len(copy.vocabulary) + 1)
        copy.embedding = nn.Embedding(len(copy.vocabulary) + 1, copy.width)
        nn.init.normal_(copy.embedding.weight, std=0.3)
        return copy

    def forward(self, inputs: Inputs) -> Tensor:
        """[batch, (step,) width]."""
        code = inputs[self.name]
        if self.training and self.hide:
            window = torch.rand(code.shape[0], device=code.device) < self.hide
            code = code.masked_fill(window.view(-1, *[1] * (code.ndim - 1)), 0)
        return self.embedding(code)
