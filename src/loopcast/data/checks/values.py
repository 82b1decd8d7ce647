"""Single values and levels that cannot be: outliers, zeros that mean missing, jumps of unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks.blocks import Block, blocks
from loopcast.data.checks.finding import Finding, Where, moment, plural, warning_if

ISOLATED, ABSURD = 4.0, 20.0
"""How many times further from the median than the rest a value lies: a note, a warning."""
PEAKS = (1, 3, 50)
"""Outliers a series can have: at least, at most, and one in so many values."""
ENOUGH = 12
SIMILAR = 0.5
"""A value of another year at least this share as far away makes an outlier a season's peak."""
SUDDEN, LOWEST = 3, 0.2
"""At most so many zeros are sudden, if no other value is below this share of the median."""
UNITS = (2.0, 3.0, 6.0)
"""Decades between units: cents, thousands, millions."""
CLOSE, SPREAD = 0.2, 1.0
"""How far a jump may be from a unit, and how far the values of one side from each other."""
AROUND = (6, 12)
"""Steps on each side of a jump that must agree with it: a season, but within these bounds."""
AGREE = (5, 3)
"""How many values that takes: for a hundred, for a thousand and more."""
YEARS = {"month": 12, "week": 52, "business": 261, "day": 365}


@dataclass(frozen=True)
class Spots:
    """Places in the panel, [spot] each: `ago` steps before the origin, and how extreme."""

    series: NDArray[np.int64]
    ago: NDArray[np.int64]
    size: NDArray[np.float64]


def check(panel: Panel, task: Task) -> list[Finding]:
    """One pass over the blocks for each kind of fault."""
    outliers, zeros, jumps = [], [], []
    lag = _year(task)
    for block in blocks(panel):
        outliers.append(_outliers(block, lag))
        zeros.append(_sudden_zeros(block))
        jumps.append(_jumps(block, task.season))
    return [
        *_tell_outliers(panel, task, _joined(outliers)),
        *_tell_zeros(panel, _joined(zeros)),
        *_tell_jumps(panel, task, _joined(jumps)),
    ]


