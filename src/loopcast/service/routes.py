"""The service's own paths, /v1: forecasts, actual values, versions."""

import asyncio
import hashlib
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

from loopcast.core.errors import ArtifactError, DataError, LoopcastError, WrongTime
from loopcast.core.frequency import Frequency
from loopcast.core.task import Task
from loopcast.service.body import decode, read
from loopcast.service.champion import Champion
from loopcast.service.forecasting import Asking, Forecasting
from loopcast.service.instance import keys, step_of
from loopcast.service.meters import Meters
from loopcast.service.problem import Problem, invalid
from loopcast.service.served import Served, facts, open_version, written
from loopcast.service.settings import Limits
from loopcast.service.wire import ActualsSent, ForecastAsked, Reason
from loopcast.serving.trial import compatible, of_one_kind
from loopcast.store.actuals import Actual, Actuals, Conflict
from loopcast.store.clock import instant, iso
from loopcast.store.database import StoreError
from loopcast.store.ledger import Given, Ledger
from loopcast.store.overrides import Override, Overrides
from loopcast.store.registry import Registry
from loopcast.store.series import key_text
from loopcast.store.version import UnknownVersion, Version

FORECAST = msgspec.json.Decoder(ForecastAsked)
ACTUALS = msgspec.json.Decoder(ActualsSent)
REASON = msgspec.json.Decoder(Reason)
Rule = Callable[[Task, Task], str | None]
"""Why the first may not take over from the second."""


