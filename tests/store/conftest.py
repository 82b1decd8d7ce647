"""Every test of the store runs on SQLite and, where a server can be started, on PostgreSQL."""

import pytest

from loopcast.store.database import connect, migrate


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def database(url):
    found = connect(url)
    migrate(found)
    yield found
    found.close()