def _year(task: Task) -> int:
    """Steps after which a yearly peak comes again; without dates the season's."""
    frequency = Frequency.parse(task.frequency)
    if frequency.unit == "minute":
        return 365 * 24 * 60 // frequency.count
    if frequency.unit in YEARS:
        return max(YEARS[frequency.unit] // frequency.count, 1)
    return max(task.season, 1)


def _joined(parts: list[Spots]) -> Spots:
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return Spots(empty, empty, empty.astype(np.float64))
    spots = [
        np.concatenate([getattr(p, name) for p in parts]) for name in ("series", "ago", "size")
    ]
    order = np.argsort(-spots[2], kind="stable")
    return Spots(*(column[order] for column in spots))


def _ordered(values: NDArray) -> NDArray:
    """Sorted along the steps, NaN last."""
    return np.sort(values, axis=1)


def _at(ordered: NDArray, place: NDArray) -> NDArray:
    place = np.clip(place, 0, ordered.shape[1] - 1)
    return np.take_along_axis(ordered, place[:, None], axis=1)


def _outliers(block: Block, lag: int) -> Spots:
    """Values isolated from all others of their series, unless another year has the like."""
    target = block.target
    count = (~np.isnan(target)).sum(1)
    middle = _at(_ordered(target), (count - 1) // 2)
    away = np.abs(target - middle)
    few = np.clip(count // PEAKS[2], *PEAKS[:2])
    rest = _at(_ordered(away), count - 1 - few)
    usable = (count >= ENOUGH)[:, None] & (rest > 0)
    row, step = np.nonzero((away > ISOLATED * rest) & usable)
    size = away[row, step] / rest[row, 0]
    again = np.zeros(len(row), dtype=bool)
    for apart in (-2 * lag, -lag, lag, 2 * lag):
        for near in range(apart - 3, apart + 4) if lag > 12 else (apart,):
            other = step + near
            inside = (other >= 0) & (other < target.shape[1])
            value = away[row, np.where(inside, other, 0)]
            again |= inside & (value >= SIMILAR * away[row, step])
    return Spots(block.series[row[~again]], target.shape[1] - 1 - step[~again], size[~again])


def _sudden_zeros(block: Block) -> Spots:
    """Single zeros in series that are far from zero otherwise."""
    target = block.target
    count, zeros = (~np.isnan(target)).sum(1), (target == 0).sum(1)
    ordered = _ordered(target)
    lowest, middle = _at(ordered, zeros)[:, 0], _at(ordered, (count - 1) // 2)[:, 0]
    affected = (zeros > 0) & (zeros <= SUDDEN) & (count >= ENOUGH * np.maximum(zeros, 1))
    affected &= (ordered[:, 0] == 0) & (lowest > LOWEST * middle)
    row, step = np.nonzero((target == 0) & affected[:, None])
    return Spots(block.series[row], target.shape[1] - 1 - step, middle[row].astype(np.float64))


def _jumps(block: Block, season: int) -> Spots:
    """Changes of level by a power of ten that both sides keep; `size` is in decades, signed."""
    target = block.target
    with np.errstate(divide="ignore"):
        decades = np.log10(np.abs(target))
    decades[~np.isfinite(decades)] = np.nan
    before = _held(decades)
    change = decades[:, 1:] - before[:, :-1]
    row, step = np.nonzero(np.abs(change) >= UNITS[0] - SPREAD)
    step = step + 1
    width = int(np.clip(season, *AROUND))
    sides = [_window(decades, row, step, begin, width) for begin in (-width, 0)]
    counts = [(~np.isnan(side)).sum(1) for side in sides]
    found = np.minimum(*counts) >= AGREE[1]
    zeros = [(_window(target, row, step, begin, width) == 0).mean(1) for begin in (-width, 0)]
    found &= np.abs(zeros[0] - zeros[1]) <= CLOSE  # a product's launch has zeros on one side
    row, step, agree = row[found], step[found], np.minimum(*counts)[found]
    if not len(row):
        return Spots(row, step, np.zeros(0))
    left, right = (side[found] for side in sides)
    size = np.nanmedian(right, axis=1) - np.nanmedian(left, axis=1)
    keep = (_range(left) <= SPREAD) & (_range(right) <= SPREAD)
    keep &= np.min([np.abs(np.abs(size) - unit) for unit in UNITS], axis=0) <= CLOSE
    keep &= (agree >= AGREE[0]) | (np.abs(size) > np.mean(UNITS[:2]))
    return Spots(block.series[row[keep]], target.shape[1] - 1 - step[keep], size[keep])


def _held(values: NDArray) -> NDArray:
    """Each step's last value that is not missing."""
    at = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    return np.take_along_axis(values, np.maximum.accumulate(at, axis=1), axis=1)


def _window(values: NDArray, row: NDArray, step: NDArray, begin: int, width: int) -> NDArray:
    """[spot, width]; NaN outside."""
    at = step[:, None] + np.arange(begin, begin + width)
    inside = (at >= 0) & (at < values.shape[1])
    return np.where(inside, values[row[:, None], np.where(inside, at, 0)], np.nan)


def _range(values: NDArray) -> NDArray:
    return np.nanmax(values, axis=1) - np.nanmin(values, axis=1)


def _where(panel: Panel, spots: Spots) -> Where:
    """Each series once, at its most extreme place."""
    first = np.sort(np.unique(spots.series, return_index=True)[1])
    return Where(panel, spots.series[first], panel.origin[spots.series[first]] - spots.ago[first])


def _tell_outliers(panel: Panel, task: Task, spots: Spots) -> list[Finding]:
    if not len(spots.series):
        return []
    told = _where(panel, spots)
    when = moment(Frequency.parse(task.frequency), int(told.steps[0]))
    detail = (
        f"{plural(len(spots.series), 'value')} in {plural(len(told.series), 'series', 'series')}"
        f" far outside the rest; the farthest, in {when}, lies {spots.size[0]:.0f} times further from"
        " the median than nearly all others of its series"
    )
    advice = (
        "typing errors? correct them or mark them unknown (data.observed); events? add a column"
    )
    severity = warning_if(spots.size[0] >= ABSURD)
    return [told.finding("outliers", severity, detail, advice, count=len(spots.series))]


def _tell_zeros(panel: Panel, spots: Spots) -> list[Finding]:
    if not len(spots.series):
        return []
    told = _where(panel, spots)
    detail = (
        f"{plural(len(spots.series), 'zero')} in {plural(len(told.series), 'series', 'series')}"
        " that are never near zero otherwise"
    )
    advice = "sold out, closed or not reported? mark such steps unknown (data.observed)"
    return [told.finding("sudden-zeros", "note", detail, advice, count=len(spots.series))]


def _tell_jumps(panel: Panel, task: Task, spots: Spots) -> list[Finding]:
    if not len(spots.series):
        return []
    told = _where(panel, spots)
    when = moment(Frequency.parse(task.frequency), int(told.steps[0]))
    factor = (
        f"x {10 ** round(spots.size[0]):,}"
        if spots.size[0] > 0
        else f"/ {10 ** round(-spots.size[0]):,}"
    )
    detail = (
        f"the level of {plural(len(told.series), 'series', 'series')} jumps by a power of ten and"
        f" stays there ({factor} in {when})"
    )
    return [
        told.finding("unit-jump", "warning", detail, "bring all rows to one unit before training")
    ]
