"""The rules by which what the user did not name is chosen; docs/defaults.md holds the evidence.

`loopcast plan --config X` shows what they lead to, and why.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from loopcast.core.frequency import Frequency
from loopcast.core.season import seen_once
from loopcast.core.task import Task
from loopcast.features.scaling import Kind
from loopcast.models.mlp import ResidualMLP
from loopcast.models.network import Network, Widths

DEFAULT_NETWORK = "loopcast.models.mlp.ResidualMLP"
EPOCH = (25, 200)
"""An epoch, after which the validation part is judged, has this many steps, at least and at most."""
LOOKS = 40
"""A run counted in steps is judged so often at the most."""
BATCH = 1024
"""Windows a step, over all members."""
MEMBERS = 8
FEW_STEPS, FEW_SECONDS = 200, 15.0
"""A budget below either trains one network: each of several would see too little."""
RATE = (1e-3, 3e-3)
"""Learning rates of one network, and of members, whose median forgives a rough step."""
NEWEST = 10
"""Seasons, or horizons, at the end of the train part from which windows are drawn."""
YEAR = {"minute": 366 * 24 * 60, "day": 366, "business": 261}
"""Units of a frequency in a year, of those of which the calendar tells more than the season."""
FEWEST = 50
"""Steps for each text of a series key."""
MANY_ZEROS, VOLUME, SQUARED_VOLUME = 0.1, 0.5, 1.0
BY_VOLUME = "the target is often 0: a series that sells much counts more than one that hardly does"
BY_SQUARE = "squared errors are those of the target's own units, which large series make"
SEASONS = 3
HORIZONS = 2
UNSEASONAL = 8
"""Horizons, where no season says how far to look back ..."""
THIRD = 3
"""... in a third of the longest series at most, so that enough is left to be forecast."""
DAYS = (24, 48, 96)
"""A season of so many steps is a day, dated or not; such data repeat by the week as well."""
WEEK = 7
QUARTER = 4
ONCE = (
    "the train part holds a single season: the newest histories are learned from too, looks at the"
    " validation part are frequent, and the calendar does not tell the time of the year"
)


@dataclass(frozen=True)
class Facts:
    """What the rules look at; `steps` and `seconds` of the budget are None where it has no such end.

    `zeros`: the share of zeros among the train part's known targets; `squared`: is the loss that of
    squared errors?
    """

    season: int
    horizon: int
    steps: int | None = None
    seconds: float | None = None
    zeros: float = 0.0
    squared: bool = False

    @property
    def little(self) -> bool:
        """Is the budget too small to share?"""
        few = self.steps is not None and self.steps < FEW_STEPS
        return few or (self.seconds is not None and self.seconds < FEW_SECONDS)


@dataclass(frozen=True)
class Recipe:
    """What is chosen where a config does not name it; `why` gives a sentence for each choice.

    A network that is named is trained alone, unless members are named too.
    """

    members: int = 1
    learning_rate: float = RATE[0]
    layers: int = 4
    width: int = 256
    volume: float = 0.0
    why: Mapping[str, str] = field(default_factory=dict)

    def network(self, task: Task, widths: Widths) -> Network:
        """The default one."""
        return ResidualMLP(task, widths, layers=self.layers, width=self.width)

    def facts(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)


def recipe(facts: Facts) -> Recipe:
    """For a config that names no network."""
    small = Recipe(1, RATE[1], layers=2, width=128, volume=volume_of(facts))
    counts = {"volume": BY_SQUARE if facts.squared else BY_VOLUME} if small.volume else {}
    if facts.little:
        why = {"members": "the budget is too small to share among networks"}
        return replace(small, why={**why, **counts})
    why = {
        "members": "the median of several small networks is better than one large network that"
        " takes the same time",
        "learning_rate": "the schedule anneals it to 0 within the budget",
    }
    return replace(small, members=MEMBERS, why={**why, **counts})


def volume_of(facts: Facts) -> float:
    """The power of a window's scale by which it counts, whatever the network."""
    if facts.squared:
        return SQUARED_VOLUME
    return VOLUME if facts.zeros >= MANY_ZEROS else 0.0


