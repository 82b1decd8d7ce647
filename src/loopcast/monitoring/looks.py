"""Overlapping forecasts -> one error a series and look, that of the forecast that was nearest.

Errors of several steps ahead share their surprises; so of all forecasts of a step only the one
from the newest origin counts, in service as in the reference: there only origins as far apart as
those in service are taken. Hours are put together to days: a year has at most 366 looks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency

Floats = NDArray[np.floating[Any]]
Steps = NDArray[np.int64]

MOST = 366
MINUTES = 365 * 24 * 60
YEARS = {"day": 365, "business": 260, "week": 52}
HALF = 0.5
"""A look at several steps counts where more than so many of them have landed."""
REACH = 2
"""A forecast counts for so many times the usual distance of origins."""


@dataclass(frozen=True)
class Windows:
    """Forecasts of one version beside what came, in scales of their histories."""

    series: Steps  # [window], row numbers from 0
    origin: Steps  # [window]
    errors: Floats  # [window, horizon], median - actual; NaN: not known

    def __len__(self) -> int:
        return len(self.series)

    def where(self, chosen: Any) -> "Windows":
        """Only these windows."""
        return Windows(self.series[chosen], self.origin[chosen], self.errors[chosen])


@dataclass(frozen=True)
class Clock:
    """`unit`: steps in a look; `season` and `year`: looks in them."""

    unit: int
    season: int
    year: int

    @classmethod
    def of(cls, frequency: Frequency, season: int) -> "Clock":
        """A year of plain integers is 20 seasons, 100 looks at least."""
        steps = steps_a_year(frequency, season)
        unit = -(-steps // MOST)
        if unit > 1 and season > 1 and season < MOST:  # whole rounds, or even parts of one
            even = (part for part in range(unit, season + 1) if season % part == 0)
            unit = next(even, -(-unit // season) * season)
        return cls(unit, season // unit if season % unit == 0 else 1, max(steps // unit, 1))


def steps_a_year(frequency: Frequency, season: int) -> int:
    """Steps of the grid in a year, roughly."""
    if frequency.unit == "minute":
        return MINUTES // frequency.count
    if frequency.unit == "month":
        return max(12 // frequency.count, 1)
    return YEARS.get(frequency.unit) or max(20 * season, 100)


def apart(origin: Steps, series: Steps) -> int:
    """Steps from one origin to the next of the same series, as is usual; 1 where none repeats."""
    order = np.lexsort((origin, series))
    same = np.diff(series[order]) == 0
    steps = np.diff(origin[order])[same]
    steps = steps[steps > 0]
    return int(np.median(steps)) if len(steps) else 1


def profile(reference: Windows) -> Floats:
    """How much wider errors are at each step ahead than at the first, [horizon]."""
    wide = np.abs(reference.errors)
    most = 6 * np.nanmedian(wide) if np.isfinite(wide).any() else 1.0
    seen = np.isfinite(wide)
    count = np.maximum(seen.sum(0), 1)
    mean = np.where(seen, np.minimum(wide, most), 0).sum(0) / count
    return mean / mean[0] if mean[0] > 0 and (mean > 0).all() else np.ones(len(mean))


def thinned(reference: Windows, every: int, last: int) -> Windows:
    """Origins `every` steps apart, counted back from `last`."""
    return reference.where((last - reference.origin) % max(every, 1) == 0)


def looks(windows: Windows, count: int, first: int, last: int, unit: int, every: int) -> Floats:
    """[series, look]: the errors of steps `first` to `last`, in whole looks of `unit` steps."""
    number = max((last - first + 1) // unit, 0)
    steps = number * unit
    table = np.full((count, steps), np.nan)
    horizon = windows.errors.shape[1]
    for ahead in range(min(horizon, REACH * every), 0, -1):  # the nearest is written last
        place = windows.origin + ahead - first
        error = windows.errors[:, ahead - 1]
        inside = (place >= 0) & (place < steps) & np.isfinite(error)
        table[windows.series[inside], place[inside]] = error[inside]
    if unit == 1:
        return table
    parts = table.reshape(count, number, unit)
    seen = np.isfinite(parts).sum(2)
    sums = np.nansum(parts, axis=2)
    return np.where(seen > HALF * unit, sums / np.maximum(seen, 1), np.nan)
