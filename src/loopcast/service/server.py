"""`loopcast serve`: uvicorn on one port, and an end that loses nothing."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from loopcast.core.errors import ArtifactError, ConfigError
from loopcast.service.app import Parts, application, assemble
from loopcast.service.settings import Listen, Settings, Store, load
from loopcast.store.folders import digest
from loopcast.store.version import read_artifact

log = logging.getLogger("loopcast.service")
SWITCH = 0.001
"""Seconds after which the ledger's thread may take over from requests, or they from it."""


@dataclass(frozen=True)
class Start:
    """What the command line says; None: as the config does."""

    artifact: str | None = None
    config: str | None = None
    host: str | None = None
    port: int | None = None


def serve(start: Start) -> None:
    """Serve until SIGTERM or SIGINT; exit status 0 then. Raises LoopcastError at the start."""
    begin = time.perf_counter()
    logging.basicConfig(
        level=os.environ.get("LOOPCAST_LOG", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    _access_log()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    sys.setswitchinterval(SWITCH)
    settings = chosen(start)
    parts = assemble(settings, copied=start.config is not None)
    _tell_ignored(start, parts)
    with asyncio.Runner(loop_factory=_loop()) as runner:
        runner.run(_run(parts, begin))


def _tell_ignored(start: Start, parts: Parts) -> None:
    """A file named beside a config is only the first version's."""
    if start.artifact is None or start.config is None or not parts.champion.ready:
        return
    try:
        given = digest(read_artifact(start.artifact))
    except ArtifactError:  # it was the first version, and has gone since
        return
    if given not in {version.digest for version in parts.registry.versions()}:
        log.warning(
            "%s does not serve: version %s is promoted. loopcast models register and promote"
            " make it a version that does", start.artifact, parts.champion.current.version,
        )  # fmt: skip


def _access_log() -> None:
    """A request's line is JSON and nothing else."""
    access = logging.getLogger("loopcast.access")
    access.propagate = False
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(logging.Formatter("%(message)s"))
    access.handlers = [lines]


def chosen(start: Start) -> Settings:
    """The config with what the command line says; an artifact alone has an embedded ledger."""
    if start.config is not None:
        found = load(start.config)
        if start.artifact is not None:
            found = msgspec.structs.replace(found, artifact=start.artifact)
    elif start.artifact is not None:
        found = _alone(Path(start.artifact))
    else:
        raise ConfigError("name an artifact (loopcast serve export/NAME.onnx) or --config FILE")
    said = {"host": start.host, "port": start.port}
    listen = msgspec.structs.replace(
        found.listen, **{name: value for name, value in said.items() if value is not None}
    )
    return msgspec.structs.replace(found, listen=listen)


def _alone(artifact: Path) -> Settings:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", artifact.stem).strip("_-")[:64] or "model"
    ledger = artifact.resolve().with_name(f"{artifact.stem}.ledger.db")
    return Settings(
        model=name, artifact=str(artifact), store=Store(url=f"sqlite:///{ledger}"), listen=Listen()
    )


async def _run(parts: Parts, begin: float) -> None:
    listen = parts.settings.listen
    config = uvicorn.Config(
        application(parts),
        host=listen.host,
        port=listen.port,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        date_header=True,
        h11_max_incomplete_event_size=64 << 10,
        limit_concurrency=parts.settings.limits.concurrency * 8,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(int(listen.grace_seconds), 1),
        ws="none",
        lifespan="on",
    )
    server = _Server(config, parts)
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if server.started:
        port = server.servers[0].sockets[0].getsockname()[1]
        seconds = time.perf_counter() - begin
        serving = parts.champion.current.version if parts.champion.ready else "no version"
        log.info(
            "%s, version %s, on http://%s:%s (docs at /docs), ledger %s, ready after %.2f s",
            parts.settings.model, serving, listen.host, port, parts.database.name, seconds,
        )  # fmt: skip
    await task


class _Server(uvicorn.Server):
    """Readiness ends before the listener does; a signal that was obeyed is not raised again."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for sig in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sig, self._end, loop)
        try:
            yield
        finally:
            for sig in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(sig)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        """The second signal does not wait for requests in flight."""
        if self._parts.inference.stopping:
            self.should_exit = self.force_exit = True
            return
        self._parts.inference.stopping = True
        log.info("ending: %s requests in flight", self._parts.door.active)
        loop.call_later(self._parts.settings.listen.notice_seconds, self._close)

    def _close(self) -> None:
        self.should_exit = True


def _loop() -> Any:
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return None
    return uvloop.new_event_loop
