"""The version that answers, with what every request needs of it at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core import times
from loopcast.core.errors import WrongTime
from loopcast.core.frequency import Frequency
from loopcast.core.task import Task
from loopcast.serving.predictor import Predictor
from loopcast.serving.trial import self_test
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
    self_test(predictor, f"version {version.version}")
    return served


def facts(version: Version) -> Mapping[str, Any]:
    """What GET /v1/models says of a version; never its path."""
    return {
        "version": version.version,
        "status": version.status,
        "sha256": version.digest,
        "card": version.card,
        "scores": version.scores,
    }
