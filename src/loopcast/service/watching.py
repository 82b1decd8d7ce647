"""What monitoring found, as the service uses it: ranges of late, and gauges for Prometheus."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from loopcast.core.recalibration import recalibrated
from loopcast.service.meters import Meters
from loopcast.service.result import Result
from loopcast.service.served import Served
from loopcast.store import accuracy, alarms, calibrations, ticks
from loopcast.store.database import Database
from loopcast.store.registry import Registry
from loopcast.store.ticks import Tick

HORIZON = "horizon"


class Watching:
    """Asks the store after each tick; `recalibrate`: whether answered ranges are moved."""

    def __init__(
        self, database: Database, model: str, meters: Meters, *, recalibrate: bool
    ) -> None:
        self._database, self._model, self._meters = database, model, meters
        self._recalibrate = recalibrate
        self._state: tuple[int, Mapping[str, Any]] | None = None
        self._seen: tuple[Tick | None, int] | None = None

    def ranges(self, result: Result, served: Served) -> Result:
        """The answer's quantiles recalibrated, the model's own beside them."""
        state = self._state
        if state is None or state[0] != served.version:
            return result
        task = served.task
        moved = recalibrated(
            result.quantiles, result.history, result.keys, task.season, task.quantiles, state[1]
        )
        if np.array_equal(moved, result.quantiles):
            return result
        return replace(result, quantiles=moved, own=result.quantiles)

    def refresh(self, version: int) -> None:
        """Read what the last tick wrote; does little where nothing is new. Raises StoreError."""
        tick = ticks.last(self._database, self._model, "done")
        if self._seen == (tick, version):
            return
        if self._recalibrate:
            found = calibrations.latest(self._database, self._model, version)
            self._state = None if found is None else (version, found.state)
        if tick is not None:
            self._gauge(tick, version)
        self._seen = (tick, version)

    def _gauge(self, tick: Tick, version: int) -> None:
        meters, through = self._meters, int(tick.facts.get("through") or 0)
        meters.ticked.set(tick.at / 1e6)
        meters.alarms.set(len(alarms.active(self._database, self._model)))
        if (lag := tick.facts.get("actuals_lag_seconds")) is not None:
            meters.lag.set(lag)
        for gauge in (meters.coverage, meters.scaled, meters.drift):
            gauge.clear()
        for role, one in self._roles(version).items():
            self._accuracy(role, one, through)
        for score in alarms.scores(self._database, self._model, version):
            if score.score is not None:  # in the order of steps: the last one stays
                meters.drift.labels(score.kind).set(score.score)

    def _roles(self, version: int) -> dict[str, int]:
        versions = Registry(self._database, self._model).versions()
        beside = [one.version for one in versions if one.status == "challenger"]
        return {"champion": version} | dict(zip(("challenger",), beside, strict=False))

    def _accuracy(self, role: str, version: int, through: int) -> None:
        """Over the last season of periods."""
        rows = accuracy.read(self._database, self._model, version=version, grouping=HORIZON)
        span = self._span(version)
        for text in dict.fromkeys(one.text for one in rows):
            recent = [one for one in rows if one.text == text and one.last > through - span]
            if (whole := accuracy.together(recent)) is None:
                continue
            for metric, value in (
                ("mase", whole.scaled_error), ("naive_mase", whole.naive_scaled_error),
            ):  # fmt: skip
                self._meters.scaled.labels(metric, text, role).set(value)
            if role == "champion":
                for level, share in whole.coverage.items():
                    self._meters.coverage.labels(level, text).set(share)

    def _span(self, version: int) -> int:
        task = Registry(self._database, self._model).version(version).task
        return max(int(task.get("season") or 1), int(task["horizon"]))
