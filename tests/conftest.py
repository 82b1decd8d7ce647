"""Fixtures for the whole suite."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import private_postgres
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of an artifact made once, its rows and its forecasts."""
    return ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets that may not be shipped; skips where it is absent."""
    folder = Path(os.environ.get("LOOPCAST_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"the shared data sets are not at {folder}; set LOOPCAST_DATA")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a private PostgreSQL server, with {name} for a database's name."""
    initdb, control = private_postgres.program("initdb"), private_postgres.program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("PostgreSQL is not installed: initdb and pg_ctl are not there")
    with private_postgres.server(initdb, control) as address:
        yield address


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """A fresh database on the private server."""
    return private_postgres.create(postgres_server, f"t{uuid.uuid4().hex[:12]}")
