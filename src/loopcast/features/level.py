"""What level and scale to expect of a series from its static columns alone."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.categories import encode
from loopcast.features.feature import Inputs
from loopcast.features.numeric import Numeric
from loopcast.features.scaling import Scaling

Doubles = NDArray[np.float64]
Codes = Sequence[NDArray[np.int64]]

LOOKS = 4
"""So many windows of each series, evenly spaced, say what is typical of it."""
PASSES = 10
SHRINK = 1.0
"""An effect is drawn towards 0 as if so many windows without it had been seen as well."""


@dataclass(frozen=True)
class Effects:
    """An additive model: intercept + numeric @ slopes + the sum of effects[column][code]."""

    intercept: float
    slopes: Doubles
    effects: tuple[Doubles, ...]


def additive(target: Doubles, numeric: Doubles, codes: Codes, sizes: Sequence[int]) -> Effects:
    """Backfitted with shrinkage; NaN targets are left out. Code 0 has no effect."""
    seen = np.isfinite(target)
    target, numeric, codes = target[seen], numeric[seen], [column[seen] for column in codes]
    intercept, slopes = 0.0, np.zeros(numeric.shape[1])
    effects = [np.zeros(size) for size in sizes]
    rest = target.copy()
    gram = numeric.T @ numeric + SHRINK * np.eye(numeric.shape[1])
    for _ in range(PASSES if len(target) else 0):
        step = rest.mean()
        intercept, rest = intercept + step, rest - step
        if len(slopes):
            rest += numeric @ slopes
            slopes = np.linalg.solve(gram, numeric.T @ rest)
            rest -= numeric @ slopes
        for place in np.argsort(sizes, kind="stable"):
            code, size = codes[place], sizes[place]
            rest += effects[place][code]
            total = np.bincount(code, rest, minlength=size)
            effects[place] = total / (np.bincount(code, minlength=size) + SHRINK)
            rest -= effects[place][code]
    return Effects(intercept, slopes, tuple(effects))


def look(panel: Panel, steps: int, back: float) -> NDArray[np.float32]:
    """[series, step]: the window that ends at a share 1 - `back` of a series; NaN before it."""
    known = np.minimum(panel.lengths, panel.origin - panel.start + 1)
    last = np.maximum(known - np.floor(back * np.maximum(known - steps, 0)).astype(np.int64), 0)
    within = last[:, None] + np.arange(-steps, 0)
    rows = np.clip(within + panel.offsets[:-1, None], 0, max(len(panel.target) - 1, 0))
    if not len(panel.target):
        return np.full(within.shape, np.nan, np.float32)
    return np.where(within >= 0, panel.target[rows], np.float32(np.nan))


def typical(panel: Panel, steps: int, scaling: Scaling) -> tuple[Doubles, Doubles]:
    """Location and scale of some windows, [look * series] each; NaN where there is none."""
    locations, scales = [], []
    for back in np.arange(LOOKS) / LOOKS:
        values = torch.from_numpy(look(panel, steps, float(back))).double()
        mask = (values.abs() < float("inf")).double()
        values = scaling.transformed(torch.where(mask > 0, values, 0.0))
        location, deviation = scaling.statistics(values, mask)
        empty = mask.sum(dim=-1, keepdim=True) == 0
        locations.append(torch.where(empty, float("nan"), location).numpy()[:, 0])
        scales.append(torch.where(deviation > 0, deviation, float("nan")).numpy()[:, 0])
    return np.concatenate(locations), np.concatenate(scales)


class Level(nn.Module):
    """Location and scale [batch, 1] in transformed units, from the static columns.

    Fitted as asinh(location / unit) and log(scale), so that effects multiply; the answer stays
    within what train has seen.
    """

    unit: Tensor
    intercept: Tensor
    slopes: Tensor
    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.columns: dict[str, int] = {}
        self.numeric = Numeric("static")

    def fit(
        self,
        train: Panel,
        task: Task,
        scaling: Scaling,
        vocabularies: Mapping[str, tuple[str, ...]],
    ) -> Self:
        """A fitted copy."""
        names = [name for name in vocabularies if name.startswith("static.")]
        sizes = [len(vocabularies[name]) + 1 for name in names]
        numeric = Numeric("static").fit(train, task)
        fitted = self.restore(
            {"columns": dict(zip(names, sizes, strict=True)), "numeric": numeric.facts()}, task
        )
        fitted.numeric.load_state_dict(numeric.state_dict())
        location, scale = typical(train, task.history, scaling)
        unit = np.nanmedian(np.abs(location)) if np.isfinite(location).any() else 0.0
        unit = unit if unit > 0 else 1.0
        with torch.no_grad():
            given = numeric({"static": torch.from_numpy(train.static)}).double().numpy()
        given = np.tile(given, (LOOKS, 1))
        codes = [np.tile(encode(train.categories[n], vocabularies[n]), LOOKS) for n in names]
        targets = (np.arcsinh(location / unit), np.log(scale))
        models = [additive(target, given, codes, sizes) for target in targets]
        fitted._keep(unit, models, targets)
        return fitted

    def _keep(
        self, unit: float, models: Sequence[Effects], targets: tuple[Doubles, Doubles]
    ) -> None:
        self.unit.fill_(unit)
        for place, (model, target) in enumerate(zip(models, targets, strict=True)):
            seen = target[np.isfinite(target)]
            self.low[place], self.high[place] = (seen.min(), seen.max()) if len(seen) else (0, 0)
            self.intercept[place] = model.intercept
            self.slopes[:, place] = torch.from_numpy(model.slopes)
            for number, effect in enumerate(model.effects):
                self.get_buffer(f"effect{number}")[:, place] = torch.from_numpy(effect)

    def facts(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"columns": dict(self.columns), "numeric": self.numeric.facts()}

    def restore(self, facts: dict[str, Any], task: Task) -> Self:
        """Statistics are part of the state."""
        fitted = copy.deepcopy(self)
        fitted.columns = dict(facts["columns"])
        fitted.numeric = Numeric("static").restore(facts["numeric"], task)
        fitted.register_buffer("unit", torch.ones(()))
        for name in ("intercept", "low", "high"):
            fitted.register_buffer(name, torch.zeros(2))
        fitted.register_buffer("slopes", torch.zeros(fitted.numeric.width, 2))
        for number, size in enumerate(fitted.columns.values()):
            fitted.register_buffer(f"effect{number}", torch.zeros(size, 2))
        return fitted

    @property
    def usual(self) -> Tensor:
        """The log of the scale that is usual in train, a scalar."""
        return self.intercept[1]

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Location and scale, [batch, 1] each."""
        expected = self.intercept.expand(inputs["origin"].shape[0], 2)
        if self.numeric.width:  # no matmul: autocast would make it half as precise
            given = self.numeric(inputs)[..., None]
            expected = expected + (given * self.slopes).sum(dim=-2)
        for number, name in enumerate(self.columns):
            expected = expected + embedding(inputs[name], self.get_buffer(f"effect{number}"))
        expected = expected.clamp(self.low, self.high)
        return self.unit * expected[:, :1].sinh(), expected[:, 1:].exp()
