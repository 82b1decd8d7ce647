"""False alarms and power of monitoring's drift tests, on simulated panels of 50 series.

python benchmarks/alarms.py false [--panels 2000]    share of panel-years with any alarm, no drift
python benchmarks/alarms.py power [--panels 100]     share of panels in which a change is seen

Every panel goes through the functions that `loopcast monitor` calls on the ledger's forecasts.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.monitoring.drift import Verdict, examine
from loopcast.monitoring.looks import Windows, apart, looks, profile, thinned

Floats = NDArray[np.float64]

SERIES, GROUPS, BATCH, ALPHA = 50, 5, 50, 0.05


@dataclass(frozen=True)
class World:
    """A kind of panel, and the forecaster that was trained on it.

    The forecaster knows the season's profile of its history (`seasons` of it) and, with `modelled`,
    how yesterday's surprise lasts. `every`: steps between origins; `reference`: looks of backtest.
    """

    name: str
    season: int
    year: int
    reference: int
    seasons: int
    lasting: float = 0.0  # AR(1) of the noise
    modelled: bool = True
    every: int = 1
    common: float = 0.0  # share of the innovations' variance that all series share
    heavy: bool = False  # Student's t, 3 degrees of freedom
    counts: bool = False  # intermittent demand
    trend: float = 0.0  # of a series, in innovation deviations a season
    uneven: bool = False  # noise is twice as wide in a sixth of the season

    @property
    def span(self) -> int:
        return self.seasons * self.season


WORLDS = (
    World("daily, weekly season, AR(1) 0.6", 7, 365, 182, 8, 0.6),
    World("daily, AR(1) 0.6 that the model ignores", 7, 365, 182, 8, 0.6, modelled=False),
    World("daily, forecast once a week", 7, 365, 182, 8, 0.6, every=7),
    World("daily, heavy tails", 7, 365, 182, 8, 0.6, heavy=True),
    World("daily, intermittent", 7, 365, 182, 8, counts=True),
    World("daily, common shocks", 7, 365, 182, 8, 0.6, common=0.3),
    World("daily, common shocks, heavy tails", 7, 365, 182, 8, 0.6, common=0.3, heavy=True),
    World("weekly, yearly season, AR(1) 0.6", 52, 52, 104, 3, 0.6),
    World("monthly, yearly season", 12, 12, 36, 4),
    World("monthly, two years of reference", 12, 12, 24, 4, 0.3),
    World("monthly, AR(1) 0.6 that the model ignores", 12, 12, 36, 4, 0.6, modelled=False),
    World("monthly, trending", 12, 12, 36, 4, 0.3, trend=4.0),
    World("monthly, noise wider in December", 12, 12, 36, 4, uneven=True),
    World("monthly, common shocks", 12, 12, 36, 4, 0.3, common=0.3),
)


@dataclass(frozen=True)
class Change:
    """What happens at the first look in service, to all series; in innovation deviations."""

    name: str
    level: float = 0.0
    slope: float = 0.0  # a season
    wider: float = 1.0  # the innovations' deviation times this
    lost: float = 0.0  # the effect of promotions, on a seventh of all steps, that is gone
    within: bool = True  # of a season, else of a year


CHANGES = (
    Change("level", level=1.0),
    Change("trend", slope=3.0, within=False),
    Change("noise", wider=1.5, within=False),
    Change("promotions", lost=3.0, within=False),
)


def panels(world: World, change: Change, random: np.random.Generator, count: int) -> Floats:
    """[panel, series, step] of target less what is known ahead."""
    steps = 2 * world.span + world.reference + world.year
    begin = steps - world.year
    shape = (count, SERIES, steps)
    own = _noise(world, random, shape)
    shared = _noise(world, random, (count, 1, steps))
    noise = np.sqrt(1 - world.common) * own + np.sqrt(world.common) * shared
    noise[..., begin:] *= change.wider
    if world.uneven:
        noise *= np.where(np.arange(steps) % world.season >= world.season * 5 // 6, 2.0, 1.0)
    for step in range(1, steps):
        noise[..., step] += world.lasting * noise[..., step - 1]
    place = 2 * np.pi * np.arange(steps) / world.season
    size, phase = random.uniform(0.5, 4, (2, count, SERIES, 1))
    slope = world.trend * random.uniform(-1, 1, (count, SERIES, 1)) / world.season
    since = np.maximum(np.arange(steps) - begin + 1, 0)
    moved = change.level * (since > 0) + change.slope * since / world.season
    target = noise + size * np.sin(place + phase) + slope * np.arange(steps) + moved
    if change.lost:
        target -= change.lost * (random.random(shape) < 1 / 7) * (since > 0)
    return _counted(target, random) if world.counts else target


def _noise(world: World, random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    if not world.heavy:
        return random.standard_normal(shape)
    return random.standard_t(3, shape) / np.sqrt(3)


def _counted(target: Floats, random: np.random.Generator) -> Floats:
    """Poisson demand, seldom more than a piece."""
    return random.poisson(np.exp(0.25 * np.clip(target, -8, 8) - 1.2)).astype(np.float64)


def forecast(world: World, target: Floats) -> tuple[Floats, int]:
    """Errors [series, origin, horizon] in scales of the history, and the first origin."""
    season, span, steps = world.season, world.span, target.shape[1]
    back = np.arange(1, world.seasons + 1) * season
    ready = np.arange(span, steps)
    profile_ = np.mean([target[:, ready - one] for one in back], axis=0)
    left = target[:, span:] - profile_  # what the profile leaves, from step `span` on
    apart_ = np.abs(target[:, season:] - target[:, :-season])
    total = np.concatenate([np.zeros((len(target), 1)), np.cumsum(apart_, axis=1)], axis=1)
    width = span - season
    first, horizon = 2 * span, world.every
    origins = np.arange(first, steps)
    scale = (total[:, origins + 1 - season] - total[:, origins + 1 - season - width]) / width
    lasting = world.lasting if world.modelled else 0.0
    errors = np.full((len(target), len(origins), horizon), np.nan)
    for ahead in range(1, horizon + 1):
        known = len(origins) - ahead
        now = left[:, first - span : first - span + known]
        then = left[:, first - span + ahead :]
        errors[:, :known, ahead - 1] = lasting**ahead * now - then
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, 1 / scale, np.nan)[:, :, None] * errors, first


def judged(world: World, target: Floats) -> Verdict:
    """One panel, [series, step], as the tick judges a version's forecasts."""
    errors, first = forecast(world, target)
    begin = target.shape[1] - world.year
    rows, origins = np.indices(errors.shape[:2])
    whole = Windows(rows.ravel(), origins.ravel() + first, errors.reshape(-1, errors.shape[2]))
    live = whole.where(
        (whole.origin >= begin - 1) & ((whole.origin - begin + 1) % world.every == 0)
    )
    past = Windows(*_before(whole, begin))
    every = apart(live.origin, live.series)
    wider = profile(past)
    kept = thinned(past, every, begin - 1)
    before = looks(_flat(kept, wider), len(target), begin - world.reference, begin - 1, 1, every)
    since = looks(_flat(live, wider), len(target), begin, target.shape[1] - 1, 1, every)
    groups = [np.arange(SERIES)[i::GROUPS] for i in range(GROUPS)]
    return examine(before, since, season=world.season, year=world.year, alpha=ALPHA, groups=groups)


