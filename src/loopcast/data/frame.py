"""A data frame that is already in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from loopcast.data.source import Source, require


@dataclass(frozen=True)
class Frame(Source):
    """For calls from Python."""

    frame: pd.DataFrame

    def columns(self) -> list[str]:
        """See Source."""
        return [str(name) for name in self.frame.columns]

    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """See Source; values stay what they are."""
        require(columns, self.columns(), self.describe())
        return self.frame[list(columns)]

    def describe(self) -> str:
        """See Source."""
        return f"a data frame of {len(self.frame):,} rows"
