"""The answer: quantiles by series and time, in the target's units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import MissingExtra
from loopcast.core.panel import Texts
from loopcast.core.scores import median


@dataclass(frozen=True)
class Forecast:
    """`quantiles` is [series, horizon, quantile] and never crosses; `levels` names its last axis.

    `warnings[i]` lists what a reader of series i's forecast should know.
    """

    keys: Mapping[str, Texts]  # [series] each
    time: str  # the time column's name
    origin: NDArray[Any]  # [series], the time of the last history step
    times: NDArray[Any]  # [series, horizon]
    quantiles: NDArray[np.float32]  # [series, horizon, quantile]
    levels: tuple[float, ...]
    warnings: Sequence[Sequence[str]] = field(default_factory=list)
    static: Mapping[str, Texts] = field(default_factory=dict)  # [series] each: static categories
    mean: NDArray[np.float32] | None = None  # [series, horizon]

    def __len__(self) -> int:
        return len(self.quantiles)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Flat columns: series keys, time, "forecast" (the median), "mean" if any, each quantile."""
        count, horizon = self.quantiles.shape[:2]
        owner = np.repeat(np.arange(count), horizon)
        flat: dict[str, NDArray[Any]] = {n: texts[owner] for n, texts in self.keys.items()}
        flat[self.time] = self.times.ravel()
        flat["forecast"] = median(self.quantiles, self.levels).ravel()
        if self.mean is not None:
            flat["mean"] = self.mean.ravel()
        for i, level in enumerate(self.levels):
            flat[f"q{level:g}"] = self.quantiles[..., i].ravel()
        return flat

    def to_records(self) -> list[dict[str, Any]]:
        """One record a series and step; times as ISO text, or int."""
        flat = {name: plain(column) for name, column in self.columns().items()}
        return [dict(zip(flat, row, strict=True)) for row in zip(*flat.values(), strict=True)]

    def to_pandas(self) -> Any:
        """A pandas data frame; needs the data extra."""
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise MissingExtra("to_pandas needs pandas: pip install 'loopcast[data]'") from error
        return pandas.DataFrame(self.columns())


def plain(column: NDArray[Any]) -> list[Any]:
    """Python values; times as ISO text, as dates where all are midnights."""
    if column.dtype.kind == "M":
        midnight = (column == column.astype("M8[D]")).all()
        return np.datetime_as_string(column.astype("M8[D]") if midnight else column).tolist()
    return column.tolist()
