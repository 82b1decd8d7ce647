"""Which cells of a column are alike: slow code then meets each value once."""

from collections import defaultdict
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Codes = NDArray[np.int64]


def distinct(column: Array) -> tuple[Codes, Codes]:
    """The number of each cell's value [row], in order of appearance, and a first row of each number.

    Values that Python holds equal share a number, but True is not 1. Cells without an equal, such
    as NaN, may have a number each. Hashing cells is many times faster than sorting them.
    """
    if column.dtype.kind in "mM":
        column = column.view(np.int64)
    cells = column.tolist()
    try:
        if _alike(cells):
            return np.zeros(len(cells), np.int64), np.zeros(1, np.int64)
        codes, known = _numbered(cells)
        if column.dtype.kind == "O" and (0 in known or 1 in known):
            codes, known = _numbered([_told(cell) for cell in cells])
    except (TypeError, ValueError):  # cells that cannot be hashed or compared
        codes, known = _numbered([repr(cell) for cell in cells])
    first = np.empty(len(known), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return codes, first


def _alike(cells: list[Any]) -> bool:
    """Are all of them one text, as the keys of a single series are?"""
    if not cells or type(cells[0]) is not str or type(cells[-1]) is not str:
        return False
    return bool(cells[0] == cells[-1]) and cells.count(cells[0]) == len(cells)


def _numbered(cells: list[Any]) -> tuple[Codes, defaultdict[Any, int]]:
    known: defaultdict[Any, int] = defaultdict(count().__next__)
    return np.fromiter(map(known.__getitem__, cells), np.int64, len(cells)), known


def _told(cell: Any) -> Any:
    """True and False told from 1 and 0, which they equal."""
    return (bool, bool(cell)) if isinstance(cell, bool | np.bool_) else cell
