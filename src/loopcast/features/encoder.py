"""All features in order: the artifact's inputs -> the window a network sees, and back to units."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Task
from loopcast.features import level as levels
from loopcast.features.calendar import Calendar
from loopcast.features.categories import Category
from loopcast.features.feature import Feature, Inputs
from loopcast.features.level import Level
from loopcast.features.numeric import Numeric
from loopcast.features.scaling import Scaling

AXES = ("past", "future", "static")
FACTS = 3
"""Numbers about the window itself that join the static features."""
SMALLEST = 1e-3
"""A window's scale is at least this share of what its series' static columns promise."""


def default_features(task: Task) -> list[Feature]:
    """The calendar, every numeric block, every categorical column."""
    features: list[Feature] = [Calendar()]
    for role in AXES:
        columns = getattr(task, role)
        if columns.numeric:
            features.append(Numeric(role))  # type: ignore[arg-type]
        features += [
            Category(f"{role}.{name}", hide=0.1 if role == "static" else 0.02)
            for name in columns.categorical
        ]
    return features


class Encoder(nn.Module):
    """Fitted features, window scaling and the level of unseen series."""

    def __init__(
        self, task: Task, features: Sequence[Feature], scaling: Scaling, level: Level
    ) -> None:
        super().__init__()
        self.history = task.history
        self.features = nn.ModuleList(features)
        self.scaling, self.level = scaling, level

    @classmethod
    def fit(
        cls, train: Panel, task: Task, features: Sequence[Feature] | None, scaling: Scaling
    ) -> Self:
        """Everything is fitted on `train`, which ends with the train part."""
        fitted = [f.fit(train, task) for f in features or default_features(task)]
        names = tuple(f.name for f in fitted if isinstance(f, Category) and f.axis == "static")
        vocabularies = {f.name: f.vocabulary for f in fitted if isinstance(f, Category)}
        sizes = tuple(len(vocabularies[name]) + 1 for name in names)
        level = Level(names, sizes, len(task.static.numeric))
        codes = {name: encode(train.categories[name], vocabularies[name]) for name in names}
        values = scaling.transformed(torch.from_numpy(train.target).double()).numpy()
        return cls(task, fitted, scaling, level.fit(train, values, codes, task))

    def facts(self) -> dict[str, Any]:
        """Plain JSON values: what `restore` needs."""
        return {"features": [f.facts() for f in self.features], "level": levels.facts(self.level)}

    @classmethod
    def restore(
        cls,
        facts: dict[str, Any],
        task: Task,
        features: Sequence[Feature] | None,
        scaling: Scaling,
    ) -> Self:
        """The same modules without data; their numbers come with `load_state_dict`."""
        made = features or default_features(task)
        restored = [
            f.restore(known, task) for f, known in zip(made, facts["features"], strict=True)
        ]
        shape = facts["level"]
        level = Level(tuple(shape["names"]), tuple(shape["sizes"]), shape["columns"])
        return cls(task, restored, scaling, level)

    @property
    def vocabularies(self) -> dict[str, tuple[str, ...]]:
        """Input name -> the texts whose code is their position + 1."""
        return {f.name: f.vocabulary for f in self.features if isinstance(f, Category)}

    @property
    def widths(self) -> tuple[int, int, int]:
        """Of past, future and static features."""
        sums = {axis: sum(f.width for f in self.features if f.axis == axis) for axis in AXES}
        return sums["past"] + 1, sums["future"], sums["static"] + FACTS

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        """The fields of a Window."""
        values = self.scaling.transformed(inputs["target"])
        mask = (~values.isnan()).to(values.dtype)
        location, scale, promised = self._scale(inputs, values, mask)
        target = torch.where(mask > 0, (values - location) / scale, 0.0)
        parts = {axis: [f(inputs) for f in self.features if f.axis == axis] for axis in AXES}
        facts = torch.cat(
            [
                mask.mean(-1, keepdim=True),
                (scale / promised).log().clamp(-5, 5) / 5,
                (location / (location.abs() + scale)).clamp(-1, 1),
            ],
            -1,
        )
        return {
            "target": target,
            "mask": mask,
            "location": location,
            "scale": scale,
            "past": torch.cat([mask[..., None], *parts["past"]], -1),
            "future": torch.cat(parts["future"], -1),
            "static": torch.cat([facts, *parts["static"]], -1),
        }

    def _scale(self, inputs: Inputs, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        number = mask.sum(-1, keepdim=True)
        location, scale = self.scaling.measure(values, mask)
        level, promised = self.level(inputs)
        if self.scaling.kind == "mean_absolute":
            level, promised = torch.zeros_like(level), level.abs() + promised
        near = torch.minimum(promised, location.abs().clamp_min(1e-6))  # one value tells no spread
        few = number < 2
        scale = torch.where(few | (scale < SMALLEST * near), near, scale)
        scale = torch.where(number > 0, scale, promised).clamp_min(1e-10)
        return torch.where(number > 0, location, level), scale, promised

    def scaled(self, actual: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Actuals [..., horizon] in the window's units; NaN stays."""
        return (self.scaling.transformed(actual) - location) / scale

    def units(self, quantiles: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """[..., batch, horizon, quantile] in the target's units, not sorted."""
        return self.scaling.untransformed(quantiles * scale[..., None] + location[..., None])


def encode(column: Categories, vocabulary: Sequence[str]) -> np.ndarray:
    """The fitted code of each cell, int64; 0 = unknown."""
    known = {text: i + 1 for i, text in enumerate(vocabulary)}
    table = np.array([known.get(text, 0) for text in column.texts], dtype=np.int64)
    return table[column.codes]
