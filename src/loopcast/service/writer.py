"""Group commit: requests that are ready while a transaction runs share the next one."""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa

from loopcast.service.problem import Problem
from loopcast.store.database import StoreError
from loopcast.store.ledger import Answer, Ledger

ITS_OWN = "54"
"""PostgreSQL's class of errors for a row that is too large."""
log = logging.getLogger("loopcast.service")
GROUP = 2_000
"""Series in one transaction at most, so that the first of them need not wait for long."""
RESTING = 3.0
"""Seconds after a refusal in which readiness says so; then new requests try again."""
WAITING = 1_000
"""Answers that may wait; more are sent away with 503."""

Entry = tuple[Answer, "asyncio.Future[None]", asyncio.AbstractEventLoop]


class Writer:
    """One thread that writes to the ledger. `on_group` is told of every group's size in answers.

    `on_refusal`: of those that the database would not take.
    """

    def __init__(
        self,
        ledger: Ledger,
        on_group: Callable[[int], None] = lambda _: None,
        on_refusal: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._ledger, self._on_group, self._on_refusal = ledger, on_group, on_refusal
        self._refused: float | None = None
        self._queue: queue.SimpleQueue[list[Entry] | None] = queue.SimpleQueue()
        self._ready: list[Entry] = []
        self._waiting = 0
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Write what waits, then end."""
        self._queue.put(None)
        self._thread.join(seconds)

    def check(self) -> None:
        """Raises StoreError where the database refused what it was last given, a moment ago."""
        if self._refused is not None and time.monotonic() - self._refused < RESTING:
            raise StoreError("the ledger refused the last answers")

    async def keep(self, answer: Answer) -> None:
        """Returns when the answer is in the ledger; raises Problem 503 where it cannot be."""
        if self._waiting >= WAITING:
            raise _away()
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        if not self._ready:
            loop.call_soon(self._hand_over)
        self._ready.append((answer, kept, loop))
        self._waiting += 1
        try:
            await kept
        except StoreError as error:
            raise _away() from error

    def _hand_over(self) -> None:
        """The answers of one turn of the loop wake the thread once."""
        ready, self._ready = self._ready, []
        self._queue.put(ready)

    def _run(self) -> None:
        while (waiting := self._queue.get()) is not None:
            ended = self._add_others(waiting)
            for group in _groups(waiting):
                self._write(group)
            if ended:
                return

    def _add_others(self, waiting: list[Entry]) -> bool:
        """What has come meanwhile; True: the end has."""
        while not self._queue.empty():
            more = self._queue.get()
            if more is None:
                return True
            waiting += more
        return False

    def _write(self, group: Sequence[Entry]) -> None:
        try:
            self._ledger.record([answer for answer, _, _ in group])
        except StoreError as error:
            if len(group) > 1 and not _is_away(error.__cause__):
                for entry in group:  # one of them is at fault, the others are not
                    self._write([entry])
                return
            log.error("the ledger refuses %d answers: %s", len(group), error)
            self._on_refusal(len(group))
            if _is_away(error.__cause__):
                self._refused = time.monotonic()
            self._settle(group, error)
        except Exception as error:
            log.exception("the ledger failed")
            self._settle(group, StoreError(type(error).__name__))
        else:
            if self._refused is not None:
                log.warning("the ledger takes answers again")
            self._refused = None
            self._on_group(len(group))
            self._settle(group, None)

    def _settle(self, group: Sequence[Entry], error: Exception | None) -> None:
        """Wake all requests of a group with one call into their loop."""
        try:
            group[0][2].call_soon_threadsafe(self._wake, group, error)
        except RuntimeError:  # the loop has ended: nobody waits any more
            log.warning("%d answers were written after their requests had ended", len(group))

    def _wake(self, group: Sequence[Entry], error: Exception | None) -> None:
        self._waiting -= len(group)
        for _, kept, _ in group:
            if kept.done():  # the request was given up
                continue
            if error is None:
                kept.set_result(None)
            else:
                kept.set_exception(error)


def _groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """At most GROUP series each, or one answer."""
    group: list[Entry] = []
    size = 0
    for entry in entries:
        if group and size + len(entry[0].keys) > GROUP:
            yield group
            group, size = [], 0
        group.append(entry)
        size += len(entry[0].keys)
    yield group


def _is_away(cause: BaseException | None) -> bool:
    """Can the database not be reached, or not write? Limits that one row passes are not that."""
    state = str(getattr(getattr(cause, "orig", None), "sqlstate", None) or "")
    return isinstance(cause, sa.exc.OperationalError) and not state.startswith(ITS_OWN)


def _away() -> Problem:
    return Problem(503, "The forecast could not be written to the ledger, so it is not given.")
