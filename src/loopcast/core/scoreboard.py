"""All scores of a forecast beside the seasonal naive one: overall, by step and by category.

A scoreboard is plain JSON: {"overall": scores, "naive": scores, "by_horizon": [scores + "step"
+ "naive"], "by_category": {column: {text: scores + "windows" + "naive"}}, "counts", "beats_naive"};
a score that could not be computed is None.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core import scores
from loopcast.core.panel import Texts
from loopcast.core.scores import Array
from loopcast.core.verdict import deciding

CATEGORIES = 50
OTHER = "other"


@dataclass(frozen=True)
class Judged:
    """A forecast and the naive one against the same actuals; `scale` is [window]."""

    actual: Array  # [window, horizon]
    quantiles: Array  # [window, horizon, quantile]
    naive: Array  # [window, horizon]
    naive_quantiles: Array  # [window, horizon, quantile]
    scale: Array
    levels: tuple[float, ...]

    def windows(self, chosen: Any) -> "Judged":
        """Only these windows."""
        return Judged(
            self.actual[chosen],
            self.quantiles[chosen],
            self.naive[chosen],
            self.naive_quantiles[chosen],
            self.scale[chosen],
            self.levels,
        )

    def step(self, index: int) -> "Judged":
        """Only this step of the horizon."""
        only = (slice(None), slice(index, index + 1))
        return Judged(
            self.actual[only],
            self.quantiles[only],
            self.naive[only],
            self.naive_quantiles[only],
            self.scale,
            self.levels,
        )

    def ours(self) -> dict[str, float | None]:
        """The scores of the forecast; its median is the point forecast."""
        return self._scores(scores.median(self.quantiles, self.levels), self.quantiles)

    def naives(self) -> dict[str, float | None]:
        """The scores of the seasonal naive forecast."""
        return self._scores(self.naive, self.naive_quantiles)

    def _scores(self, point: Array, quantiles: Array) -> dict[str, float | None]:
        actual, levels = self.actual, self.levels
        found = {
            "mase": scores.mase(actual, point, self.scale),
            "smape": scores.smape(actual, point),
            "wape": scores.wape(actual, point),
            "rmse": scores.rmse(actual, point),
            "mae": scores.mae(actual, point),
            "bias": scores.bias(actual, point),
            "pinball": scores.pinball(actual, quantiles, levels),
            "wql": scores.wql(actual, quantiles, levels),
            "spl": scores.scaled_pinball(actual, quantiles, levels, self.scale),
        }
        for nominal, (low, high) in scores.intervals(levels).items():
            inside = scores.coverage(actual, quantiles[..., low], quantiles[..., high])
            found[f"coverage_{nominal}"] = inside
        return {name: value if np.isfinite(value) else None for name, value in found.items()}


def scoreboard(
    actual: Array,
    quantiles: Array,
    levels: Sequence[float],
    naive: Array,
    naive_quantiles: Array,
    scale: Array,
    by: Mapping[str, Texts],
) -> dict[str, Any]:
    """See the module; `by` holds the texts of each category column, [window] each."""
    judged = Judged(actual, quantiles, naive, naive_quantiles, scale, tuple(levels))
    ours, naives = judged.ours(), judged.naives()
    return {
        "overall": ours,
        "naive": naives,
        "by_horizon": [
            {"step": index + 1, **_beside(judged.step(index))} for index in range(actual.shape[1])
        ],
        "by_category": {
            column: {
                text: {"windows": len(where), **_beside(judged.windows(where))}
                for text, where in groups(texts, actual)
            }
            for column, texts in by.items()
        },
        "counts": _counts(actual, scale),
        "beats_naive": _beats(ours, naives),
    }


def groups(texts: Texts, actual: Array) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each text and its windows, largest sum of |actual| first; the small ones are one "other"."""
    named = np.asarray(texts, dtype=str)
    size = np.abs(actual).sum(1, where=scores.known(actual), dtype=np.float64)
    names, codes = np.unique(named, return_inverse=True)
    order = _largest_first(codes, size)
    if len(names) > CATEGORIES:
        named = np.where(np.isin(codes, order[:CATEGORIES]), named, OTHER)
        names, codes = np.unique(named, return_inverse=True)
        order = _largest_first(codes, size)
    for code in order:
        yield str(names[code]), np.flatnonzero(codes == code)


def _largest_first(codes: NDArray[np.int64], size: Array) -> NDArray[np.int64]:
    return np.argsort(-np.bincount(codes, size), kind="stable")


def _beside(judged: Judged) -> dict[str, Any]:
    return {**judged.ours(), "naive": judged.naives()}


def _beats(ours: Mapping[str, Any], naive: Mapping[str, Any]) -> bool:
    name = deciding({"overall": ours, "naive": naive})
    return name is not None and ours[name] < naive[name]


def _counts(actual: Array, scale: Array) -> dict[str, int]:
    seen = scores.known(actual)
    return {
        "windows": len(actual),
        "steps": int(seen.sum()),
        "unknown_steps": int((~seen).sum()),
        "zero_scale": int((scale == 0).sum()),
        "undefined_scale": int((~np.isfinite(scale)).sum()),
    }
