"""History by series key: rows of the operator's own query, without pandas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from loopcast.core.environment import expand
from loopcast.core.errors import ConfigError
from loopcast.store.database import Database, StoreError, said, soon

Columns = dict[str, list[Any]]
NO_SUCH_VALUE = ("22P02", "22003", "22007", "22008")
"""PostgreSQL's words for a text that is no value of the column's type."""
PATIENCE = sa.text(
    "SELECT set_config('statement_timeout', '30000', true)"
    " WHERE current_setting('statement_timeout') = '0'"
)
"""Milliseconds, for this question alone, where nobody has set any: poolers share no settings."""


@dataclass(frozen=True)
class SqlHistory:
    """`query` names what it needs: `:keys`, a list of keys, or each key column by its name.

    `where (State, Industry) in :keys` asks once for all series; `where State = :State` is asked
    once for each. A key column whose name is no identifier is bound as `key_1`, `key_2`, ... Only
    values are bound, text is never put into the query. More than `max_rows` rows are an error.
    """

    database: Database
    query: str
    key: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    max_rows: int = 2_000_000

    @classmethod
    def open(
        cls,
        url: str,
        query: str,
        key: tuple[str, ...],
        parameters: Mapping[str, Any],
        max_rows: int = 2_000_000,
    ) -> "SqlHistory":
        """Any database that SQLAlchemy speaks to; connects at the first question."""
        try:
            address = sa.make_url(expand(url))
            engine = sa.create_engine(
                address, pool_pre_ping=True, pool_recycle=1800, connect_args=soon(address)
            )
        except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise ConfigError(
                f"history: cannot be opened ({str(error).splitlines()[0]})"
            ) from error
        bound = {k: expand(v) if isinstance(v, str) else v for k, v in parameters.items()}
        return cls(Database(engine), query, key, bound, max_rows)

    def read(self, keys: Sequence[Mapping[str, str]]) -> Columns:
        """Columns of all rows of these series; {} where there are none. Raises StoreError."""
        if not keys:
            return {}
        statement = sa.text(self.query)
        named = set(statement._bindparams)  # there is no public list of names
        with said(self.database), self.database.engine.connect() as connection:
            return self._without_impossible(connection, statement, keys, named)

    def _without_impossible(
        self,
        connection: sa.Connection,
        statement: sa.TextClause,
        keys: Sequence[Mapping[str, str]],
        named: set[str],
    ) -> Columns:
        """A key that the column cannot hold is the key of no row; the others are found by halving."""
        if connection.dialect.name == "postgresql":
            connection.execute(PATIENCE)
        try:
            if "keys" in named:
                return self._all(connection, statement, keys)
            return self._each(connection, statement, keys, named)
        except sa.exc.DataError as error:
            if getattr(error.orig, "sqlstate", None) not in NO_SUCH_VALUE:
                raise
            connection.rollback()
            if len(keys) == 1:
                return {}
        found: Columns = {}
        middle = len(keys) // 2
        for part in (keys[:middle], keys[middle:]):
            more = self._without_impossible(connection, statement, part, named)
            for name, column in more.items():
                found.setdefault(name, []).extend(column)
        return found

    def _all(
        self, connection: sa.Connection, statement: sa.TextClause, keys: Sequence[Mapping[str, str]]
    ) -> Columns:
        statement = statement.bindparams(sa.bindparam("keys", expanding=True))
        found: Columns = {}
        for i in range(0, len(keys), 400):
            part = [self._values(key) for key in keys[i : i + 400]]
            wanted = part if len(self.key) > 1 else [one[0] for one in part]
            result = connection.execute(statement, {**self.parameters, "keys": wanted})
            self._append(found, result)
        return found

    def _each(
        self,
        connection: sa.Connection,
        statement: sa.TextClause,
        keys: Sequence[Mapping[str, str]],
        named: set[str],
    ) -> Columns:
        found: Columns = {}
        for key in keys:
            values = dict(zip(self.key, self._values(key), strict=True))
            values |= {f"key_{i}": v for i, v in enumerate(self._values(key), 1)}
            bound = {k: v for k, v in values.items() if k in named}
            self._append(found, connection.execute(statement, {**self.parameters, **bound}))
        return found

    def _values(self, key: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(key[name] for name in self.key)

    def _append(self, found: Columns, result: sa.CursorResult[Any]) -> None:
        names = list(result.keys())
        limit = self.max_rows - len(next(iter(found.values()), []))
        rows = result.fetchmany(limit + 1)
        if len(rows) > limit:
            raise StoreError(f"the history query gives more than {self.max_rows:,} rows")
        columns = zip(*rows, strict=True) if rows else ([] for _ in names)
        for name, column in zip(names, columns, strict=True):
            found.setdefault(name, []).extend(_plain(column))


def _plain(column: Sequence[Any]) -> Sequence[Any]:
    """Decimals as floats."""
    if any(isinstance(value, Decimal) for value in column):
        return [float(value) if isinstance(value, Decimal) else value for value in column]
    return column
