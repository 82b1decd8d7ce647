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


class Private:
    """A server that can be stopped, as when its machine fails, and started again."""

    def __init__(self, control: str, folder: Path, port: int) -> None:
        self._command, self._folder, self._port = (control, "-D", str(folder / "d")), folder, port
        self.address = f"postgresql+psycopg://loopcast@127.0.0.1:{port}/{{name}}"

    def start(self) -> None:
        options = f"-k {self._folder} -h 127.0.0.1 -p {self._port} -c fsync=off"
        options += " -c full_page_writes=off"
        _run(*self._command, "-o", options, "-l", str(self._folder / "log"), "-w", "start")

    def stop(self) -> None:
        _run(*self._command, "-m", "immediate", "-w", "stop")


@contextmanager
def server(initdb: str, control: str) -> Iterator[str]:
    """The address of a running server, with {name} where a database's name belongs."""
    with private(initdb, control) as found:
        yield found.address


@contextmanager
def private(initdb: str, control: str) -> Iterator[Private]:
    """A running server; it is running again at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="lc"))  # short: a socket's path has 107 letters at most
    data, port = folder / "d", _free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER, OWNER)
    try:
        _run(initdb, "-D", str(data), "-A", "trust", "-U", "loopcast", "--no-sync")
        found = Private(control, folder, port)
        found.start()
        try:
            yield found
        finally:
            found.stop()
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
