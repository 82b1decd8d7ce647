"""Are the validation and test parts like the train part? Compared with the same season before.

A part is never compared with all that came before it: seasonal data fails such a test always. It
is compared with the same steps a year (or some seasons) earlier, and that change with the changes
from year to year that the train part saw itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks.balance import MOST, groupings
from loopcast.data.checks.blocks import Block, blocks
from loopcast.data.checks.finding import Finding, few, moment, where
from loopcast.data.splits import Splits

YEARS = {"month": 12, "week": 52, "business": 260, "day": 364}
"""Steps of a year, as whole weeks where weekdays matter."""
FEWEST, MOST_WINDOWS = 4, 40
"""How many earlier windows it takes to know what is usual; and how many are enough."""
BEYOND = 2.0
"""A shift is so many times further from the usual change than any earlier window was ..."""
LEVEL, SPREAD, MIX, MISSING, RULE = 0.2, 0.7, 0.1, 0.1, 0.5
"""... and material: relative change, log ratio of deviations, share of the mix, share of steps."""
OWN_LEVEL, OWN_WINDOWS, OWN_SHARE = 0.5, 6, 0.1
"""Single series shift by more, and are told where they are more than this share."""
ADVICE = "an event, a change of definition, new prices? if it lasts, train on what came after it"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """Window 0 is the judged part, the others end with the train part and go back from there.

    All [series, window]; NaN where a window or the one it is compared with is not half observed.
    `change`: relative to the same steps before, in [-2, 2]; `spread`: log ratio of deviations;
    `sums`: absolute target; `missing`: share of the steps since the series' start.
    """

    change: Floats
    spread: Floats
    sums: Floats
    earlier: Floats
    missing: Floats


def check(panel: Panel, task: Task, splits: Splits) -> list[Finding]:
    """The test part first; the validation part where the test part tells nothing."""
    test = int(np.median(panel.origin - splits.validation))
    validation = int(np.median(splits.validation - splits.train))
    found: list[Finding] = []
    for part, end, width in (("test", 0, test), ("validation", test, validation)):
        if width:
            seen = _windows(panel, task, end, width, test + validation)
            codes = {f.code for f in found}
            found += [f for f in _part(panel, task, part, end, seen) if f.code not in codes]
    return found + _covariates(panel, task, splits)


def _part(panel: Panel, task: Task, part: str, end: int, seen: Windows) -> list[Finding]:
    level = _level(panel, task, part, end, seen)
    return [
        *(level or _spread(part, seen)),
        *_mix(panel, part, seen),
        *_missing(part, seen),
    ]


def _windows(panel: Panel, task: Task, end: int, width: int, held: int) -> Windows:
    """`end`: steps from the part's end to the origin; `held`: those of both parts."""
    longest = int((panel.origin - panel.start).max()) + 1
    lag = _lag(task, width, longest - held)
    number = int(np.clip((longest - held - lag) // width, 0, MOST_WINDOWS))
    ends = np.r_[end, held + width * np.arange(number)]  # [window] steps before the origin
    parts = [np.full((len(panel), len(ends)), np.nan) for _ in range(5)]
    for block in blocks(panel):
        for part, values in zip(parts, _measures(block, ends, width, lag), strict=True):
            part[block.series] = values
    return Windows(*parts)


def _lag(task: Task, width: int, steps: int) -> int:
    """A year where the train part allows for enough windows; else whole seasons."""
    frequency = Frequency.parse(task.frequency)
    year = YEARS.get(frequency.unit, 0) // frequency.count
    if frequency.unit == "minute":
        year = 364 * 24 * 60 // frequency.count
    season = max(task.season, 1)
    short = -(-width // season) * season
    year = -(-width // year) * year if year else short
    return year if steps >= year + FEWEST * width else short


def _measures(block: Block, ends: NDArray, width: int, lag: int) -> tuple[Floats, ...]:
    target = block.target.astype(np.float64)
    seen = ~np.isnan(target)
    middle = np.where(seen.any(1), np.nansum(target, 1) / np.maximum(seen.sum(1), 1), 0)
    near = np.where(seen, target - middle[:, None], 0)
    filled = np.where(seen, target, 0)
    sums = [_sums(v) for v in (filled, np.abs(filled), seen, block.alive, near, near**2)]
    now = [_cut(s, ends, width) for s in sums]
    then = [_cut(s, ends + lag, width) for s in sums]
    usable = (now[2] >= width / 2) & (then[2] >= width / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = [part[0] / part[2] for part in (now, then)]
        sizes = [part[1] / part[2] for part in (now, then)]
        change = 2 * (means[0] - means[1]) / (sizes[0] + sizes[1])
        spread = np.log(_deviation(now) / _deviation(then))
        missing = np.where(now[3] >= width, 1 - now[2] / now[3], np.nan)
    spread = np.where(usable & (width >= FEWEST) & np.isfinite(spread), spread, np.nan)
    change = np.where(usable & np.isfinite(change), change, np.nan)
    return change, spread, now[1], then[1], missing


def _sums(values: NDArray) -> Floats:
    """Running sums with a leading zero, so that any window is one difference."""
    return np.concatenate(
        [np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)], axis=1
    )


def _cut(sums: Floats, ends: NDArray, width: int) -> Floats:
    """Sums over windows that end `ends` steps before the last, [block, window]; NaN outside."""
    last = sums.shape[1] - 1 - ends
    inside = last >= width
    last = np.where(inside, last, width if sums.shape[1] > width else 0)
    first = np.maximum(last - width, 0)
    return np.where(inside, sums[:, last] - sums[:, first], np.nan)


def _deviation(part: list[Floats]) -> Floats:
    mean = part[4] / part[2]
    return np.sqrt(np.maximum(part[5] / part[2] - mean**2, 0))


def _beyond(values: Floats, material: float) -> float:
    """How far window 0 is from the others' middle, if that is material and unseen; else 0."""
    others = values[1:][np.isfinite(values[1:])]
    if len(others) < FEWEST or not np.isfinite(values[0]):
        return 0.0
    usual = np.median(others)
    bar = max(material, BEYOND * np.abs(others - usual).max())
    return float(values[0] - usual) if abs(values[0] - usual) > bar else 0.0


def _middle(values: Floats) -> Floats:
    """The median series of each window; NaN where no series has it."""
    some = np.isfinite(values).any(0)
    result = np.full(values.shape[1], np.nan)
    result[some] = np.nanmedian(values[:, some], axis=0)
    return result


def _level(panel: Panel, task: Task, part: str, end: int, seen: Windows) -> list[Finding]:
    pooled = _beyond(_middle(seen.change), LEVEL)
    own = _own(seen.change)
    if not pooled and np.mean(own != 0) <= OWN_SHARE:
        return []
    told = where(panel, own != 0, np.abs(own), panel.origin - end)
    until = moment(Frequency.parse(task.frequency), int(panel.origin.max()) - end)
    if not pooled:
        detail = (
            f"{np.mean(own != 0):.1%} of the series change their level in the {part} part (up to"
            f" {until}) as they never did in the train part"
        )
        return [told.finding("level-shift", "note", detail, ADVICE)]
    detail = (
        f"in the {part} part (up to {until}) the middle series lies {abs(pooled):.0%}"
        f" {'above' if pooled > 0 else 'below'} what the same season before and the usual change"
        " lead to expect"
    )
    return [told.finding("level-shift", "warning", detail, ADVICE, count=max(len(told.series), 1))]


def _own(change: Floats) -> Floats:
    """Each series' own shift, 0 where there is none or too little to tell, [series]."""
    enough = (np.isfinite(change[:, 1:]).sum(1) >= OWN_WINDOWS) & np.isfinite(change[:, 0])
    own = np.zeros(len(change))
    others = change[enough, 1:]
    if not len(others):
        return own
    usual = np.nanmedian(others, axis=1)
    bar = np.maximum(OWN_LEVEL, BEYOND * np.nanmax(np.abs(others - usual[:, None]), axis=1))
    apart = change[enough, 0] - usual
    own[enough] = np.where(np.abs(apart) > bar, apart, 0)
    return own


def _spread(part: str, seen: Windows) -> list[Finding]:
    apart = _beyond(_middle(seen.spread), SPREAD)
    if not apart:
        return []
    detail = (
        f"in the {part} part values vary {np.exp(abs(apart)):.1f} times"
        f" {'more' if apart > 0 else 'less'} than the same season before leads to expect"
    )
    return [Finding("spread-shift", "warning", 1, (), detail, ADVICE)]


def _mix(panel: Panel, part: str, seen: Windows) -> list[Finding]:
    """Total variation between the target's mix of categories now and a year before."""
    found = []
    for name, texts, code in groupings(panel):
        if not 1 < len(texts) <= min(MOST, len(panel) - 1):
            continue
        now, then = (
            _shares(code, sums) for sums in (seen.sums, seen.earlier)
        )  # [category, window]
        apart = np.abs(now - then).sum(0) / 2
        others = apart[1:][np.isfinite(apart[1:])]
        if len(others) < FEWEST or not apart[0] > max(MIX, BEYOND * others.max()):
            continue
        moved = np.argsort(-np.abs(now[:, 0] - then[:, 0]), kind="stable")[:3]
        shown = few(f"{texts[i]}: {then[i, 0]:.1%} -> {now[i, 0]:.1%}" for i in moved.tolist())
        detail = (
            f"{apart[0]:.0%} of the target moved between values of {name!r} in the {part} part,"
            f" compared with the same season before (at most {others.max():.0%} in the train part)"
        )
        found.append(Finding("mix-shift", "warning", len(moved), shown, detail, ADVICE))
    return found


def _shares(code: NDArray, sums: Floats) -> Floats:
    by = np.zeros((int(code.max()) + 1, sums.shape[1]))
    np.add.at(by, code, np.nan_to_num(sums))
    total = by.sum(0)
    return by / np.where(total > 0, total, np.nan)


def _missing(part: str, seen: Windows) -> list[Finding]:
    some = np.isfinite(seen.missing).any(0)
    share = np.full(seen.missing.shape[1], np.nan)
    share[some] = np.nanmean(seen.missing[:, some], axis=0)
    apart = _beyond(share, MISSING)
    if not apart:
        return []
    detail = (
        f"{share[0]:.0%} of the steps of the {part} part have no value, in the train part"
        f" {np.nanmedian(share[1:]):.0%}"
    )
    advice = "late deliveries, a new source? scores of this part speak of the rest only"
    return [Finding("missing-shift", "warning", 1, (), detail, advice)]


def _blanks(panel: Panel, task: Task, role: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Where each column of a role has no value, [step]."""
    for i, name in enumerate(getattr(task, role).numeric):
        yield name, np.isnan(getattr(panel, role)[:, i])
    for name in getattr(task, role).categorical:
        column = panel.categories[f"{role}.{name}"]
        yield name, (column.texts == "")[column.codes]


def _covariates(panel: Panel, task: Task, splits: Splits) -> list[Finding]:
    """Columns that are missing far more, or far less, after the train part."""
    known = ~np.isnan(panel.target)
    after = known & (panel.indices > splits.train[panel.owners])
    before = known & ~after
    if not after.any() or not before.any():
        return []
    told = {}
    for role in ("past", "future"):
        for name, blank in _blanks(panel, task, role):
            shares = (float(blank[before].mean()), float(blank[after].mean()))
            if name in getattr(task, role).categorical and shares[0] > RULE:
                continue  # a text that is mostly blank says "none" by that, as events do
            if abs(shares[0] - shares[1]) > 3 * MISSING:
                told[f"{name}: {shares[0]:.0%} -> {shares[1]:.0%}"] = shares
    if not told:
        return []
    detail = "columns are missing in other shares after the train part than in it"
    advice = "what the network learned about them may not hold; leave out what began only lately"
    return [Finding("covariate-shift", "warning", len(told), few(told), detail, advice)]
