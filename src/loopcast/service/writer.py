"""Group commit: requests that are ready while a transaction runs share the next one."""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from loopcast.service.problem import Problem
from loopcast.store.database import StoreError
from loopcast.store.ledger import Answer, Ledger

log = logging.getLogger("loopcast.service")
GROUP = 2_000
"""Series in one transaction at most, so that the first of them need not wait for long."""
WAITING = 1_000
"""Answers that may wait; more are sent away with 503."""

Entry = tuple[Answer, "asyncio.Future[None]", asyncio.AbstractEventLoop]


class Writer:
    """One thread that writes to the ledger. `on_group` is told of every group's size in answers."""

    def __init__(self, ledger: Ledger, on_group: Callable[[int], None] = lambda _: None) -> None:
        self._ledger, self._on_group = ledger, on_group
        self._queue: queue.Queue[Entry | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Write what waits, then end."""
        self._queue.put(None)
        self._thread.join(seconds)

    async def keep(self, answer: Answer) -> None:
        """Returns when the answer is in the ledger; raises Problem 503 where it cannot be."""
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        try:
            self._queue.put_nowait((answer, kept, loop))
        except queue.Full as error:
            raise _away() from error
        try:
            await kept
        except StoreError as error:
            raise _away() from error

    def _run(self) -> None:
        while (group := self._group()) is not None:
            self._write(group)

    def _group(self) -> list[Entry] | None:
        first = self._queue.get()
        if first is None:
            return None
        group, size = [first], len(first[0].keys)
        while size < GROUP:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                break
            if entry is None:
                self._queue.put(None)
                break
            group.append(entry)
            size += len(entry[0].keys)
        return group

    def _write(self, group: Sequence[Entry]) -> None:
        try:
            self._ledger.record([answer for answer, _, _ in group])
        except StoreError as error:
            if len(group) > 1 and not isinstance(error.__cause__, sa.exc.OperationalError):
                for entry in group:  # one of them is at fault, the others are not
                    self._write([entry])
                return
            log.error("the ledger refuses: %s", error)
            _settle(group, error)
        except Exception as error:
            log.exception("the ledger failed")
            _settle(group, StoreError(type(error).__name__))
        else:
            self._on_group(len(group))
            _settle(group, None)


def _settle(group: Sequence[Entry], error: Exception | None) -> None:
    """Wake all requests of a group with one call into their loop."""
    futures = [kept for _, kept, _ in group]
    try:
        group[0][2].call_soon_threadsafe(_wake, futures, error)
    except RuntimeError:  # the loop has ended: nobody waits any more
        log.warning("%d answers were written after their requests had ended", len(futures))


def _wake(futures: Sequence["asyncio.Future[None]"], error: Exception | None) -> None:
    for kept in futures:
        if kept.done():  # the request was given up
            continue
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)


def _away() -> Problem:
    return Problem(503, "The forecast could not be written to the ledger, so it is not given.")
