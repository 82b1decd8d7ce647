"""A table with a column for each time, as rows of series and time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.core.errors import ConfigError
from loopcast.data.source import Source, require


@dataclass(frozen=True)
class Wide(Source):
    """The columns beside `by` are times: their names become the column `time`, cells `value`.

    Cells that are missing give no row.
    """

    source: Source
    by: list[str]
    time: str
    value: str

    def columns(self) -> list[str]:
        """See Source."""
        return [*self.by, self.time, self.value]

    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """See Source."""
        require(columns, self.columns(), self.describe())
        there = self.source.columns()
        require(self.by, there, self.source.describe())
        times = [name for name in there if name not in self.by]
        if not times:
            raise ConfigError(
                f"{self.source.describe()} has no column beside {self.by}; for Wide each other"
                " column is a time"
            )
        frame = self.source.read(there, [name for name in text if name in self.by])
        cells = frame[times].to_numpy()  # [row, time]
        named = _dates(times)
        rows = frame[self.by].iloc[np.tile(np.arange(len(frame)), len(times))]
        rows = rows.assign(
            **{self.time: np.repeat(named, len(frame)), self.value: cells.ravel(order="F")}
        )
        rows = rows.dropna(subset=[self.value]).reset_index(drop=True)
        return rows[list(columns)]

    def describe(self) -> str:
        """See Source."""
        return self.source.describe()


def _dates(names: list[str]) -> np.ndarray:
    """ISO dates as such, so that they need not be read row by row; other names as text."""
    try:
        return pd.to_datetime(pd.Series(names), format="ISO8601").to_numpy()
    except ValueError:
        return np.array(names, dtype=object)
