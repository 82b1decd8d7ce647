"""Opens SQLite or PostgreSQL, and brings its tables up to this version."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from loopcast.core.environment import expand
from loopcast.core.errors import ConfigError, LoopcastError
from loopcast.store.schema import HEAD

Durability = Literal["process", "power"]
LOCK = 7_261_964  # of the migration, among a PostgreSQL server's advisory locks


class StoreError(LoopcastError):
    """The database cannot be reached, or refuses; its words are for the operator, not a client."""


@dataclass(frozen=True)
class Database:
    """An engine; on SQLite `writing` takes the write lock at its start.

    So no write fails half-way because another process wrote after its first read.
    """

    engine: sa.Engine

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state; raises StoreError."""
        with said(self), self.engine.connect() as connection:
            yield connection.execution_options(reading=True)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end, or undone; raises StoreError."""
        with said(self), self.engine.begin() as connection:
            yield connection

    @property
    def name(self) -> str:
        """The address without its password, and without its query, which may hold one."""
        return self.engine.url.set(query={}).render_as_string(hide_password=True)

    def close(self) -> None:
        """Give back the connections; a later use opens new ones."""
        self.engine.dispose()

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that may say what a conflict does; both dialects spell it alike."""
        if self.engine.dialect.name == "sqlite":
            from sqlalchemy.dialects.sqlite import insert as sqlite  # noqa: PLC0415

            return sqlite(table)
        from sqlalchemy.dialects.postgresql import insert as postgresql  # noqa: PLC0415

        return postgresql(table)


@contextmanager
def said(database: Database) -> Iterator[None]:
    """SQLAlchemy's errors as one StoreError that names the database."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        text = str(getattr(error, "orig", error)).splitlines()[0]
        raise StoreError(f"{database.name}: {text}") from error


def connect(url: str, durability: Durability = "process") -> Database:
    """Opens nothing yet.

    `durability`: what an answered forecast survives on SQLite, the death of the process, or a
    power failure as well (a disk flush for every group of requests). PostgreSQL has its own
    synchronous_commit.
    """
    try:
        address = sa.make_url(expand(url))
        if address.get_backend_name() == "sqlite":
            return Database(_sqlite(address, durability))
        if address.get_backend_name() == "postgresql":
            return Database(_postgresql(address))
    except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
        raise ConfigError(f"the store cannot be opened ({str(error).splitlines()[0]})") from error
    raise ConfigError(
        f"the store is {address.get_backend_name()!r}; it must be sqlite or postgresql"
    )


def _sqlite(address: sa.URL, durability: Durability) -> sa.Engine:
    if address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(address, connect_args={"timeout": 10, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _settings(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=4000")  # pages: fewer flushes between answers
        connection.execute(f"PRAGMA synchronous={'FULL' if durability == 'power' else 'NORMAL'}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgresql(address: sa.URL) -> sa.Engine:
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    return sa.create_engine(
        address, connect_args=_patient(address), pool_pre_ping=True, pool_recycle=1800
    )


def soon(address: sa.URL) -> dict[str, Any]:
    """How long PostgreSQL is waited for at first, unless the url says so; {} for other drivers."""
    known = address.get_backend_name() == "postgresql" and "psycopg" in address.get_driver_name()
    return {"connect_timeout": 5} if known and "connect_timeout" not in address.query else {}


def _patient(address: sa.URL) -> dict[str, Any]:
    """What the url says of options stays; no statement runs for longer than half a minute."""
    given = " ".join(_texts(address.query.get("options", "")))
    options = f"-c statement_timeout=30000 {given}".rstrip()  # the last one counts
    return {"options": options, **soon(address)}


def _texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def migrate(database: Database) -> None:
    """Create or upgrade the tables; does nothing, fast, where they are up to date."""
    if revision(database) == HEAD:
        return
    from alembic import command  # noqa: PLC0415 - half a second that a normal start need not pay
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision(database: Database) -> str | None:
    """The schema's revision; None where there is none yet. Raises ConfigError for a newer one."""
    with database.reading() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found > HEAD:
        raise ConfigError(
            f"{database.name} has tables of revision {found}, this version knows {HEAD};"
            " install the loopcast version that made them"
        )
    return found
