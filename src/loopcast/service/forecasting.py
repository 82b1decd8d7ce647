"""The five steps of a forecast: receive, make an instance, run, transform the output, answer."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from loopcast.service.ahead import Ahead
from loopcast.service.batches import Batches
from loopcast.service.champion import Champion
from loopcast.service.instance import Part, fill, fill_static, from_series, keys
from loopcast.service.lookup import Lookup
from loopcast.service.meters import Meters
from loopcast.service.problem import Problem, invalid
from loopcast.service.result import Result, body, together
from loopcast.service.rows import from_history, from_rows, table
from loopcast.service.served import Served, written
from loopcast.service.settings import Limits
from loopcast.service.wire import ForecastAsked, SeriesAsked
from loopcast.service.writer import Writer
from loopcast.store.clock import now
from loopcast.store.ledger import Answer, answer_id
from loopcast.store.series import key_text

T = TypeVar("T")
SMALL = 16
"""Series with their own history that are forecast between other requests; more go to a thread."""
LOOKUPS = 16
"""Threads for requests that may wait for what is elsewhere; the others have threads of their own."""
SAME = 1e-6
"""Levels closer than this are one."""


@dataclass(frozen=True)
class Asking:
    """Who asks: for the ledger. `facts` are what the log says of the answer."""

    request: str
    client: str
    digest: str
    facts: dict[str, str | int] = field(default_factory=dict)


class Forecasting:
    """Composes the champion, what is looked up, and the ledger."""

    def __init__(
        self,
        champion: Champion,
        lookup: Lookup,
        ahead: Ahead,
        writer: Writer,
        limits: Limits,
        meters: Meters,
    ) -> None:
        self.champion, self._lookup, self._ahead = champion, lookup, ahead
        self._writer, self._limits, self._meters = writer, limits, meters
        self.ranges: Callable[[Result, Served], Result] = lambda result, _: result
        self._threads = ThreadPoolExecutor(_cpus(), "forecast")
        self._waiting = ThreadPoolExecutor(LOOKUPS, "lookup")
        self._batches = Batches(meters)

    async def answer(self, asked: ForecastAsked, asking: Asking) -> bytes:
        """The JSON of the answer, which is in the ledger when this returns; raises Problem."""
        served = self.champion.current
        count = self._count(asked)
        horizon = self._horizon(asked, served)
        levels = _levels(asked.quantiles, served)
        result = None
        if self._at_once(asked, served):
            result = await self._batches.forecast(asked, horizon, served)
        if result is None:
            threads = self._waiting if self._looks(asked, served) else self._threads
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(threads, self._forecast, asked, horizon, served)
        else:
            result = self.ranges(result, served)
        self._meters.batch.observe(count or len(result.keys))
        return await self.give(result, horizon, levels, served, asking)

    async def threaded(self, work: Callable[..., T], *given: Any) -> T:
        """Run in a thread of this service."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def close(self) -> None:
        """Nothing more is begun."""
        for threads in (self._threads, self._waiting):
            threads.shutdown(wait=False, cancel_futures=True)

    async def give(
        self, result: Result, horizon: int, levels: list[int], served: Served, asking: Asking
    ) -> bytes:
        """Into the ledger, then onto the wire."""
        begin = time.perf_counter()
        given = await self.keep(result, horizon, levels, served, asking)
        kept = time.perf_counter()
        self._meters.stage["ledger"].observe(kept - begin)
        encoded = orjson.dumps(
            body(given.id, result, horizon, levels, served), option=orjson.OPT_SERIALIZE_NUMPY
        )
        self._meters.stage["answer"].observe(time.perf_counter() - kept)
        return encoded

    async def keep(
        self, result: Result, horizon: int, levels: list[int], served: Served, asking: Asking
    ) -> Answer:
        """Raises Problem 503 where the ledger cannot take it."""
        answer = Answer(
            answer_id(),
            now(),
            served.version,
            horizon,
            [served.task.quantiles[i] for i in levels],
            [key_text(key) for key in result.keys],
            result.origins.tolist(),
            result.quantiles,
            result.history,
            result.sources,
            result.warnings,
            asking.request,
            asking.client,
            asking.digest,
            result.own,
            result.mean,
        )
        await self._writer.keep(answer)
        asking.facts.update(
            forecast=answer.id, model=served.name, version=served.version,
            series=len(result.keys), horizon=horizon,
        )  # fmt: skip
        self._meters.series.inc(len(result.keys))
        self._meters.warnings.inc(sum(map(bool, result.warnings)))
        return answer

    def _count(self, asked: ForecastAsked) -> int:
        """How many series are asked for; raises Problem where the limits are passed."""
        given = [asked.series is not None, asked.rows is not None or asked.future_rows is not None]
        if given.count(True) != 1:
            raise invalid("", "give either `series`, or `rows` and `future_rows`")
        series, rows = asked.series or [], [*(asked.rows or ()), *(asked.future_rows or ())]
        steps = sum(len(one.target or ()) for one in series) + len(rows)
        if asked.series is not None and not series:
            raise invalid("/series", "there is no series")
        if asked.series is None and not rows:
            raise invalid("/rows", "there are no rows")
        if len(series) > self._limits.series:
            raise Problem(
                413, f"{len(series):,} series; at most {self._limits.series:,} at a time."
            )
        if steps > self._limits.rows:
            raise Problem(413, f"{steps:,} rows; at most {self._limits.rows:,} at a time.")
        return len(series)

    def _horizon(self, asked: ForecastAsked, served: Served) -> int:
        most = min(served.task.horizon, self._limits.horizon or served.task.horizon)
        if asked.horizon is not None and asked.horizon > most:
            raise invalid("/horizon", f"{asked.horizon} steps; at most {most} can be forecast")
        return asked.horizon or most

    def _looks(self, asked: ForecastAsked, served: Served) -> bool:
        """May it wait for a database or a service that is elsewhere?"""
        if asked.series is None:
            return not asked.rows or bool(served.task.future.names)
        return any(one.target is None for one in asked.series) or bool(served.task.future.names)

    def _at_once(self, asked: ForecastAsked, served: Served) -> bool:
        """Cheap, and without a look at what is elsewhere."""
        future = served.task.future.names
        return (
            asked.series is not None
            and len(asked.series) <= SMALL
            and all(one.target is not None and (not future or one.future) for one in asked.series)
        )

    def _forecast(self, asked: ForecastAsked, horizon: int, served: Served) -> Result:
        begin = time.perf_counter()
        parts = self._parts(asked, horizon, served)
        total = sum(len(part.keys) for part in parts)
        if total > self._limits.series:
            raise Problem(413, f"{total:,} series; at most {self._limits.series:,} at a time.")
        for part in parts:
            self._ahead.complete(part, horizon, served)
        made = time.perf_counter()
        outputs = [served.predictor.outputs(part.prepared) for part in parts]
        self._meters.stage["instance"].observe(made - begin)
        self._meters.stage["run"].observe(time.perf_counter() - made)
        return self.ranges(together(parts, outputs), served)

    def _parts(self, asked: ForecastAsked, horizon: int, served: Served) -> list[Part]:
        if asked.series is None:
            return [self._rows(asked, served)]
        parts = self._of_series(asked.series, asked.origin, horizon, served)
        ends = {int(part.origins.max()) for part in parts}
        if len(ends) > 1 and served.task.origins == "shared":  # sent, and looked up: one for all
            origin = written(served.frequency, [max(ends)])[0]
            parts = self._of_series(asked.series, origin, horizon, served)
        return parts

    def _of_series(
        self, asked: Sequence[SeriesAsked], origin: Any, horizon: int, served: Served
    ) -> list[Part]:
        sent = [i for i, one in enumerate(asked) if one.target is not None]
        left = [i for i, one in enumerate(asked) if one.target is None]
        parts = []
        if sent:
            chosen = [asked[i] for i in sent]
            parts.append(from_series(chosen, sent, served, origin, [horizon] * len(sent)))
        if left:
            parts.append(self._looked_up([asked[i] for i in left], left, served, origin))
        return parts

    def _looked_up(
        self, asked: Sequence[SeriesAsked], places: list[int], served: Served, origin: Any
    ) -> Part:
        for i, one in zip(places, asked, strict=True):
            if one.past or one.start is not None:
                raise invalid(f"/series/{i}", "without a target, past and start mean nothing")
        named = keys([one.key for one in asked], served.task, "/series/{i}/key")
        rows = self._lookup.rows(named, served)
        part = from_history(rows, named, places, served, origin)
        for row, one in enumerate(asked):
            if one.static:
                fill_static(part, row, one.static, served)
            if one.future:
                fill(part, row, one.future, int(part.origins[row]) + 1, served)
        return part

    def _rows(self, asked: ForecastAsked, served: Served) -> Part:
        future = table(asked.future_rows) if asked.future_rows else None
        self._few(asked, served)
        if asked.rows:
            return from_rows(table(asked.rows), future, served, asked.origin)
        names = served.task.series
        first = {tuple(row.get(n) for n in names): row for row in asked.future_rows or ()}
        given = [{name: row.get(name) for name in names} for row in first.values()]
        named = keys(given, served.task, "/future_rows")
        distinct = list({tuple(key.values()): key for key in named}.values())
        rows = self._lookup.rows(distinct, served)
        return from_rows(rows, future, served, asked.origin)

    def _few(self, asked: ForecastAsked, served: Served) -> None:
        """Raises Problem 413 for more series than the limits allow, before they lie on a grid."""
        names = served.task.series
        rows = [*(asked.rows or ()), *(asked.future_rows or ())]
        total = len({tuple(str(row.get(name)) for name in names) for row in rows})
        if total > self._limits.series:
            raise Problem(413, f"{total:,} series; at most {self._limits.series:,} at a time.")


def _levels(asked: Sequence[float] | None, served: Served) -> list[int]:
    """Positions of the asked levels among the model's; raises Problem."""
    known = served.task.quantiles
    if asked is None:
        return list(range(len(known)))
    found = []
    for i, level in enumerate(asked):
        near = [at for at, one in enumerate(known) if abs(one - level) < SAME]
        if not near:
            listed = ", ".join(f"{one:g}" for one in known)
            raise invalid(f"/quantiles/{i}", f"the model gives the quantiles {listed}")
        found.append(near[0])
    return list(dict.fromkeys(found))


def _cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1
