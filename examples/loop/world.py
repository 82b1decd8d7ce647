"""The world of the demo: real retail turnover, and the same with a break after which it is another.

From the break on the season of some industries comes some months later, and the trend of others
turns. Everything else, noise included, stays as it was measured.
"""

import csv
import gzip
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
YEAR = 12
LEARNED = 8 * YEAR
"""Months before the break from which season and trend are told."""
SLOWEST = 0.05
"""A trend that turns falls, or rises, by this share a year at least."""


@dataclass(frozen=True)
class World:
    """Turnover by series and month; NaN before a series began."""

    keys: list[dict[str, str]]
    months: list[str]  # ISO dates
    values: Values  # [series, month]

    def until(self, month: int) -> "World":
        """The first `month` months."""
        return replace(self, months=self.months[:month], values=self.values[:, :month])


@dataclass(frozen=True)
class Break:
    """Which industries change, and how; `shift` in months."""

    moved: tuple[str, ...] = (
        "Clothing retailing",
        "Department stores",
        "Footwear and other personal accessory retailing",
        "Furniture, floor coverings, houseware and textile goods retailing",
        "Other recreational goods retailing",
        "Newspaper and book retailing",
        "Liquor retailing",
    )
    turned: tuple[str, ...] = (
        "Cafes, restaurants and catering services",
        "Supermarket and grocery stores",
        "Takeaway food services",
        "Pharmaceutical, cosmetic and toiletry goods retailing",
        "Electrical and electronic goods retailing",
        "Hardware, building and garden supplies retailing",
    )
    shift: int = 4


def read(path: Path) -> World:
    """The bundled table, series in the order of their keys."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = [
            (
                r["State"],
                r["Industry"],
                datetime.strptime(r["Month"], "%Y %b").date(),
                r["Turnover"],
            )
            for r in csv.DictReader(lines)
        ]
    keys = sorted({(state, industry) for state, industry, _, _ in rows})
    months = sorted({month for _, _, month, _ in rows})
    values = np.full((len(keys), len(months)), np.nan)
    row_of = {key: i for i, key in enumerate(keys)}
    column_of = {month: i for i, month in enumerate(months)}
    for state, industry, month, turnover in rows:
        values[row_of[state, industry], column_of[month]] = float(turnover)
    named = [{"State": state, "Industry": industry} for state, industry in keys]
    return World(named, [month.isoformat() for month in months], values)


def broken(world: World, at: int, how: Break) -> World:
    """The same until month `at`; from there on as `how` says."""
    known = world.values[:, max(at - LEARNED, 0) : at]
    first = max(at - LEARNED, 0)
    values = world.values.copy()
    after = np.arange(at, len(world.months))
    for row, key in enumerate(world.keys):
        if not np.isfinite(known[row, -YEAR:]).all():
            continue  # a series that ended before
        if key["Industry"] in how.moved:
            season = seasonal(known[row], first)
            values[row, at:] *= season[(after - how.shift) % YEAR] / season[after % YEAR]
        elif key["Industry"] in how.turned:
            growth = slope(known[row])
            fast = np.copysign(max(abs(growth), SLOWEST), growth)
            values[row, at:] *= np.exp(-(growth + fast) * (after - at + 1) / YEAR)
    return replace(world, values=values.round(1))


def seasonal(values: Values, first: int) -> Values:
    """Factor of each calendar month, [12], of geometric mean 1; `first`: the first value's month."""
    logs = np.log(values)
    weights = np.r_[0.5, np.ones(YEAR - 1), 0.5] / YEAR
    level = np.convolve(logs, weights, "valid")
    apart = logs[YEAR // 2 : -(YEAR // 2)] - level
    month = (np.arange(len(apart)) + first + YEAR // 2) % YEAR
    found = np.array([np.nanmedian(apart[month == one]) for one in range(YEAR)])
    return np.exp(found - found.mean())


def slope(values: Values) -> float:
    """Growth a year, as a share, over the last five years."""
    recent = np.log(values[-5 * YEAR :])
    seen = np.isfinite(recent)
    return float(np.polyfit(np.flatnonzero(seen) / YEAR, recent[seen], 1)[0])


def rows(world: World, first: int, last: int) -> list[dict[str, Any]]:
    """Actual values of months `first` to `last` (not included), as POST /v1/actuals takes them."""
    return [
        {"key": key, "time": world.months[month], "value": float(world.values[row, month])}
        for month in range(first, last)
        for row, key in enumerate(world.keys)
        if np.isfinite(world.values[row, month])
    ]
