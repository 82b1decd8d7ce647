"""Many series on their grid, as flat arrays with offsets; nothing is padded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Texts = NDArray[np.object_]

BLOCK = 4_000_000
"""Rows that are worked on together where a step needs room for each."""


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
    def typical_length(self) -> int:
        """Steps of the median series that has any; 0 where none has."""
        filled = self.lengths[self.lengths > 0]
        return int(np.median(filled)) if len(filled) else 0

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

    def blocks(self) -> Iterator[tuple[slice, "Panel"]]:
        """Neighbouring series of a few million rows together, as views, and which they are.

        What is computed series by series then takes little memory beside the panel.
        """
        first = 0
        while first < len(self):
            reach = self.offsets[first] + BLOCK
            last = max(int(np.searchsorted(self.offsets, reach, "right")) - 1, first + 1)
            yield slice(first, last), self.part(slice(first, last))
            first = last

    def part(self, series: slice) -> "Panel":
        """These series, as views."""
        offsets = self.offsets[series.start : series.stop + 1]
        rows = slice(offsets[0], offsets[-1])
        categories = {
            name: replace(column, codes=column.codes[series if name[:7] == "static." else rows])
            for name, column in self.categories.items()
        }
        return Panel(
            {name: texts[series] for name, texts in self.keys.items()},
            self.start[series],
            self.origin[series],
            offsets - offsets[0],
            self.target[rows],
            self.past[rows],
            self.future[rows],
            self.static[series],
            categories,
            None if self.weight is None else self.weight[rows],
        )

    def until(self, last: "NDArray[np.int64] | int") -> "Panel":
        """Drop the rows after grid step `last` (of each series, or of all)."""
        if len(self.target) <= BLOCK:
            return self._until(last)
        ends = np.broadcast_to(last, len(self))
        return joined([part._until(ends[series]) for series, part in self.blocks()])

    def _until(self, last: "NDArray[np.int64] | int") -> "Panel":
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


def joined(parts: Sequence[Panel]) -> Panel:
    """Blocks of one panel, put together again."""
    first = parts[0]
    lengths = np.concatenate([part.lengths for part in parts])
    categories = {
        name: replace(column, codes=np.concatenate([p.categories[name].codes for p in parts]))
        for name, column in first.categories.items()
    }
    weights = [part.weight for part in parts if part.weight is not None]
    return Panel(
        {name: np.concatenate([part.keys[name] for part in parts]) for name in first.keys},
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.origin for part in parts]),
        np.concatenate(([0], np.cumsum(lengths))),
        np.concatenate([part.target for part in parts]),
        np.concatenate([part.past for part in parts]),
        np.concatenate([part.future for part in parts]),
        np.concatenate([part.static for part in parts]),
        categories,
        np.concatenate(weights) if weights else None,
    )
