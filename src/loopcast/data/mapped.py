"""A panel whose long columns lie in files that are mapped into memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Categories, Panel

Array = NDArray[Any]
FLAT = ("target", "past", "future", "weight")


class Joined:
    """Parts of a panel, one after the other, their columns in files."""

    def __init__(self, folder: Path, texts: Mapping[str, Mapping[str, int]]) -> None:
        self.folder, self.texts = folder, texts
        self.small: list[Panel] = []
        self.shapes: dict[str, tuple[Any, tuple[int, ...]]] = {}
        self.rows = 0

    def add(self, part: Panel) -> None:
        """The next series."""
        cells = {name: getattr(part, name) for name in FLAT if getattr(part, name) is not None}
        static = {}
        for name, column in part.categories.items():
            known = self.texts[name.split(".", 1)[1]]
            # the last text of a grid's column stands for what no row gave
            to = np.array([*(known[t] for t in column.texts[:-1].tolist()), len(known)], np.int32)
            if name.startswith("static."):
                static[name] = Categories(to[column.codes], column.texts)
            else:
                cells[name] = to[column.codes]
        for name, values in cells.items():
            self.shapes[name] = (values.dtype, values.shape[1:])
            with self._path(name).open("ab") as file:
                file.write(np.ascontiguousarray(values).data)
        self.rows += len(part.target)
        empty = {name: values[:0] for name, values in cells.items() if name in FLAT}
        self.small.append(Panel(part.keys, part.start, part.origin, part.offsets, **{
            **dict.fromkeys(("target", "past", "future"), np.zeros((0,), np.float32)),
            **empty, "static": part.static, "categories": static,
        }))  # fmt: skip

    def panel(self) -> Panel:
        """The whole: its large columns are mapped."""
        lengths = np.concatenate([part.lengths for part in self.small])
        mapped = {name: self._mapped(name) for name in self.shapes}
        categories = {}
        for name in dict.fromkeys([*self.small[0].categories, *self.shapes]):
            if "." not in name:
                continue
            texts = np.array([*self.texts[name.split(".", 1)[1]], ""], dtype=object)
            codes = mapped.get(name)
            if codes is None:
                codes = np.concatenate([part.categories[name].codes for part in self.small])
            categories[name] = Categories(codes, texts)
        return Panel(
            {n: np.concatenate([part.keys[n] for part in self.small]) for n in self.small[0].keys},
            np.concatenate([part.start for part in self.small]),
            np.concatenate([part.origin for part in self.small]),
            np.concatenate(([0], np.cumsum(lengths))),
            mapped["target"],
            mapped["past"],
            mapped["future"],
            np.concatenate([part.static for part in self.small]),
            categories,
            mapped.get("weight"),
        )

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.encode().hex()}.column"

    def _mapped(self, name: str) -> Array:
        """The file may go once it is mapped: the system keeps it for the process."""
        dtype, rest = self.shapes[name]
        shape = (self.rows, *rest)
        if not np.prod(shape):
            return np.zeros(shape, dtype)
        return np.memmap(self._path(name), dtype, "r+", shape=shape)
