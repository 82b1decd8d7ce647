"""Several tables as one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from loopcast.core.errors import ConfigError, DataError, DuplicateRows
from loopcast.core.text import text as texts
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
            require(names, list(frame.columns), self.sources[0].describe())
            require(names, source.columns(), source.describe())
            new = [n for n in wanted if n not in frame.columns]
            part = self._part(source, [*names, *new], words)
            frame = _joined(frame, part, names, source)
        return frame[list(columns)]

    def describe(self) -> str:
        """See Source."""
        return " + ".join(source.describe() for source in self.sources)

    @staticmethod
    def _part(source: Source, wanted: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
        there = source.columns()
        return source.read([n for n in wanted if n in there], [n for n in text if n in there])


def _joined(frame: pd.DataFrame, part: pd.DataFrame, by: list[str], source: Source) -> pd.DataFrame:
    for name in by:
        frame[name], part[name] = _comparable(frame[name], part[name])
    again = part.duplicated(by)
    if again.any():
        example = dict(zip(by, part.loc[again, by].iloc[0].astype(str), strict=True))
        raise DuplicateRows(
            f"{source.describe()} has {again.sum():,} rows more than one for the same {by}, e.g."
            f" {example}; it must say one thing for each: aggregate it, or join by more columns"
        )
    return frame.merge(part, how="left", on=by)


def _moments(column: pd.Series) -> pd.Series:
    """ISO texts and times; raises ValueError for whatever else could be guessed at."""
    if pd.api.types.is_numeric_dtype(column):
        raise ValueError("it holds numbers")
    return pd.to_datetime(column, format="ISO8601")


def _comparable(one: pd.Series, other: pd.Series) -> tuple[pd.Series, pd.Series]:
    """A database's 1 is a file's "1", and its date the file's text of it."""
    times = [pd.api.types.is_datetime64_any_dtype(column) for column in (one, other)]
    if all(times) or (one.dtype == other.dtype and one.dtype != object):
        return one, other
    if any(times):
        try:
            return _moments(one), _moments(other)
        except ValueError as error:
            raise DataError(
                f"{one.name!r} is a time in one table and text that is none in the other"
                f" ({str(error).splitlines()[0]}); say how it is written (times of a CSV source)"
            ) from error
    return tuple(pd.Series(texts(column.to_numpy()), column.index) for column in (one, other))  # type: ignore[return-value]
