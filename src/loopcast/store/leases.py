"""One at a time, whatever the machine: a named lease in the database, renewed while it is held.

Whoever dies with it loses it after `SECONDS`. The clock is the server's on PostgreSQL and the
machine's on SQLite; one that jumps back cannot lock everybody out, since no lease reaches further
ahead than `SECONDS`.
"""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from loopcast.core.errors import LoopcastError
from loopcast.store.clock import now
from loopcast.store.database import Database, StoreError
from loopcast.store.schema import leases

log = logging.getLogger("loopcast.store")
SECONDS = 60.0


class LeaseLost(LoopcastError):
    """Another holder took over, e.g. since this process slept; what was begun must not be finished."""


@dataclass(frozen=True)
class Lease:
    """A lease that was taken; `holder` tells people which process of which machine has it."""

    database: Database
    name: str
    seconds: float = SECONDS
    holder: str = field(
        default_factory=lambda: f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    )

    def take(self) -> bool:
        """Whether it is ours now: it was free, out of date, or ours before."""
        with self.database.writing() as connection:
            connection.execute(
                self.database.insert(leases).on_conflict_do_nothing(),
                {"name": self.name, "holder": "", "until": 0},
            )
            at, room = _clock(connection), int(self.seconds * 1e6)
            free = sa.or_(
                leases.c.holder == self.holder,
                leases.c.until < at,
                leases.c.until > at + 2 * room,  # the clock jumped back since
            )
            change = sa.update(leases).where(leases.c.name == self.name, free)
            return (
                connection.execute(change.values(holder=self.holder, until=at + room)).rowcount > 0
            )

    def require(self) -> None:
        """Raises LeaseLost unless it is still ours; renews it."""
        if not self.take():
            raise LeaseLost(f"the lease {self.name!r} was taken over by another process")

    def give_back(self) -> None:
        """Free for the next."""
        with self.database.writing() as connection:
            mine = sa.and_(leases.c.name == self.name, leases.c.holder == self.holder)
            connection.execute(sa.update(leases).where(mine).values(until=0))


@contextmanager
def held(database: Database, name: str, seconds: float = SECONDS) -> Iterator[Lease | None]:
    """The lease for the time of the block, renewed beside it; None where another holds it."""
    lease = Lease(database, name, seconds)
    if not lease.take():
        yield None
        return
    stop = threading.Event()
    thread = threading.Thread(target=_renew, args=(lease, stop), daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        stop.set()
        thread.join()
        try:
            lease.give_back()
        except StoreError as error:
            log.warning("the lease %s runs out by itself: %s", name, error)


def holder(database: Database, name: str) -> str | None:
    """Who holds it now."""
    with database.reading() as connection:
        query = sa.select(leases.c.holder).where(
            leases.c.name == name, leases.c.until >= _clock(connection)
        )
        return connection.execute(query).scalar()


def _renew(lease: Lease, stop: threading.Event) -> None:
    while not stop.wait(lease.seconds / 4):
        try:
            if not lease.take():
                return
        except StoreError as error:
            log.warning("the lease %s could not be renewed: %s", lease.name, error)


def _clock(connection: sa.Connection) -> int:
    if connection.dialect.name != "postgresql":
        return now()
    return int(
        connection.execute(
            sa.text("SELECT extract(epoch FROM clock_timestamp()) * 1e6")
        ).scalar_one()
    )
