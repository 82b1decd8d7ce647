"""Several tables, one below the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from loopcast.core.errors import DataError
from loopcast.core.text import codes
from loopcast.data.source import Source, require


@dataclass(frozen=True)
class Appended(Source):
    """The rows of each source after those of the one before; all have the same columns.

    `position` is a whole-number column that begins anew in each source: it goes on where the series,
    named by the columns `by`, ended before.
    """

    sources: list[Source]
    position: str | None = None
    by: list[str] = field(default_factory=list)

    def columns(self) -> list[str]:
        """See Source."""
        return self.sources[0].columns()

    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """See Source."""
        going_on = self.position is not None and self.position in columns
        extra = self.by if going_on else []
        used = list(dict.fromkeys([*columns, *extra]))
        parts = []
        for source in self.sources:
            require(used, source.columns(), source.describe())
            parts.append(source.read(used, text))
        frame = pd.concat(parts, ignore_index=True)
        if going_on:
            lengths = [len(part) for part in parts]
            frame[self.position] = self._going_on(frame, np.repeat(np.arange(len(parts)), lengths))
        return frame[list(columns)]

    def describe(self) -> str:
        """See Source."""
        return ", then ".join(source.describe() for source in self.sources)

    def _going_on(self, frame: pd.DataFrame, part: np.ndarray) -> np.ndarray:
        """The positions [row], each source's after the last of its series in those before."""
        position = pd.to_numeric(frame[self.position], errors="coerce").to_numpy(float)
        if not (position == np.floor(position)).all():
            odd = frame[self.position].to_numpy()[position != np.floor(position)][0]
            raise DataError(
                f"{self.describe()}: {self.position!r} holds {odd!r}; to be continued it must be"
                " whole numbers (position of the source)"
            )
        position, series = position.astype(np.int64), self._series(frame)
        count = series.max(initial=-1) + 1
        last, known = np.zeros(count, np.int64), np.zeros(count, bool)
        for number in range(len(self.sources)):
            here = part == number
            owner = series[here]
            begin = position[here].min(initial=np.iinfo(np.int64).max)  # of the source
            position[here] += np.where(known, last + 1 - begin, 0)[owner]
            np.maximum.at(last, owner, position[here])
            known[owner] = True
        return position

    def _series(self, frame: pd.DataFrame) -> np.ndarray:
        """[row]; the same key is the same number in every source."""
        if not self.by:
            return np.zeros(len(frame), np.int64)
        numbers = pd.DataFrame({name: codes(frame[name].to_numpy())[0] for name in self.by})
        return numbers.groupby(self.by, sort=False).ngroup().to_numpy()
