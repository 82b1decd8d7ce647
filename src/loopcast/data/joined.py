"""Several tables as one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from loopcast.core.errors import ConfigError
from loopcast.data.source import Source, require


@dataclass(frozen=True)
class Joined(Source):
    """Each further source is joined to the first (left join) on its columns `by[i]`."""

    sources: list[Source]
    by: list[list[str]]

    def columns(self) -> list[str]:
        """See Source."""
        return list(dict.fromkeys(name for source in self.sources for name in source.columns()))

    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """See Source; a column that several have is taken from the first."""
        if len(self.by) != len(self.sources) - 1:
            raise ConfigError(
                f"{len(self.sources)} sources need {len(self.sources) - 1} lists in `by`"
            )
        require(columns, self.columns(), self.describe())
        links = list(dict.fromkeys(name for names in self.by for name in names))
        words = list(dict.fromkeys([*text, *links]))
        wanted = list(dict.fromkeys([*columns, *links]))
        frame = self._part(self.sources[0], wanted, words)
        for source, names in zip(self.sources[1:], self.by, strict=True):
            new = [n for n in wanted if n not in frame.columns]
            part = self._part(source, [*names, *new], words)
            frame = frame.merge(part, how="left", on=names, validate="many_to_one")
        return frame[list(columns)]

    def describe(self) -> str:
        """See Source."""
        return " + ".join(source.describe() for source in self.sources)

    @staticmethod
    def _part(source: Source, wanted: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
        there = source.columns()
        return source.read([n for n in wanted if n in there], [n for n in text if n in there])
