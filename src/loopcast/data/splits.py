"""Train, validation and test: by time, never by chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import ConfigError
from loopcast.core.panel import Panel

Steps = NDArray[np.int64]
Flags = NDArray[np.bool_]

SHARE = 5
"""A default part takes at most one in this many steps, so that most of a short series is learned."""
ENOUGH = 40
"""From so many series on, half of them choose the best weights and half calibrate."""
ROUNDS = 4
"""With fewer series but so many windows of one, its later half calibrates."""


@dataclass(frozen=True)
class Splits:
    """The last grid step of the train and of the validation part, [series] each.

    The test part is what follows `validation`, up to the panel's origin. `notes` say what was
    decided for the user.
    """

    train: Steps
    validation: Steps
    notes: tuple[str, ...] = ()


def split(panel: Panel, horizon: int, validation: int | None, test: int | None) -> Splits:
    """Cut `test` and before it `validation` steps off the end; None = the horizon, less if short.

    Raises ConfigError where parts named by the user leave nothing to train on.
    """
    span = int((panel.origin - panel.start).max()) + 1
    default = min(horizon, max(1, span // SHARE))
    parts = [default if steps is None else steps for steps in (validation, test)]
    if min(parts) < 0:
        raise ConfigError(f"validation and test are {parts} steps; neither can be negative")
    if sum(parts) >= span:
        raise ConfigError(
            f"validation ({parts[0]}) and test ({parts[1]}) take all of the {span} steps there are;"
            " shorten them (data.validation, data.test) or give a longer history"
        )
    notes = _notes(span, horizon, default, None in (validation, test))
    end = panel.origin - parts[1]
    return Splits(end - parts[0], end, notes)


def _notes(span: int, horizon: int, default: int, derived: bool) -> tuple[str, ...]:
    if not derived or default == horizon:
        return ()
    return (
        f"the data span {span} steps: validation and test are {default} steps each instead of the"
        f" horizon of {horizon}, so that {span - 2 * default} are left to learn from",
    )


def origins(after: Steps, until: Steps, stride: int) -> tuple[Steps, Steps]:
    """Series and origins of the windows that judge the part (after, until], both [window].

    The first origin is `after`, the next ones follow by `stride` while a step is left to judge.
    """
    counts = np.maximum(-(-(until - after) // stride), 0)
    series = np.repeat(np.arange(len(after)), counts)
    nth = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
    return series, after[series] + nth * stride


def shares(series: Steps, names: Sequence[str]) -> tuple[Flags, Flags]:
    """Which windows of the validation part choose the best weights, and which calibrate; [window].

    `series`: of each window, in order of time within a series; `names`: of all series. Halves are
    of series, drawn by their names, or of time; few windows of few series do both.
    """
    owners, counts = np.unique(series, return_counts=True)
    calibrating = np.ones(len(series), bool)
    if len(owners) >= ENOUGH:
        drawn = np.array([crc32(names[owner].encode()) for owner in owners])
        half = owners[np.argsort(drawn, kind="stable")[: len(owners) // 2]]
        calibrating = np.isin(series, half)
    elif len(owners) and counts.max() >= ROUNDS:
        place = np.searchsorted(owners, series)
        nth = np.arange(len(series)) - (np.cumsum(counts) - counts)[place]
        calibrating = nth >= counts[place] // 2
    return (calibrating if calibrating.all() else ~calibrating), calibrating
