"""Puts the parts together: settings -> an ASGI application with a life of its own."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from loopcast.core.errors import ConfigError
from loopcast.service.ahead import Ahead, FutureService
from loopcast.service.champion import Champion
from loopcast.service.door import Door, Straight
from loopcast.service.forecasting import Forecasting
from loopcast.service.inference import Inference
from loopcast.service.keys import Keys
from loopcast.service.lookup import Lookup
from loopcast.service.meters import TYPE, Meters
from loopcast.service.openapi import document, page
from loopcast.service.pages.routes import page_routes
from loopcast.service.people import People
from loopcast.service.questions import Questions
from loopcast.service.routes import ActualValues, Forecasts, Models, reply
from loopcast.service.settings import Settings
from loopcast.service.watching import Watching
from loopcast.service.writer import Writer
from loopcast.serving.predictor import Predictor
from loopcast.store.actuals import Actuals
from loopcast.store.clock import now
from loopcast.store.database import Database, connect, migrate
from loopcast.store.history import SqlHistory
from loopcast.store.ledger import Ledger
from loopcast.store.registry import Registry
from loopcast.store.retention import Retention, thin
from loopcast.store.version import read_artifact

log = logging.getLogger("loopcast.service")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
THINNING = 3600.0
"""Seconds between two thinnings of the ledger."""
JUMP = 3600.0
"""Seconds by which the clock may go otherwise than the machine's own count."""


@dataclass
class Parts:
    """What an application is made of."""

    settings: Settings
    database: Database
    registry: Registry
    ledger: Ledger
    actuals: Actuals
    meters: Meters
    champion: Champion
    writer: Writer
    forecasting: Forecasting
    inference: Inference
    people: People
    keys: Keys
    door: Door
    watching: Watching


def assemble(settings: Settings, *, copied: bool = True) -> Parts:
    """Opens the store, brings it up to date, loads the champion. `copied`: keep versions' files.

    Raises LoopcastError: a service that cannot start says why.
    """
    database = connect(settings.store.url, settings.store.durability)
    migrate(database)
    registry = Registry(database, settings.model, Path(settings.models) if copied else None)
    if settings.artifact is not None:
        _first(registry, settings.artifact, replace=not copied)
    meters = Meters()
    champion = Champion(registry, meters, settings.threads)
    champion.load()
    ledger, actuals = Ledger(database, settings.model), Actuals(database, settings.model)
    writer = Writer(ledger, meters.groups.observe, meters.unkept.inc)
    lookup = Lookup(_history(settings, champion), _overlay(settings, actuals))
    service = FutureService(settings.future) if settings.future else None
    forecasting = Forecasting(
        champion, lookup, Ahead(service, lookup), writer, settings.limits, meters
    )
    inference = Inference(champion, forecasting, ledger, writer, settings.limits)
    keys = Keys(settings.keys)
    door = Door(keys, settings.limits, meters, local=settings.local and not settings.keys)
    watching = Watching(database, settings.model, meters, recalibrate=settings.recalibrate)
    forecasting.ranges = watching.ranges
    if champion.ready:
        watching.refresh(champion.current.version)
    people = People(ledger, settings.reviews, meters)
    return Parts(
        settings, database, registry, ledger, actuals, meters, champion, writer, forecasting,
        inference, people, keys, door, watching,
    )  # fmt: skip


