"""Every test of the store runs on SQLite and, where a server can be started, on PostgreSQL."""

import getpass
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from loopcast.store.database import connect, migrate


def program(name):
    found = shutil.which(name) or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    if found is None:
        pytest.skip(f"PostgreSQL is not installed: there is no {name}")
    return found


def unprivileged(*command):
    """PostgreSQL refuses to run as root."""
    as_root = getpass.getuser() == "root"
    prefix = ["runuser", "-u", "postgres", "--"] if as_root else []
    return subprocess.run([*prefix, *command], check=True, capture_output=True, text=True, cwd="/")


@pytest.fixture(scope="session")
def postgres_server():
    """The address of a private server, without a database's name."""
    initdb, control = program("initdb"), program("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="lc"))
    if getpass.getuser() == "root":
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "d"
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    try:
        unprivileged(initdb, "-D", str(data), "-A", "trust", "-U", "loopcast", "--no-sync")
        unprivileged(
            control, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start"
        )
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"no private PostgreSQL could be started: {error}")
    yield f"postgresql+psycopg://loopcast@/{{name}}?host={folder}"
    unprivileged(control, "-D", str(data), "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server):
    """A fresh database on the private server."""
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(postgres_server.format(name="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return postgres_server.format(name=name)


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
