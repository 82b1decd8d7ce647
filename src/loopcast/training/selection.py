"""The weights that a network itself gives its features, for the card: TFT's variable selection."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from loopcast.features.categories import Category
from loopcast.features.encoder import ROLES, WINDOW_FACTS, Encoder
from loopcast.features.feature import Feature
from loopcast.features.numeric import Numeric
from loopcast.models.network import Window
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster

MOST = 2048
"""Windows over which the weights are averaged."""


def selection(model: Forecaster, data: DataModule) -> dict[str, Any] | None:
    """{"static", "history", "horizon": {feature: weight}}, largest first; None without `selection`."""
    select = getattr(model.network, "selection", None)
    if select is None or data.panel is None or model.task is None:
        return None
    series, origin, limit = data.part("validation")
    if not len(series):
        series, origin, limit = np.arange(len(data.panel)), data.splits.train, data.splits.train
    chosen = np.unique(np.linspace(0, len(series) - 1, min(MOST, len(series))).astype(int))
    batch = (
        data.resident()
        .to("cpu")
        .until(limit)
        .gather(torch.from_numpy(series[chosen]), torch.from_numpy(origin[chosen]))
    )
    with torch.no_grad():
        weights = select(Window(**model.trust.seen(model.encoder(batch))))
    if model.trust.blind:  # those that see all columns
        weights = {part: weight[: model.trust.sizes[0]] for part, weight in weights.items()}
    named = names(model.encoder, model)
    return {
        part: _summed(named[part], weight.flatten(0, -2).mean(0).tolist())
        for part, weight in weights.items()
    }


def names(encoder: Encoder, model: Forecaster) -> dict[str, list[str]]:
    """The column of a network's input -> the feature it belongs to."""
    assert model.task is not None
    by = {axis: [n for f in encoder.of(axis) for n in _named(f, model)] for axis in ROLES}
    past = by["past"] or ["observed"]
    future = by["future"] or ["step"]
    return {
        "static": [*by["static"], *["the window's scale and gaps"] * WINDOW_FACTS],
        "history": ["the target", "observed", *past, *future],
        "horizon": future,
    }


def _named(feature: Feature, model: Forecaster) -> Iterator[str]:
    if isinstance(feature, Category):
        yield from [feature.name.split(".", 1)[1]] * feature.width
    elif isinstance(feature, Numeric):
        columns = getattr(model.task, feature.axis).numeric
        yield from (*columns, *(columns[place] for place in feature.gaps))
    else:
        yield from [type(feature).__name__.lower()] * feature.width


def _summed(named: list[str], weights: list[float]) -> dict[str, float]:
    total: dict[str, float] = {}
    for name, weight in zip(named, weights, strict=True):
        total[name] = total.get(name, 0.0) + weight
    return {n: float(f"{w:.4g}") for n, w in sorted(total.items(), key=lambda pair: -pair[1])}
