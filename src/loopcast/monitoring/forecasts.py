"""The ledger's forecasts of one version as arrays, with what every part of monitoring needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.naive import window_scale
from loopcast.core.scores import median
from loopcast.core.task import Task
from loopcast.store.ledger import Ledger
from loopcast.store.matching import Matched, matched
from loopcast.store.registry import Registry
from loopcast.store.series import key_text

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Given:
    """Forecasts beside what came, [forecast] and [forecast, horizon]."""

    part: Matched

    @cached_property
    def task(self) -> Task:
        """The version's."""
        return Task.from_dict(dict(self.part.task))

    @cached_property
    def point(self) -> Floats:
        """The median forecast, which recalibration leaves as it is."""
        return median(self.part.own.astype(np.float64), self.task.quantiles)

    @cached_property
    def scale(self) -> Floats:
        """[forecast], above 0 or NaN; a forecast whose history was thinned has its series' median."""
        own = window_scale(self.part.history, self.task.season)
        own[~(own > 0)] = np.nan
        return _filled(own, self.rows[0])

    @cached_property
    def errors(self) -> Floats:
        """(median - actual) / scale; NaN where nothing has landed."""
        return (self.point - self.part.actual) / self.scale[:, None]

    @cached_property
    def rows(self) -> tuple[NDArray[np.int64], list[str]]:
        """The series' number of each forecast, and the keys' texts."""
        texts = [key_text(key) for key in self.part.keys]
        names = sorted(set(texts))
        numbers = {name: i for i, name in enumerate(names)}
        return np.array([numbers[text] for text in texts], np.int64), names

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """The step that each point is of."""
        return self.part.origin[:, None] + np.arange(1, self.part.actual.shape[1] + 1)

    @cached_property
    def landed(self) -> NDArray[np.bool_]:
        """Where there is something to judge."""
        return np.isfinite(self.part.actual)

    def static(self, column: str) -> NDArray[Any]:
        """Texts of a key column, [forecast]."""
        return np.array([key[column] for key in self.part.keys], object)


def given(ledger: Ledger, *, version: int | None = None, **which: Any) -> Iterator[Given]:
    """One for each version; `which` as in `matched`.

    Steps that the version has learned from count as not landed: nobody asked what they would be.
    """
    registry = Registry(ledger.database, ledger.model)
    for part in matched(ledger, version=version, **which):
        seen = registry.version(part.version).seen_until
        if seen is None or part.task.get("origins") == "own":  # it is the last step of the longest
            yield Given(part)
            continue
        step = part.origin[:, None] + np.arange(1, part.actual.shape[1] + 1)
        yield Given(replace(part, actual=np.where(step > seen, part.actual, np.nan)))


def grouping(
    task: Task, keys: Sequence[Mapping[str, str]], wanted: Sequence[str] | None
) -> list[str]:
    """Key columns whose categories are worth a row of their own: some series share one."""
    columns = [name for name in task.series if wanted is None or name in wanted]
    distinct = {tuple(key.values()): key for key in keys}.values()
    found = []
    for name in columns:
        texts = [key[name] for key in distinct]
        if len(set(texts)) < len(texts) or (wanted is not None and len(texts) > 1):
            found.append(name)
    return found


def _filled(scale: Floats, rows: NDArray[np.int64]) -> Floats:
    """NaN where no forecast of the series has a scale."""
    if np.isfinite(scale).all() or not len(scale):
        return scale
    filled = scale.copy()
    for row in np.unique(rows[~np.isfinite(scale)]):
        mine = rows == row
        known = scale[mine & np.isfinite(scale)]
        if len(known):
            filled[mine & ~np.isfinite(scale)] = np.median(known)
    return filled
