"""Series of similar length as dense arrays: loops over blocks, never over series."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Panel

CELLS = 2_000_000
WASTE = 0.7
"""The shortest series of a block has at least this share of the longest one's steps."""


@dataclass(frozen=True)
class Block:
    """`target` [block, step] ends at each series' origin; NaN where nothing was observed."""

    series: NDArray[np.int64]
    target: NDArray[np.float32]
    lengths: NDArray[np.int64]

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Steps from each series' start on, [block, step]."""
        steps = self.target.shape[1]
        return np.arange(steps) >= steps - self.lengths[:, None]


def blocks(panel: Panel, cells: int = CELLS) -> Iterator[Block]:
    """Every series with a step up to its origin, each in one block."""
    lengths = np.maximum(panel.origin - panel.start + 1, 0)
    lengths = np.where(panel.lengths > 0, lengths, 0)
    order = np.argsort(-lengths, kind="stable")
    begin, used = 0, int((lengths > 0).sum())
    while begin < used:
        longest = int(lengths[order[begin]])
        end = int(np.searchsorted(-lengths[order[:used]], -WASTE * longest, side="right"))
        end = max(begin + 1, min(end, begin + cells // longest))
        yield _block(panel, order[begin:end], lengths[order[begin:end]], longest)
        begin = end


def tail(panel: Panel, steps: int) -> NDArray[np.float32]:
    """The last `steps` steps up to each origin, [series, step]; NaN where there are none."""
    return _block(panel, np.arange(len(panel)), panel.origin - panel.start + 1, steps).target


def _block(
    panel: Panel, series: NDArray[np.int64], lengths: NDArray[np.int64], steps: int
) -> Block:
    within = np.arange(steps) - (steps - lengths)[:, None]  # rows since the start
    there = (within >= 0) & (within < panel.lengths[series][:, None])
    rows = np.where(there, panel.offsets[series][:, None] + within, 0)
    return Block(series, np.where(there, panel.target[rows], np.nan), lengths)