def application(parts: Parts) -> ASGIApp:
    """The routes, and what lives beside them."""
    door, limits = parts.door, parts.settings.limits
    forecasts = Forecasts(parts.forecasting, parts.ledger, limits, parts.meters)
    actual = ActualValues(parts.champion, parts.actuals, limits, parts.meters)
    models = Models(parts.champion, parts.registry, limits)
    asked = Questions(parts.people, parts.champion, limits)
    v2, shown = parts.inference, Shown(parts)
    routes = [
        door.route("/v1/forecast", forecasts.create, "predict", method="POST"),
        door.route("/v1/actuals", actual.create, "actuals", method="POST"),
        door.route("/v1/forecasts/{id}", forecasts.show, "predict"),
        door.route("/v1/models", models.show),
        door.route("/v1/models/{version}/promote", models.promote, "admin", method="POST"),
        door.route("/v1/rollback", models.rollback, "admin", method="POST"),
        door.route("/v1/reviews", asked.show_all, "review"),
        door.route("/v1/reviews/{id}", asked.show, "review"),
        door.route("/v1/reviews/{id}", asked.answer, "review", method="POST"),
        door.route("/v1/reviews/{id}/show", asked.reveal, "review", method="POST"),
        door.route("/v1/overrides", asked.overrides, "review"),
        door.route("/v1/overrides", asked.override, "review", method="POST"),
        door.route("/v2/health/live", v2.live, free=True),
        door.route("/v2/health/ready", v2.ready, free=True),
        door.route("/v2", v2.server),
        door.route("/metrics", shown.metrics),
        door.route("/openapi.json", shown.openapi, free=True),
        door.route("/docs", shown.docs, free=True),
    ]
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        routes.append(door.route(path, v2.model))
        routes.append(door.route(f"{path}/ready", v2.model_ready))
        routes.append(door.route(f"{path}/infer", v2.infer, "predict", method="POST"))
    routes += page_routes(parts, models)
    every = Starlette(
        routes=routes,
        lifespan=lambda _: _life(parts),
        exception_handlers={HTTPException: door.outside, 404: door.outside, 405: door.outside},
    )
    return Straight(every, routes[:2])


class Shown:
    """What is read by people and machines beside forecasts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text."""
        return Response(self._parts.meters.text(), media_type=None, headers={"Content-Type": TYPE})

    async def openapi(self, request: Request) -> Response:
        """The document."""
        return reply(orjson.dumps(self._document()))

    async def docs(self, request: Request) -> Response:
        """The document as a page."""
        headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
        return Response(page(self._document()), media_type="text/html", headers=headers)

    def _document(self) -> dict[str, object]:
        champion = self._parts.champion
        task = champion.current.task if champion.ready else None
        return document(self._parts.settings.model, task)


@contextlib.asynccontextmanager
async def _life(parts: Parts) -> AsyncIterator[None]:
    parts.writer.start()
    parts.meters.store_up.set(1)
    tasks = [
        asyncio.create_task(
            parts.champion.watch(parts.settings.poll_seconds, lambda: _watched(parts))
        ),
        asyncio.create_task(_thin(parts)),
        asyncio.create_task(parts.people.watch()),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        parts.forecasting.close()
        await asyncio.to_thread(parts.writer.stop, 30.0)
        parts.database.close()
        log.info("the ledger is flushed")


async def _watched(parts: Parts) -> None:
    """What monitoring wrote since."""
    if parts.champion.ready:
        version = parts.champion.current.version
        await asyncio.to_thread(parts.watching.refresh, version)


async def _thin(parts: Parts) -> None:
    kept = parts.settings.retention
    policy = Retention(kept.repeats, kept.histories, kept.forecasts)
    begin = now() / 1e6 - time.monotonic()
    while policy != Retention():
        jump = now() / 1e6 - time.monotonic() - begin
        try:
            if abs(jump) > JUMP:  # ages would be wrong, and what is dropped is gone
                log.error(
                    "the clock has jumped by %.1f hours since the start: nothing is thinned until"
                    " it is back, or the service is started again", jump / 3600,
                )  # fmt: skip
            else:
                found = await asyncio.to_thread(thin, parts.ledger, policy)
                log.info("the ledger is thinned: %s", found)
        except Exception:
            log.exception("the ledger could not be thinned; later again")
        await asyncio.sleep(THINNING)


def _first(registry: Registry, artifact: str, *, replace: bool) -> None:
    """Promote the artifact where nothing is promoted, or where the file alone is served."""
    if registry.promoted() is not None and not replace:
        return
    predictor = Predictor(read_artifact(artifact))
    task = orjson.loads(predictor.task.to_json())
    version = registry.register(artifact, task, predictor.card, why="the first", who="service")
    registry.promote(version.version, why="named at the start", who="service")


def _history(settings: Settings, champion: Champion) -> SqlHistory | None:
    facts = settings.history
    if facts is None:
        return None
    if not champion.ready:
        raise ConfigError("history needs a promoted version: set artifact, or promote one")
    key = champion.current.task.series
    return SqlHistory.open(facts.url, facts.query, key, facts.parameters, facts.max_rows)


def _overlay(settings: Settings, actuals: Actuals) -> Actuals | None:
    return actuals if settings.history is None or settings.history.actuals else None
