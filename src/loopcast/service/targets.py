"""The targets of a request's series, as flat arrays: no loop over series."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.service.problem import invalid

FLOAT = 3e38
"""Values beyond this are no 32-bit floats."""
Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Targets:
    """Series i begins at step starts[i] and has sizes[i] values, one a step; NaN: not observed."""

    flat: NDArray[np.float64]  # [value]
    sizes: Steps  # [series]
    starts: Steps  # [series]

    @property
    def ends(self) -> Steps:
        """The step after the last, [series]."""
        return self.starts + self.sizes

    @cached_property
    def firsts(self) -> Steps:
        """Where each series begins in `flat`, [series]."""
        return np.concatenate(([0], np.cumsum(self.sizes)[:-1]))

    def last_known(self) -> Steps:
        """The last observed step, or the one before the start, [series]."""
        if len(self.flat) and (self.sizes > 0).all():
            ends = self.flat[self.firsts + self.sizes - 1]
            if not np.isnan(ends).any():
                return self.ends - 1
        owner = np.repeat(np.arange(len(self.sizes)), self.sizes)
        known = np.flatnonzero(~np.isnan(self.flat))
        last = self.firsts - 1
        np.maximum.at(last, owner[known], known)
        return last - self.firsts + self.starts

    def lay(self, low: Steps, lengths: Steps, blank: float) -> NDArray[np.float32]:
        """Flat steps low[i] to low[i] + lengths[i] - 1 of each series; `blank` where none was sent."""
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        result = np.full(int(offsets[-1]), blank, np.float32)
        skip = np.maximum(low - self.starts, 0)
        later = np.maximum(self.starts - low, 0)
        count = np.clip(np.minimum(self.sizes - skip, lengths - later), 0, None)
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        to = np.repeat(offsets[:-1] + later, count) + within
        result[to] = self.flat[np.repeat(self.firsts + skip, count) + within]
        return result


def numbers(values: Sequence[Any], pointer: str) -> NDArray[np.float64]:
    """[value]; None is NaN. Raises Problem for texts and for what no 32-bit float holds."""
    try:
        found = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(pointer, "numbers or null are wanted here") from error
    if not _fits(found):
        raise invalid(pointer, "a number is too large")
    return found


def joined(values: Sequence[Sequence[Any]], places: Sequence[int]) -> NDArray[np.float64]:
    """All series one after the other; raises Problem with the series' pointer."""
    try:
        flat = np.array(list(chain.from_iterable(values)), np.float64)
    except (TypeError, ValueError, OverflowError):
        flat = np.array([np.inf])
    if not _fits(flat):
        for place, one in zip(places, values, strict=True):
            numbers(one, f"/series/{place}/target")
    return flat


def _fits(values: NDArray[np.float64]) -> bool:
    return not len(values) or not np.nanmax(np.abs(values), initial=0) > FLOAT
