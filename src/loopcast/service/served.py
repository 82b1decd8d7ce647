"""The version that answers, with what every request needs of it at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.errors import ArtifactError, WrongTime
from loopcast.core.frequency import Frequency
from loopcast.core.inputs import inputs
from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Task
from loopcast.serving.predictor import Predictor
from loopcast.store.version import Version

REMEMBERED = 1_000
"""Origins whose times are kept as text."""


@dataclass(frozen=True)
class Served:
    """A predictor and the version it is. Never changed, only replaced whole."""

    predictor: Predictor
    name: str
    version: int
    digest: str
    _written: dict[int, list[str | int]] = field(default_factory=dict, repr=False)

    @cached_property
    def task(self) -> Task:
        """The artifact's."""
        return self.predictor.task

    @cached_property
    def frequency(self) -> Frequency:
        """The task's."""
        return Frequency.parse(self.task.frequency)

    def step(self, values: Any) -> NDArray[np.int64]:
        """Times as clients write them, ISO 8601 or the task's own format -> steps, [value]."""
        return self.frequency.index(self.read_times(values))

    def read_times(self, values: Any) -> NDArray[Any]:
        """Raises WrongTime."""
        array = np.asarray(values, dtype=object)
        zone, own = self.task.zone, self.task.time_format
        try:
            return times.parse(array, self.frequency, zone)
        except WrongTime:
            if own is None:
                raise
            return times.parse(array, self.frequency, zone, own)

    def times(self, origin: int, horizon: int) -> tuple[str | int, list[str | int]]:
        """The origin's time and those of the steps after it, as the wire writes them."""
        written = self._written.get(origin)
        if written is None:
            written = self.write_times(origin + np.arange(self.task.horizon + 1))
            if len(self._written) >= REMEMBERED:
                self._written.clear()
            self._written[origin] = written
        return written[0], written[1 : horizon + 1]

    def write_times(self, steps: NDArray[np.int64]) -> list[str | int]:
        """See `written`."""
        return written(self.frequency, steps)


def written(frequency: Frequency, steps: Any) -> list[str | int]:
    """Steps as the wire writes them: ISO dates, with the time of day below a day; or integers."""
    labels = frequency.time(np.asarray(steps))
    if not frequency.dated:
        return labels.tolist()
    unit = "s" if frequency.unit == "minute" else "D"
    return [str(label) for label in labels.astype(f"M8[{unit}]")]


def open_version(version: Version, threads: int = 1) -> Served:
    """Read, verify, open and try a version; raises ArtifactError where it may not serve."""
    predictor = Predictor(version.content(), threads=threads)
    served = Served(predictor, version.model, version.version, version.digest)
    _test(served)
    return served


def compatible(new: Task, old: Task) -> str | None:
    """Why clients of the old version could not use the new one; None where they can."""
    for name in ("target", "time", "series", "frequency", "zone"):
        if getattr(new, name) != getattr(old, name):
            return f"its {name} is {getattr(new, name)!r}, that of the one before {getattr(old, name)!r}"
    return None


def _test(served: Served) -> None:
    """Run made-up series of ordinary, short, gappy and absent history: finite, in order, alone = together."""
    panel = _panel(served.task)
    prepared = inputs(panel, served.task, np.arange(len(panel)), panel.origin)
    try:
        quantiles = served.predictor.run(prepared)
        alone = served.predictor.run({name: column[:1] for name, column in prepared.items()})
    except Exception as error:  # onnxruntime raises many types of its own
        raise ArtifactError(
            f"version {served.version} fails its self-test ({type(error).__name__})"
        ) from error
    wanted = (len(panel), served.task.horizon, len(served.task.quantiles))
    if quantiles.shape != wanted:
        raise ArtifactError(
            f"version {served.version} fails its self-test: its output is {quantiles.shape},"
            f" {wanted} was wanted"
        )
    if not np.isfinite(quantiles).all():
        raise ArtifactError(f"version {served.version} fails its self-test: values are not finite")
    if (np.diff(quantiles, axis=2) < 0).any():
        raise ArtifactError(f"version {served.version} fails its self-test: quantiles cross")
    room = 1e-3 * max(float(np.abs(quantiles[0]).max()), 1.0)
    if np.abs(alone[0] - quantiles[0]).max() > room:
        raise ArtifactError(
            f"version {served.version} fails its self-test: a series' forecast depends on others"
        )


def _panel(task: Task) -> Panel:
    """Four series: whole, short, with gaps, without history."""
    count, span = 4, task.history + (task.horizon if task.future.names else 0)
    total = count * span
    wave = 10 + np.sin(np.arange(span) / 3)
    target = np.tile(wave, (count, 1)).astype(np.float32)
    target[1, : task.history - max(task.history // 4, 1)] = np.nan
    target[2, ::3] = np.nan
    target[3] = np.nan
    roles = {
        "static": (task.static, count),
        "past": (task.past, total),
        "future": (task.future, total),
    }
    categories = {
        f"{role}.{name}": Categories(np.zeros(rows, np.int32), np.array([""], object))
        for role, (columns, rows) in roles.items()
        for name in columns.categorical
    }
    start = np.full(count, 600)
    return Panel(
        {},
        start,
        start + task.history - 1,
        np.arange(count + 1) * span,
        target.ravel(),
        np.zeros((total, len(task.past.numeric)), np.float32),
        np.zeros((total, len(task.future.numeric)), np.float32),
        np.zeros((count, len(task.static.numeric)), np.float32),
        categories,
    )


def facts(version: Version) -> Mapping[str, Any]:
    """What GET /v1/models says of a version; never its path."""
    return {
        "version": version.version,
        "status": version.status,
        "sha256": version.digest,
        "card": version.card,
        "scores": version.scores,
    }