def reply(content: Any, status: int = 200) -> Response:
    """JSON."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, status, media_type="application/json")


class Forecasts:
    """POST /v1/forecast and GET /v1/forecasts/{id}."""

    def __init__(
        self, forecasting: Forecasting, ledger: Ledger, limits: Limits, meters: Meters
    ) -> None:
        self._forecasting, self._ledger = forecasting, ledger
        self._limits, self._meters = limits, meters

    async def create(self, request: Request) -> Response:
        """A forecast, in the ledger before it is answered."""
        body = await read(request, self._limits)
        begin = time.perf_counter()
        asked = decode(body, FORECAST)
        self._meters.stage["decode"].observe(time.perf_counter() - begin)
        digest = hashlib.sha256(body).hexdigest()
        asking = Asking(request.state.id, request.state.client, digest, request.state.facts)
        return reply(await self._forecasting.answer(asked, asking))

    async def show(self, request: Request) -> Response:
        """What was answered, and what people have put in its place since."""
        try:
            wanted = str(uuid.UUID(request.path_params["id"]))
        except ValueError as error:
            raise Problem(404, "There is no forecast with this id.") from error
        given = await asyncio.to_thread(self._ledger.answer, wanted)
        if given is None:
            raise Problem(404, "There is no forecast with this id.")
        overrides = Overrides(self._ledger.database, self._ledger.model)
        put = await asyncio.to_thread(lambda: overrides.read(answer=given.id))
        return reply(_shown(given, self._ledger.model, put))


def _shown(given: Given, model: str, put: Sequence[Override]) -> dict[str, Any]:
    """As it was answered, with the instant."""
    frequency = Frequency.parse(given.task["frequency"])
    levels = [given.task["quantiles"].index(level) for level in given.levels]
    forecasts = [
        {
            "key": one.key,
            "origin": written(frequency, [one.origin])[0],
            "times": written(frequency, one.origin + 1 + np.arange(given.horizon)),
            "quantiles": {
                f"{level:g}": [_number(v) for v in one.quantiles[: given.horizon, at]]
                for level, at in zip(given.levels, levels, strict=True)
            },
            **(
                {}
                if one.mean is None
                else {"mean": [_number(v) for v in one.mean[: given.horizon]]}
            ),
            "warnings": one.warnings,
            "source": one.source,
            "overrides": [
                {
                    "time": written(frequency, [o.step])[0],
                    "value": o.value,
                    "reason": o.reason,
                    "author": o.author,
                }
                for o in put
                if o.key == one.key and o.origin == one.origin
            ],
        }
        for one in given.forecasts
    ]
    model_ = {"name": model, "version": given.version}
    return {
        "id": given.id,
        "given_at": iso(given.given_at),
        "model": model_,
        "forecasts": forecasts,
    }


def _number(value: np.float32) -> float | None:
    """The shortest decimal that is this 32-bit float, as the first answer had it."""
    return float(str(value)) if np.isfinite(value) else None


class ActualValues:
    """POST /v1/actuals."""

    def __init__(
        self, champion: Champion, actuals: Actuals, limits: Limits, meters: Meters
    ) -> None:
        self._champion, self._actuals = champion, actuals
        self._limits, self._meters = limits, meters

    async def create(self, request: Request) -> Response:
        """Idempotent: what is there already is counted as the same."""
        sent = decode(await read(request, self._limits), ACTUALS)
        if len(sent.actuals) > self._limits.actuals:
            most = self._limits.actuals
            raise Problem(413, f"{len(sent.actuals):,} values; at most {most:,} at a time.")
        served, client = self._champion.current, request.state.client
        new = await asyncio.to_thread(self._add, sent, served, client)
        self._meters.actuals.inc(new)
        return reply({"received": len(sent.actuals), "new": new})

    def _add(self, sent: ActualsSent, served: Served, client: str) -> int:
        values = _values(sent, served)
        try:
            return self._actuals.add(values, "api", client) if values else 0
        except Conflict as error:
            errors = [(f"/actuals/{i}/value", "another value was sent before") for i in error.rows]
            raise Problem(409, str(error), errors) from error


def _values(sent: ActualsSent, served: Served) -> list[Actual]:
    named = keys([one.key for one in sent.actuals], served.task, "/actuals/{i}/key")
    texts = [key_text(key) for key in named]
    try:
        steps = served.step([one.time for one in sent.actuals]).tolist() if texts else []
    except (WrongTime, OverflowError, ValueError):
        steps = [
            step_of(one.time, served, f"/actuals/{i}/time") for i, one in enumerate(sent.actuals)
        ]
    values = []
    for i, (one, key, step) in enumerate(zip(sent.actuals, texts, steps, strict=True)):
        if (one.value is not None and abs(one.value) > 1e300) or abs(step) > 1 << 52:
            raise invalid(f"/actuals/{i}", "a number is too large")
        values.append(Actual(key, step, one.value, _as_of(one.as_of, i)))
    return values


def _as_of(text: str | None, place: int) -> int | None:
    try:
        return None if text is None else instant(text)
    except DataError as error:
        raise invalid(f"/actuals/{place}/as_of", str(error)) from error


class Models:
    """GET /v1/models, and what administrators do with versions."""

    def __init__(self, champion: Champion, registry: Registry, limits: Limits) -> None:
        self._champion, self._registry, self._limits = champion, registry, limits

    async def show(self, request: Request) -> Response:
        """All versions and which of them serves."""
        versions = await asyncio.to_thread(self._registry.versions)
        events = await asyncio.to_thread(self._registry.events, 50)
        refused = self._champion.refused
        return reply(
            {
                "name": self._registry.model,
                "serving": self._champion.current.version if self._champion.ready else None,
                "refused": {"version": refused[0], "why": refused[1]} if refused else None,
                "versions": [facts(version) for version in versions],
                "events": [
                    {
                        "at": iso(e.at),
                        "version": e.version,
                        "what": e.what,
                        "why": e.why,
                        "who": e.who,
                    }
                    for e in events
                ],
            }
        )

    async def promote(self, request: Request) -> Response:
        """Test a version, promote it, serve it."""
        why = await self._why(request)
        await self.let_serve(version_number(request), why, request.state.client)
        return await self.show(request)

    async def rollback(self, request: Request) -> Response:
        """Serve the version before again."""
        await self.go_back(await self._why(request), request.state.client)
        return await self.show(request)

    async def let_serve(self, number: int, why: str, who: str) -> None:
        """Raises Problem where there is no such version, or it may not serve."""
        version = await asyncio.to_thread(self._tested, number)
        await asyncio.to_thread(lambda: self._registry.promote(version.version, why=why, who=who))
        await self._champion.refresh()

    async def go_back(self, why: str, who: str) -> None:
        """To the version that served before; raises Problem 409 where there is none."""
        await asyncio.to_thread(self._back, why, who)
        await self._champion.refresh()

    def _back(self, why: str, who: str) -> None:
        """The version that is tested is the one that is promoted."""
        left, number = self._registry.promoted(), self._registry.previous()
        if number is None:
            raise Problem(409, "There is no earlier version to go back to.")
        self._tested(number, of_one_kind)
        try:
            self._registry.go_back(number, left, why=why or "rollback", who=who)
        except StoreError:
            raise
        except LoopcastError as error:
            raise Problem(409, "Another version was promoted meanwhile; look again.") from error

    async def _why(self, request: Request) -> str:
        body = await read(request, self._limits)
        return decode(body or b"{}", REASON).why

    def _tested(self, number: int, rule: Rule = compatible) -> Version:
        try:
            version = self._registry.version(number)
            task = open_version(version).task
        except UnknownVersion as error:
            raise Problem(404, f"There is no version {number}.") from error
        except ArtifactError as error:
            raise Problem(409, f"Version {number} fails its self-test and stays out.") from error
        if self._champion.ready and (why := rule(task, self._champion.current.task)):
            raise Problem(409, f"Version {number} cannot take over: {why}.")
        return version


def version_number(request: Request) -> int:
    """Of the path; raises Problem 404."""
    text = request.path_params["version"]
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Problem(404, "There is no such version.")
    return int(text)
