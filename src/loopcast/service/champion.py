"""The promoted version, kept up to date: a new one is loaded and tried beside the old, then swapped."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from loopcast.core.errors import ArtifactError, LoopcastError
from loopcast.service.meters import Meters
from loopcast.service.problem import Problem
from loopcast.service.served import Served, open_version
from loopcast.serving.trial import of_one_kind
from loopcast.store.database import StoreError
from loopcast.store.registry import Registry
from loopcast.store.version import Version

log = logging.getLogger("loopcast.service")


class Champion:
    """`current` is replaced whole; a request keeps the version it began with."""

    def __init__(self, registry: Registry, meters: Meters, threads: int = 1) -> None:
        self.registry, self._meters, self._threads = registry, meters, threads
        self._current: Served | None = None
        self._refused: tuple[int, str] | None = None
        self._tried: tuple[int, int] | None = None
        """The file of the version that was opened last, as it was."""
        self._lock = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """A version serves."""
        return self._current is not None

    @property
    def refused(self) -> tuple[int, str] | None:
        """The promoted version that may not serve, and why."""
        return self._refused

    @property
    def current(self) -> Served:
        """Raises Problem 503 where none serves."""
        if self._current is None:
            raise Problem(503, "No version of the model is promoted yet.")
        return self._current

    def load(self) -> None:
        """The first version, at the start; raises LoopcastError where it may not serve."""
        version = self.registry.promoted()
        if version is not None:
            self._swap(open_version(version, self._threads))

    async def refresh(self) -> None:
        """Serve what is promoted; a version that fails its self-test is noted and left out."""
        async with self._lock:
            version = await asyncio.to_thread(self.registry.promoted)
            if version is None or self._is_current(version):
                self._refused = None
                return
            known = self._refused is not None and self._refused[0] == version.version
            if known and _mark(version) == self._tried:
                return  # the same file fails again
            self._tried = _mark(version)
            try:
                self._swap(await asyncio.to_thread(self._open, version))
                self._refused = None
            except LoopcastError as error:
                await self._refuse(version, error)

    def _is_current(self, version: Version) -> bool:
        now = self._current
        return now is not None and (now.version, now.digest) == (version.version, version.digest)

    def _open(self, version: Version) -> Served:
        served = open_version(version, self._threads)
        if self._current is not None and (why := of_one_kind(served.task, self._current.task)):
            raise ArtifactError(f"version {version.version} cannot take over: {why}")
        return served

    async def _refuse(self, version: Version, error: LoopcastError) -> None:
        log.error("version %s stays out: %s", version.version, error)
        self._refused = (version.version, str(error))
        self._meters.refused.inc()
        try:
            await asyncio.to_thread(
                self.registry.note, version.version, "refused", str(error), "service"
            )
        except StoreError as away:
            log.error("the refusal could not be noted: %s", away)

    def _swap(self, served: Served) -> None:
        before, self._current = self._current, served
        self._meters.model.clear()
        self._meters.model.labels(served.name, str(served.version), served.digest).set(1)
        self._meters.loaded.set(time.time())
        log.info("version %s serves (before: %s)", served.version, before and before.version)

    async def watch(self, seconds: float, also: Callable[[], Awaitable[None]]) -> None:
        """Ask the registry for ever; a database that is away for a while changes nothing."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.refresh()
                await also()
                self._meters.store_up.set(1)
            except StoreError as error:
                self._meters.store_up.set(0)
                log.warning("the registry cannot be read: %s", error)
            except Exception:
                log.exception("the watch over the registry failed; it goes on")


def _mark(version: Version) -> tuple[int, int] | None:
    """Of the version's file: when it was changed, and its size; None where it is not there."""
    try:
        found = Path(version.path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