def _flat(windows: Windows, wider: Floats) -> Windows:
    return replace(windows, errors=windows.errors / wider)


def _before(whole: Windows, begin: int) -> tuple[Any, Any, Any]:
    """Windows with what was known of them when the model went into service."""
    chosen = whole.where(whole.origin < begin)
    ahead = chosen.origin[:, None] + np.arange(1, whole.errors.shape[1] + 1)
    return chosen.series, chosen.origin, np.where(ahead < begin, chosen.errors, np.nan)


def alarmed(verdict: Verdict, looks_: int) -> tuple[bool, bool]:
    """By the panel's tests; by any test, within so many looks."""
    panel = any(one.alarm[:, :looks_].any() for one in verdict.panel)
    return panel, panel or any(one.alarm[:, :looks_].any() for one in verdict.rows)


def verdicts(world: World, change: Change, count: int, seed: int) -> Iterator[Verdict]:
    """Of `count` panels."""
    for batch in range(0, count, BATCH):
        random = np.random.default_rng([seed, batch])
        number = min(BATCH, count - batch)
        for target in panels(world, change, random, number):
            yield judged(world, target)


def false_alarms(world: World, count: int, seed: int = 1) -> tuple[float, float]:
    """Share of panel-years with an alarm of the panel's tests, and of any test."""
    found = [alarmed(one, world.year) for one in verdicts(world, Change("none"), count, seed)]
    panel, every = np.mean(found, axis=0)
    return float(panel), float(every)


def power(world: World, change: Change, count: int, seed: int = 2) -> float:
    """Share of panels in which any test sees the change in time."""
    within = world.season if change.within else world.year
    found = [alarmed(one, within)[1] for one in verdicts(world, change, count, seed)]
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("false", "power"))
    parser.add_argument("--panels", type=int)
    parser.add_argument("--only", default="")
    o = parser.parse_args()
    began = time.process_time()
    table = _false if o.what == "false" else _power
    table(o.panels, o.only)
    print(f"{time.process_time() - began:.0f} s of processor time")


def _false(count: int | None, only: str) -> None:
    count = count or 2_000
    print(f"{f'panel-years with an alarm, of {count:,}; nominal {ALPHA:.0%}':<48} panel   any")
    total = []
    for world in WORLDS:
        if only in world.name:
            total.append(false_alarms(world, count))
            print(f"{world.name:<48} {total[-1][0]:5.1%} {total[-1][1]:5.1%}", flush=True)
    print(f"{'all':<48} {np.mean(total, axis=0)[0]:5.1%} {np.mean(total, axis=0)[1]:5.1%}")


def _power(count: int | None, only: str) -> None:
    count = count or 100
    print(
        f"seen within a season (level 1.0) or a year (trend 3.0 a season, noise 1.5 times, "
        f"promotions 3.0 lost), of {count} panels"
    )
    print(" " * 48 + " ".join(f"{change.name:>10}" for change in CHANGES))
    for world in WORLDS:
        if only in world.name:
            found = " ".join(f"{power(world, change, count):>10.0%}" for change in CHANGES)
            print(f"{world.name:<48}{found}", flush=True)


if __name__ == "__main__":
    main()
