"""The rules by which what the user did not name is derived."""

import math

BATCH = 1024
EPOCH = (25, 200)
"""An epoch, after which the validation part is judged, has this many steps, at least and at most."""


def history(season: int, horizon: int, train: int) -> int:
    """Steps the network sees: two seasons or two horizons, as far as `train` steps allow.

    Where the train part is short, enough of it must be left to be forecast; then the history is
    what is left after a horizon, but a season or a horizon if the series has that.
    """
    wanted = max(2 * season, 2 * horizon, 4)
    return max(1, min(wanted, max(train - horizon, min(train, max(season, horizon)))))


def batch_size(windows: int) -> int:
    """Windows a step: all of them where they are few."""
    return min(BATCH, max(8, windows))


def epoch(windows: int, batch: int) -> int:
    """Steps between two looks at the validation part."""
    low, high = EPOCH
    return min(high, max(low, math.ceil(windows / batch)))
