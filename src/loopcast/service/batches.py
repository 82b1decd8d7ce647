"""Requests that are ready at one time are run as one batch: a small one costs by the call, not by the row."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from loopcast.service.instance import from_series
from loopcast.service.meters import Meters
from loopcast.service.result import Result, split
from loopcast.service.served import Served
from loopcast.service.wire import ForecastAsked

log = logging.getLogger("loopcast.service")
LARGEST = 64
"""Series in one batch, so that other requests need not wait for long."""


@dataclass(frozen=True)
class Waiting:
    """A request whose series have their own history; None: known-ahead columns are lacking."""

    asked: ForecastAsked
    horizon: int
    served: Served
    result: "asyncio.Future[Result | None]"

    @property
    def size(self) -> int:
        """How many series."""
        return len(self.asked.series or ())


class Batches:
    """One loop's. A request never waits for others to come: what is there is run."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._waiting: list[Waiting] = []

    async def forecast(self, asked: ForecastAsked, horizon: int, served: Served) -> Result | None:
        """None where known-ahead columns must be had from elsewhere; raises Problem."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._run)
        one = Waiting(asked, horizon, served, loop.create_future())
        self._waiting.append(one)
        return await one.result

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        for batch in _batches(waiting):
            try:
                self._forecast(batch)
            except Exception as error:
                if len(batch) > 1:
                    for one in batch:  # one of them is at fault, the others are not
                        self._alone(one)
                else:
                    _fail(batch[0], error)

    def _alone(self, one: Waiting) -> None:
        try:
            self._forecast([one])
        except Exception as error:
            _fail(one, error)

    def _forecast(self, batch: Sequence[Waiting]) -> None:
        begin, served = time.perf_counter(), batch[0].served
        series = [one for waiting in batch for one in waiting.asked.series or ()]
        sizes = [waiting.size for waiting in batch]
        places = list(range(len(series)))
        horizons = [waiting.horizon for waiting in batch for _ in range(waiting.size)]
        part = from_series(series, places, served, batch[0].asked.origin, horizons, sizes)
        made = time.perf_counter()
        outputs = served.predictor.outputs(part.prepared)
        self._meters.stage["instance"].observe(made - begin)
        self._meters.stage["run"].observe(time.perf_counter() - made)
        least = (
            np.minimum.reduceat(part.covered, _firsts(sizes)) if served.task.future.names else None
        )
        for i, (one, result) in enumerate(zip(batch, split(part, outputs, sizes), strict=True)):
            if not one.result.done():  # else the request was given up
                lacking = least is not None and least[i] < one.horizon
                one.result.set_result(None if lacking else result)


def _fail(one: Waiting, error: Exception) -> None:
    if not one.result.done():
        one.result.set_exception(error)


def _batches(waiting: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    """Of one version each, at most LARGEST series; a request that names its origin is alone."""
    batch: list[Waiting] = []
    size = 0
    for one in waiting:
        together = (
            batch
            and one.served is batch[0].served
            and one.asked.origin is None
            and batch[0].asked.origin is None
            and size + one.size <= LARGEST
        )
        if batch and not together:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch


def _firsts(sizes: Sequence[int]) -> list[int]:
    return np.cumsum([0, *sizes[:-1]]).tolist()
