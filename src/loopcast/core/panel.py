"""Many series on their grid, as flat arrays with offsets; nothing is padded."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Categories:
    """A categorical column: `texts[codes]` gives each cell's text; missing is ""."""

    codes: NDArray[np.int32]
    texts: Texts

    @property
    def cells(self) -> Texts:
        """One text a cell."""
        return self.texts[self.codes]


@dataclass(frozen=True)
class Panel:
    """Series i holds rows offsets[i]:offsets[i+1]; its first row is grid step start[i].

    `origin[i]` is the last step whose target can be known; rows after it hold known-ahead columns
    only. `target` is NaN where nothing was observed, numeric columns where they are missing.
    `categories` maps "static.COL" to [series] and "past.COL", "future.COL" to [row] columns.
    """

    keys: Mapping[str, Texts]  # [series] each; empty for a single series without key columns
    start: NDArray[np.int64]  # [series]
    origin: NDArray[np.int64]  # [series]
    offsets: NDArray[np.int64]  # [series + 1]
    target: NDArray[np.float32]  # [row]
    past: NDArray[np.float32]  # [row, column]
    future: NDArray[np.float32]  # [row, column]
    static: NDArray[np.float32]  # [series, column]
    categories: Mapping[str, Categories] = field(default_factory=dict)
    weight: NDArray[np.float32] | None = None  # [row]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each series, [series]."""
        return np.diff(self.offsets)

    @property
    def indices(self) -> NDArray[np.int64]:
        """The grid index of each row, [row]."""
        within = np.arange(len(self.target)) - np.repeat(self.offsets[:-1], self.lengths)
        return within + np.repeat(self.start, self.lengths)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The series of each row, [row]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def name(self, series: int) -> str:
        """The key of one series, for messages."""
        return ", ".join(str(column[series]) for column in self.keys.values()) or "the series"

    def until(self, last: "NDArray[np.int64] | int") -> "Panel":
        """Drop the rows after grid step `last` (of each series, or of all)."""
        ends = np.minimum(self.start + self.lengths - 1, last)
        lengths = np.maximum(ends - self.start + 1, 0)
        keep = self.indices <= np.broadcast_to(last, len(self))[self.owners]
        categories = {
            name: column
            if name.startswith("static.")
            else replace(column, codes=column.codes[keep])
            for name, column in self.categories.items()
        }
        return replace(
            self,
            origin=np.minimum(self.origin, last),
            offsets=np.r_[0, np.cumsum(lengths)],
            target=self.target[keep],
            past=self.past[keep],
            future=self.future[keep],
            categories=categories,
            weight=None if self.weight is None else self.weight[keep],
        )
