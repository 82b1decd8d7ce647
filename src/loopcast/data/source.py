"""The contract of every data source."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import pandas as pd

from loopcast.core.errors import DataError, MissingColumn


class Source(ABC):
    """Reads a table; never regrids it."""

    @abstractmethod
    def columns(self) -> list[str]:
        """The names there are."""

    @abstractmethod
    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """Only these columns; those in `text` as text exactly as written, blank = missing.

        Raises MissingColumn.
        """

    def chunks(self, columns: Sequence[str], text: Sequence[str] = ()) -> Iterator[pd.DataFrame]:
        """The rows of `read` some at a time, where a source can; else all at once."""
        yield self.read(columns, text)

    def weighs(self, columns: Sequence[str]) -> int | None:
        """About how many bytes `read` takes in memory; None where that is not known."""
        return None

    @abstractmethod
    def describe(self) -> str:
        """For messages and the card; no secrets."""


def require(wanted: Sequence[str], present: Sequence[str], where: str) -> None:
    """Raise MissingColumn naming what is absent and what is there."""
    if missing := [name for name in wanted if name not in present]:
        raise MissingColumn(f"{where} has no column {missing[0]!r}; it has: {', '.join(present)}")


def unreadable(where: str, error: Exception) -> DataError:
    """The readable form of a reader's error."""
    return DataError(f"{where} cannot be read: {str(error).splitlines()[0]}")
