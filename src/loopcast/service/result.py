"""What a request's series were forecast, and how that goes onto the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.service.instance import Part
from loopcast.service.served import Served

Outputs = Mapping[str, NDArray[np.float32]]
"""Of the graph, by name; [series, ...] each."""


@dataclass(frozen=True)
class Result:
    """All series of a request in its order, [series] each."""

    keys: list[dict[str, str]]
    origins: NDArray[np.int64]
    quantiles: NDArray[np.float32]  # [series, horizon, quantile]
    history: NDArray[np.float32]  # [series, history]
    sources: list[str]
    warnings: list[list[str]]
    own: NDArray[np.float32] | None = None  # the model's quantiles, where others are answered
    mean: NDArray[np.float32] | None = None  # [series, horizon], where the model forecasts it


def split(part: Part, outputs: Outputs, sizes: Sequence[int]) -> list[Result]:
    """A part that holds several requests, `sizes` series each -> their results."""
    results, end = [], 0
    mean = outputs.get("mean")
    for size in sizes:
        rows = slice(end, end + size)
        end += size
        results.append(
            Result(
                part.keys[rows],
                part.origins[rows],
                outputs["quantiles"][rows],
                part.prepared["target"][rows],
                [part.source] * size,
                part.warnings[rows],
                mean=None if mean is None else mean[rows],
            )
        )
    return results


def together(parts: Sequence[Part], outputs: Sequence[Outputs]) -> Result:
    """Parts -> one result in the request's order."""
    if len(parts) == 1:
        return split(parts[0], outputs[0], [len(parts[0].keys)])[0]
    history = [part.prepared["target"] for part in parts]
    means = [found["mean"] for found in outputs if "mean" in found]
    order = np.argsort([place for part in parts for place in part.places])
    every = [
        (key, part.source, warnings)
        for part in parts
        for key, warnings in zip(part.keys, part.warnings, strict=True)
    ]
    chosen = [every[i] for i in order]
    return Result(
        [key for key, _, _ in chosen],
        np.concatenate([part.origins for part in parts])[order],
        np.concatenate([found["quantiles"] for found in outputs])[order],
        np.concatenate(history)[order],
        [source for _, source, _ in chosen],
        [warnings for _, _, warnings in chosen],
        mean=np.concatenate(means)[order] if means else None,
    )


def body(
    given: str, result: Result, horizon: int, levels: list[int], served: Served
) -> Mapping[str, Any]:
    """The answer, as orjson takes it."""
    names = [f"{served.task.quantiles[i]:g}" for i in levels]
    chosen = result.quantiles[:, :horizon, levels].transpose(0, 2, 1)
    values = np.ascontiguousarray(chosen)  # [series, quantile, step]
    known: dict[int, Any] = {}
    forecasts = []
    for i, origin in enumerate(result.origins.tolist()):
        if origin not in known:
            known[origin] = served.times(origin, horizon)
        at, ahead = known[origin]
        shown = {
            "key": result.keys[i],
            "origin": at,
            "times": ahead,
            "quantiles": dict(zip(names, values[i], strict=True)),
            "warnings": result.warnings[i],
        }
        if result.mean is not None:
            shown["mean"] = result.mean[i, :horizon]
        forecasts.append(shown)
    model = {"name": served.name, "version": served.version}
    return {"id": given, "model": model, "forecasts": forecasts}
