"""Rows of a query against any database SQLAlchemy speaks to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import sqlalchemy as sa

from loopcast.core.environment import expand
from loopcast.core.errors import DataError
from loopcast.data.source import Source, require


@dataclass(frozen=True)
class SqlQuery(Source):
    """`query` is the operator's own, with bind parameters (:name); rows stream in chunks.

    Environment variables expand in the url and in text parameters, never in the query.
    """

    url: str
    query: str
    parameters: dict[str, Any] = field(default_factory=dict)
    chunk: int = 100_000

    def columns(self) -> list[str]:
        """See Source; runs the query and takes no row."""
        with self._connect() as connection:
            return list(self._execute(connection).keys())

    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """See Source."""
        with self._connect() as connection:
            result = self._execute(connection)
            names = self._names(result, columns)
            chunks = list(self._chunks(result, names, list(columns), text))
        frame = (
            pd.concat(chunks, ignore_index=True) if chunks else pd.DataFrame(columns=list(columns))
        )
        for name in frame.columns.difference(list(text)):
            if frame[name].dtype == object and frame[name].map(_decimal).any():
                frame[name] = frame[name].astype(float)
        return frame

    def chunks(self, columns: Sequence[str], text: Sequence[str] = ()) -> Iterator[pd.DataFrame]:
        """See Source; the query runs each time they are asked for."""
        with self._connect() as connection:
            result = self._execute(connection)
            names = self._names(result, columns)
            yield from self._chunks(result, names, list(columns), text)

    def describe(self) -> str:
        """See Source; the password is hidden."""
        try:
            url = sa.make_url(expand(self.url)).set(query={})  # a query may hold a password too
        except (sa.exc.SQLAlchemyError, ValueError):
            return "query (data.source: its url cannot be read)"
        return f"query on {url.render_as_string(hide_password=True)}"

    def _connect(self) -> Any:
        try:
            engine = sa.create_engine(expand(self.url), poolclass=sa.NullPool)
            return engine.connect().execution_options(stream_results=True, yield_per=self.chunk)
        except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise DataError(f"{self.describe()}: cannot connect ({_first(error)})") from error

    def _names(self, result: Any, columns: Sequence[str]) -> list[str]:
        names = list(result.keys())
        require(columns, names, self.describe())
        if twice := [name for name in columns if names.count(name) > 1]:
            raise DataError(
                f"{self.describe()}: the query gives {twice[0]!r} twice, and they may differ; name"
                " its columns (select s.id, p.kind ...) in place of *"
            )
        return names

    def _chunks(
        self, result: Any, names: list[str], columns: list[str], text: Sequence[str]
    ) -> Iterator[pd.DataFrame]:
        try:
            for rows in result.partitions(self.chunk):
                yield _frame(rows, names, columns, text)
        except sa.exc.SQLAlchemyError as error:  # the database may compute while it streams
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> DataError:
        return DataError(f"{self.describe()}: the query failed ({_first(error)})")

    def _execute(self, connection: Any) -> Any:
        bound = {k: expand(v) if isinstance(v, str) else v for k, v in self.parameters.items()}
        try:
            result = connection.execute(sa.text(self.query), bound)
        except sa.exc.SQLAlchemyError as error:
            raise self._failed(error) from error
        if not result.returns_rows:
            raise DataError(f"{self.describe()}: the query gives no rows; it must be a SELECT")
        return result


def _frame(
    rows: Sequence[Any], names: list[str], columns: list[str], text: Sequence[str]
) -> pd.DataFrame:
    """Column by column: pandas takes four times as long over rows."""
    cells = dict(zip(names, zip(*rows, strict=True), strict=True))
    return pd.DataFrame({name: _series(cells[name], name in text) for name in columns})


def _series(cells: Sequence[Any], text: bool) -> pd.Series:
    """Whole numbers of a key beside a null stay what they are: floats would round them."""
    kinds = set(map(type, cells)) if text else set()
    return pd.Series(list(cells), dtype=object if kinds == {int, type(None)} else None)


def _first(error: Exception) -> str:
    return str(getattr(error, "orig", error)).splitlines()[0]


def _decimal(value: Any) -> bool:
    return type(value).__name__ == "Decimal"