def history(season: int, horizon: int, longest: int, typical: int, worth: bool) -> int:
    """Steps the network sees, as far as the train part allows.

    Further where it holds a single season: a quarter of one more tells how the newest steps stand
    against those of a season ago.

    `longest` and `typical`: steps of its longest and its median series; `worth`: does the season
    tell more than the newest steps? Where the train part is short, enough of it must be left to be
    forecast; then the history is what is left after a horizon, but a season or a horizon if the
    series has that.
    """
    if season > 1 and worth:
        if once(season, typical):
            return season + season // QUARTER
        wanted = max(seasons(season, typical) * season, HORIZONS * horizon, 4)
        most = max(longest - horizon, min(longest, max(season, horizon)))
    else:
        wanted = max(HORIZONS * horizon, min(UNSEASONAL * horizon, longest // THIRD), 4)
        most = max(longest - horizon, min(longest, horizon))
    return max(1, min(wanted, most))


def seasons(season: int, typical: int) -> int:
    """How many of them the history holds."""
    return WEEK if season in DAYS else max(1, min(SEASONS, typical // season))


def once(season: int, typical: int) -> bool:
    """Is the season one that the median series has gone through but once?"""
    return season > 1 and season not in DAYS and seen_once(season, typical)


def scaling(season: int, worth: bool) -> Kind:
    """A season swings about its level; what drifts, or is of days, is told by its steps."""
    return "standard" if worth and season not in DAYS else "change"


def recent(task: Task, worth: bool) -> int | None:
    """Windows of each series that are drawn, the newest: what seasons were long ago misleads.

    Days and finer keep a year at least, for the calendar repeats by the year. None: all.
    """
    if not worth:
        return None
    frequency = Frequency.parse(task.frequency)
    year = YEAR.get(frequency.unit, 0) // frequency.count
    return max(NEWEST * max(task.season, task.horizon), year)


def learnable(texts: int, steps: int) -> bool:
    """Do so many steps in all tell so many keys apart? Else a network learns their noise by heart."""
    return steps >= FEWEST * texts


def batch_size(windows: int, members: int = 1) -> int:
    """Windows a step and member: all of them where they are few."""
    return min(BATCH // members, max(8, windows))


def epoch(windows: int, batch: int, once: bool = False) -> int:
    """Steps between two looks at the validation part; few where a season was seen but `once`.

    What is learned from a single year is soon learned by heart.
    """
    low, high = EPOCH
    if once:
        return low
    return min(high, max(low, math.ceil(windows / batch)))


def reasons(task: Task, typical: int, worth: bool) -> dict[str, str]:
    """A sentence for each choice, of a train part whose median series has `typical` steps."""
    season, horizon = task.season, task.horizon
    two = f"{HORIZONS} horizons of {horizon}"
    if worth and once(season, typical):
        rule = f"a season of {season} steps and a quarter of one"
    elif season > 1 and worth:
        rule = f"{seasons(season, typical)} seasons of {season} steps, or {two}"
    else:
        said = (
            f"the season of {season} steps tells less than the newest steps"
            if season > 1
            else "no season"
        )
        rule = f"{said}: up to {UNSEASONAL} horizons, a third of the longest series, or {two}"
    newest = recent(task, worth)
    single = {"partial": ONCE} if worth and once(season, typical) else {}
    return {
        **single,
        "scaling": "the season swings about the level of a window"
        if scaling(season, worth) == "standard"
        else "a window is measured by its steps, as nothing or only the day repeats in it",
        "recent": f"windows of the newest {newest:,} steps of a series"
        if newest
        else "all windows: there is no season that could have changed",
        "history": f"{rule}; the median series has {typical:,} steps to train on",
    }
