"""A PostgreSQL server of the tests' own, on a free port of the loopback interface."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

OWNER = "postgres"
INSTALLED = Path("/usr/lib/postgresql")


def program(name: str) -> str | None:
    """Where initdb or pg_ctl is, on the PATH or where Debian hides it; None if not installed."""
    hidden = sorted(str(path) for path in INSTALLED.glob(f"*/bin/{name}"))
    return shutil.which(name) or (hidden[-1] if hidden else None)


@contextmanager
def server(initdb: str, control: str) -> Iterator[str]:
    """The address of a running server, with {name} where a database's name belongs."""
    folder = Path(tempfile.mkdtemp(prefix="lc"))  # short: a socket's path has 107 letters at most
    data, port = folder / "d", _free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER, OWNER)
    try:
        _run(initdb, "-D", str(data), "-A", "trust", "-U", "loopcast", "--no-sync")
        options = f"-k {folder} -h 127.0.0.1 -p {port} -c fsync=off -c full_page_writes=off"
        _run(control, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql+psycopg://loopcast@127.0.0.1:{port}/{{name}}"
        finally:
            _run(control, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create(address: str, name: str) -> str:
    """The url of a new, empty database."""
    admin = sa.create_engine(address.format(name="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return address.format(name=name)


def _run(*command: str) -> None:
    """PostgreSQL refuses to run as root, and cannot enter root's folders."""
    prefix = ["runuser", "-u", OWNER, "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*prefix, *command],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
