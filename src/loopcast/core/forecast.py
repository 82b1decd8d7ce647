"""The answer: quantiles by series and time, in the target's units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Texts


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

    def __len__(self) -> int:
        return len(self.quantiles)
