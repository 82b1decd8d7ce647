"""Where rows lie among the flat rows of a panel, and what several rows of one step come to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bools = NDArray[np.bool_]

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Places:
    """`place` [row] is a flat row below `total`, of any value where a row is outside.

    `which` [row] says which rows a method looks at; all of them must be inside.
    """

    place: NDArray[np.int64]
    time: Array
    total: int

    def counts(self, which: Bools) -> NDArray[np.int64]:
        """Rows in each flat row."""
        return np.bincount(self.place[which], minlength=self.total)

    def sums(self, values: NDArray[np.float64], which: Bools) -> NDArray[np.float64]:
        """NaN where no row has a value."""
        return self._summed(values, which)[0]

    def means(self, values: NDArray[np.float64], which: Bools) -> NDArray[np.float64]:
        """NaN where no row has a value."""
        sums, number = self._summed(values, which)
        return sums / np.maximum(number, 1)

    def _summed(
        self, values: NDArray[np.float64], which: Bools
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        seen = which & ~np.isnan(values)
        number = np.bincount(self.place[seen], minlength=self.total)
        sums = np.bincount(self.place[seen], values[seen], self.total).astype(
            np.float64, copy=False
        )
        sums[number == 0] = np.nan
        return sums, number

    def lasts(self, values: Array, which: Bools, blank: float) -> Array:
        """The latest value, of several at one time the one given last; `blank` where there is none.

        `which` must leave out NaN.
        """
        return last(values, self.place, self.time, which, np.full(self.total, blank, values.dtype))


def last(values: Array, place: Array, time: Array, which: Bools, into: Array) -> Array:
    """Writes the latest of the values of each place, which are no NaN, into `into` [place]."""
    rows = np.flatnonzero(which)
    into[place[rows]] = values[rows]
    if (into[place[rows]] != values[rows]).any():  # only then does order matter
        rows = rows[np.argsort(time[rows], kind="stable")]
        into[place[rows]] = values[rows]
    return into


def single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """What float32 cannot hold is missing, like infinities."""
    return np.where(np.abs(values) <= LARGEST, values, np.nan).astype(np.float32)
