"""What a request's series were forecast, and how that goes onto the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.service.instance import Part
from loopcast.service.served import Served


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


def split(part: Part, quantiles: NDArray[np.float32], sizes: Sequence[int]) -> list[Result]:
    """A part that holds several requests, `sizes` series each -> their results."""
    results, end = [], 0
    for size in sizes:
        rows = slice(end, end + size)
        end += size
        results.append(
            Result(
                part.keys[rows],
                part.origins[rows],
                quantiles[rows],
                part.prepared["target"][rows],
                [part.source] * size,
                part.warnings[rows],
            )
        )
    return results


def together(parts: Sequence[Part], quantiles: Sequence[NDArray[np.float32]]) -> Result:
    """Parts -> one result in the request's order."""
    history = [part.prepared["target"] for part in parts]
    if len(parts) == 1:
        part = parts[0]
        sources = [part.source] * len(part.keys)
        return Result(part.keys, part.origins, quantiles[0], history[0], sources, part.warnings)
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
        np.concatenate(quantiles)[order],
        np.concatenate(history)[order],
        [source for _, source, _ in chosen],
        [warnings for _, _, warnings in chosen],
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
        forecasts.append(
            {
                "key": result.keys[i],
                "origin": at,
                "times": ahead,
                "quantiles": dict(zip(names, values[i], strict=True)),
                "warnings": result.warnings[i],
            }
        )
    model = {"name": served.name, "version": served.version}
    return {"id": given, "model": model, "forecasts": forecasts}
