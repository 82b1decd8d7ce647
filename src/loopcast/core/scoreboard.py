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

CATEGORIES = 50
OTHER = "other"
NAMES = {
    "mase": "MASE",
    "smape": "sMAPE",
    "wape": "WAPE",
    "rmse": "RMSE",
    "mae": "MAE",
    "bias": "bias",
    "pinball": "pinball",
    "wql": "WQL",
}


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


def table(board: Mapping[str, Any]) -> str:
    """For the terminal: ours, seasonal naive and their ratio, and the verdict."""
    rows = [f"{'':14}{'ours':>12}{'naive':>12}{'ratio':>9}"]
    for name, ours in board["overall"].items():
        naive = board["naive"][name]
        compared = name != "bias" and not name.startswith("coverage")
        ratio = _text(ours / naive, 3) if compared and ours is not None and naive else ""
        rows.append(f"{title(name):14}{_text(ours):>12}{_text(naive):>12}{ratio:>9}")
    return "\n".join([*rows, *_remarks(board["counts"]), "", verdict(board)])


def verdict(board: Mapping[str, Any]) -> str:
    """One sentence: does the network beat the seasonal naive forecast?"""
    name = deciding(board)
    if name is None:
        return "No test step is known: nothing could be judged."
    ours, naive = board["overall"][name], board["naive"][name]
    against = f"{title(name)} {_text(ours)} against {_text(naive)}"
    if board["beats_naive"]:
        return f"beats seasonal naive on {against}"
    return (
        f"!!! does NOT beat seasonal naive on {against}: do not use this forecast as it is. "
        "Train longer, give it more history or columns, or forecast with seasonal naive. !!!"
    )


def deciding(board: Mapping[str, Any]) -> str | None:
    """The score that decides against naive: MASE, or MAE where no series has a scale."""
    for name in ("mase", "mae"):
        if board["overall"][name] is not None and board["naive"][name] is not None:
            return name
    return None


def title(name: str) -> str:
    """How a score's name is shown."""
    return NAMES.get(name) or name.replace("coverage_", "coverage ") + " %"


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


def _remarks(counts: Mapping[str, int]) -> list[str]:
    lines = [f"{counts['windows']:,} windows, {counts['steps']:,} steps"]
    if counts["unknown_steps"]:
        lines.append(f"{counts['unknown_steps']:,} steps without an actual are not counted")
    if dropped := counts["zero_scale"] + counts["undefined_scale"]:
        lines.append(
            f"MASE leaves out {dropped:,} windows whose train part repeats itself exactly "
            f"({counts['zero_scale']:,}) or is too short ({counts['undefined_scale']:,})"
        )
    return lines


def _text(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}g}" if abs(value) < 1e4 else f"{value:,.0f}"
