"""Which errors a version is compared with, and which came since: [series, look] of both.

The reference is the version's backtest; where that is shorter than asked for, the first looks in
service complete it. Nothing is tested before the reference is long enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.monitoring.drift import USABLE
from loopcast.monitoring.forecasts import Given
from loopcast.monitoring.looks import Clock, Windows, apart, looks, profile, thinned
from loopcast.store.backtests import Backtest

Floats = NDArray[np.floating[Any]]

LONGEST = 2
"""Years of reference that are used, the last ones."""
SOME = 0.5
"""A series is watched where so many of the looks since have its errors."""


@dataclass(frozen=True)
class Compared:
    """Rows are series, named by `keys` (texts); `first` is the first step of `since`."""

    keys: Sequence[str]
    reference: Floats  # [series, look]
    since: Floats  # [series, look]
    first: int
    clock: Clock

    @property
    def looked(self) -> int:
        """Looks of the reference of which anything is known."""
        return int(np.isfinite(self.reference).any(0).sum())

    def last_step(self, look: int) -> int:
        """The last step of a look of `since`."""
        return self.first + (look + 1) * self.clock.unit - 1


def compared(given: Given, backtest: Backtest | None, fewest: int) -> Compared | None:
    """None where nothing in service has landed yet."""
    clock = Clock.of(Frequency.parse(given.task.frequency), given.task.season)
    rows, keys = given.rows
    live = Windows(rows, given.part.origin, given.errors)
    if not given.landed.any():
        return None
    every = apart(live.origin, live.series)
    first = int(given.steps[given.landed].min())
    last = int(given.steps[given.landed].max())
    past = _past(backtest, {key: row for row, key in enumerate(keys)}, first)
    wider = profile(past if past is not None and len(past) else live)
    since = looks(_flat(live, wider), len(keys), first, last, clock.unit, every)
    before = _reference(past, wider, len(keys), first, clock, every)
    looked = int(np.isfinite(before).any(0).sum())
    lacking = min(max(fewest - looked, 0), since.shape[1])
    whole = np.concatenate([before, since[:, :lacking]], axis=1)
    first += lacking * clock.unit
    chosen = _watched(whole, since[:, lacking:])
    names = [keys[i] for i in chosen]
    return Compared(names, whole[chosen], since[chosen, lacking:], first, clock)


def _past(backtest: Backtest | None, rows: Mapping[str, int], first: int) -> Windows | None:
    """The backtest's windows of series in service, with what was known before `first`."""
    if backtest is None:
        return None
    numbers = np.array([rows.get(key, -1) for key in backtest.keys], np.int64)
    ahead = backtest.origin[:, None] + np.arange(1, backtest.errors.shape[1] + 1)
    errors = np.where(ahead < first, backtest.errors.astype(np.float64), np.nan)
    whole = Windows(numbers, backtest.origin, errors)
    return whole.where((numbers >= 0) & (backtest.origin < first) & np.isfinite(errors).any(1))


def _reference(
    past: Windows | None, wider: Floats, count: int, first: int, clock: Clock, every: int
) -> Floats:
    if past is None or not len(past):
        return np.full((count, 0), np.nan)
    kept = thinned(past, every, first - 1)
    if not len(kept):
        return np.full((count, 0), np.nan)
    begin = max(int(kept.origin.min()) + 1, first - LONGEST * max(clock.year, 24) * clock.unit)
    number = (first - begin) // clock.unit
    start = first - number * clock.unit
    found = looks(_flat(kept, wider), count, start, first - 1, clock.unit, every)
    known = np.isfinite(found).any(0)
    return found[:, known.argmax() if known.any() else number :]  # service completes the rest


def _flat(windows: Windows, wider: Floats) -> Windows:
    return replace(windows, errors=windows.errors / wider)


def _watched(reference: Floats, since: Floats) -> NDArray[np.int64]:
    """Series that both hold often enough to be compared."""
    if not reference.shape[1]:
        return np.zeros(0, np.int64)
    seen = np.isfinite(reference)
    often = seen[:, seen.any(0)].mean(1) >= USABLE if seen.any() else seen.any(1)
    if since.shape[1]:
        often &= np.isfinite(since).mean(1) >= SOME
    return np.flatnonzero(often)
