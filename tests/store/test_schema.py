import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from loopcast.core.errors import ConfigError
from loopcast.store.database import StoreError, _patient, connect, migrate, revision, soon
from loopcast.store.schema import HEAD, metadata


def test_the_migrations_make_the_tables_of_the_schema(database):
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert revision(database) == HEAD


def test_migrating_twice_changes_nothing(database):
    migrate(database)
    migrate(database)
    assert revision(database) == HEAD


def test_two_processes_may_migrate_at_once(url):
    code = (
        "import sys; from loopcast.store.database import connect, migrate;"
        "migrate(connect(sys.argv[1]))"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [(run.communicate()[1], run.returncode) for run in runs] == [("", 0)] * 3


def test_tables_of_a_newer_version_are_refused(database):
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="9999"):
        migrate(database)


def test_a_database_that_is_away_says_so_without_its_password():
    away = connect("postgresql://me:secret@127.0.0.1:1/x")
    with pytest.raises(StoreError) as error:
        migrate(away)
    assert "secret" not in str(error.value) and "127.0.0.1" in str(error.value)


def test_other_databases_are_refused_with_advice():
    with pytest.raises(ConfigError, match="sqlite or postgresql"):
        connect("mysql://x/y")


def test_what_a_url_says_of_postgresql_is_kept():
    plain = _patient(sa.make_url("postgresql://db/x"))
    assert plain == {"options": "-c statement_timeout=30000", "connect_timeout": 5}
    url = "postgresql://db/x?options=-csearch_path%3Dloopcast&connect_timeout=60"
    said = _patient(sa.make_url(url))
    assert said == {"options": "-c statement_timeout=30000 -csearch_path=loopcast"}
    assert (
        soon(sa.make_url("sqlite:///x.db")) == soon(sa.make_url("postgresql+pg8000://db/x")) == {}
    )


def test_no_message_shows_a_password():
    secret = "postgresql+psycopg://ann:pass1@db/x?password=pass2"
    assert "pass" not in connect(secret).name
    with pytest.raises(ConfigError, match="the store cannot be opened"):
        connect("postgresql://db:port/x")
