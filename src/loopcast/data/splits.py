"""Train, validation and test: by time, never by chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import ConfigError
from loopcast.core.panel import Panel

Steps = NDArray[np.int64]

SHARE = 5
"""A default part takes at most one in this many steps, so that most of a short series is learned."""


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
