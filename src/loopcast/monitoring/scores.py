"""One row of numbers over time -> how far its last looks lie from the reference, in deviations.

A row is a series, a group or the whole panel; `reference` [row, look] is what the version's errors
were on windows it was not trained on, `since` [row, look] what they have been in service. NaN: no
look. The steps: differences by place in the season are taken out as far as the reference shows
them; what one look tells of the next (AR(1), told from the reference, corrected for its bias) too;
the rest is ranked among the reference (normal scores, so that no outlier weighs more than its
rank); scores are summed over the last 2, 3, 4, 6, ... looks. The largest of these sums, each in its
own deviation, is the statistic; loopcast.monitoring.chance says how large it gets without drift.
Slow waves that an AR(1) does not know of make sums wider than their parts: how much wider, all
series of the reference say together (`wider`).
"""

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

WIDTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
FULL = 0.5
"""A window counts where so many of its looks have a value."""
STRONGEST = 0.9
"""An autocorrelation above this is taken for this."""
CLEAR = 2.0
"""The seasonal differences of the reference count from this F ratio on, more the larger it is."""


@dataclass(frozen=True)
class Course:
    """The statistic at each look of `since`, [row, look]: upwards, downwards; NaN before any."""

    up: Floats
    down: Floats
    autocorrelation: Floats  # [row], of the reference
    wider: Floats  # [width], deviations of the sums, 1 where looks are independent


def widths(looks: int, season: int) -> tuple[int, ...]:
    """Of the windows, given so many looks of reference and looks in a season."""
    most = min(looks // 2, max(4 * season if season < 12 else 2 * season, 24), WIDTHS[-1])
    return tuple(width for width in WIDTHS if width <= most) or WIDTHS[:1]


def course(reference: Floats, since: Floats, season: int, like: Course | None = None) -> Course:
    """`season`: looks in it; the first look of `since` follows the last of `reference`.

    `like`: the course of the single series, for rows that are means over some of them: what is
    told from so many is at least true of these.
    """
    looks = reference.shape[1]
    before, after = deseasoned(reference, since, season)
    own = autocorrelation(before)
    phi = shrunk(own, looks) if like is None else clearly(own, like, looks)
    before, after = whitened(before, after, phi)
    chosen = widths(looks, season)
    wider = like.wider if like else persistence(normal_scores(before, before), chosen)
    number = np.isfinite(before).sum(1)
    up, down = windowed(normal_scores(before, after), number, chosen, wider)
    return Course(up, down, phi, wider)


def persistence(scores: Floats, chosen: tuple[int, ...]) -> Floats:
    """[width]: how much wider than independent looks' sums are, at least 1.

    Sums over windows of one half of the reference, less what the mean of the other half expects.
    """
    half = scores.shape[1] // 2
    sides = ((scores[:, :half], scores[:, half:]), (scores[:, half:], scores[:, :half]))
    found = []
    for width in chosen:
        squares, expected = 0.0, 0.0
        for other, own in sides:
            if width > own.shape[1]:
                continue
            number, sums = _windows(own, width)
            rest = np.maximum(np.isfinite(other).sum(1), 1)[:, None]
            squares += float(np.square(sums - number * _mean(other)[:, None]).sum())
            expected += float((number + number**2 / rest).sum())
        found.append(squares / expected if expected > 0 else 1.0)
    return np.sqrt(np.maximum(found, 1.0))


def _windows(scores: Floats, width: int) -> tuple[Floats, Floats]:
    """How many looks, and their sum, of every window, [row, window] each."""
    total, count = _running(np.nan_to_num(scores)), _running(np.isfinite(scores).astype(float))
    return count[:, width:] - count[:, :-width], total[:, width:] - total[:, :-width]


def deseasoned(reference: Floats, since: Floats, season: int) -> tuple[Floats, Floats]:
    """Less the mean, and less the means by place as far as they differ by more than chance.

    Within the reference each look is compared with the others of its place.
    """
    mean = _mean(reference)
    before, after = reference - mean[:, None], since - mean[:, None]
    looks = reference.shape[1]
    if season < 2 or looks < 2 * season:
        return before, after
    place = np.arange(looks + since.shape[1]) % season
    seen = np.isfinite(before)
    hot = (place[:looks, None] == np.arange(season)).astype(before.dtype)
    count = seen @ hot  # [row, place]
    sums = np.where(seen, before, 0) @ hot
    means = np.divide(sums, count, out=np.zeros_like(sums), where=count > 0)
    weight = _weight(before, means, count, place[:looks])[:, None]
    others = np.divide(
        sums[:, place[:looks]] - np.where(seen, before, 0), count[:, place[:looks]] - 1,
        out=np.zeros_like(before), where=count[:, place[:looks]] > 1,
    )  # fmt: skip
    return before - weight * others, after - weight * means[:, place[looks:]]


def autocorrelation(centred: Floats) -> Floats:
    """[row], of one look with the next; Kendall's bias is put back, below 0 counts as 0."""
    both = np.isfinite(centred[:, 1:]) & np.isfinite(centred[:, :-1])
    filled = np.nan_to_num(centred)
    number = np.maximum(both.sum(1), 4)
    power = np.square(filled).sum(1) / np.maximum(np.isfinite(centred).sum(1), 1)
    product = (filled[:, 1:] * filled[:, :-1] * both).sum(1) / number
    raw = np.divide(product, power, out=np.zeros_like(power), where=power > 0)
    return np.clip((raw + 1 / number) / (1 - 3 / number), 0, STRONGEST)


def shrunk(own: Floats, looks: int) -> Floats:
    """Each series' autocorrelation, drawn to their mean by what chance alone would scatter."""
    mean = float(own.mean())
    scatter = (1 - mean**2) / looks
    found = float(own.var())
    return mean + max(0.0, 1 - scatter / found) * (own - mean) if found > 0 else own


def clearly(own: Floats, like: Course, looks: int) -> Floats:
    """What single series say of a look and the next, or more where a mean over some does.

    The more they say, the more a mean's own value beyond it is chance.
    """
    told = float(like.autocorrelation.mean())
    return np.maximum(told, own - told * np.sqrt((1 - told**2) / looks))


def whitened(before: Floats, after: Floats, phi: Floats) -> tuple[Floats, Floats]:
    """Less phi times the look before; where that is unknown, as wide as the rest."""
    whole = np.concatenate([before, after], axis=1)
    last = np.concatenate([np.full((len(whole), 1), np.nan), whole[:, :-1]], axis=1)
    factor = phi[:, None]
    rest = np.where(np.isfinite(last), whole - factor * last, whole * np.sqrt(1 - factor**2))
    looks = before.shape[1]
    return rest[:, :looks], rest[:, looks:]


def normal_scores(before: Floats, after: Floats) -> Floats:
    """Of each look's rank among the row's reference; ties count half."""
    size = np.isfinite(before).sum(1)
    table = _quantiles(before.shape[1])
    result = np.full(after.shape, np.nan)
    for row, (known, values) in enumerate(zip(np.sort(before, axis=1), after, strict=True)):
        known = known[: size[row]]  # noqa: PLW2901 - NaN is sorted to the end
        low = np.searchsorted(known, values, "left")
        high = np.searchsorted(known, values, "right")
        scores = table if size[row] == before.shape[1] else _quantiles(int(size[row]))
        result[row] = scores[low + high]
    return np.where(np.isfinite(after), result, np.nan)


def windowed(
    scores: Floats, looks: NDArray[np.int64], chosen: tuple[int, ...], wider: Floats
) -> tuple[Floats, Floats]:
    """The largest and the smallest (turned) standardised sum over the windows, [row, look] each.

    The deviation of a sum counts that the reference's own mean is known from `looks` only.
    """
    up = np.full(scores.shape, np.nan)
    down = up.copy()
    length = np.maximum(looks, 1)[:, None]
    for width, more in zip(chosen, wider, strict=True):
        if width > scores.shape[1]:
            break
        number, sums = _windows(scores, width)
        deviation = more * np.sqrt(number + number**2 / length)
        enough = number >= max(FULL * width, 1)
        value = np.divide(sums, deviation, out=np.full(sums.shape, np.nan), where=enough)
        up[:, width - 1 :] = np.fmax(up[:, width - 1 :], value)
        down[:, width - 1 :] = np.fmax(down[:, width - 1 :], -value)
    return up, down


def _weight(before: Floats, means: Floats, count: Floats, place: Any) -> Floats:
    """[row], 0 to 1: by the F ratio of the means by place."""
    looks, places = np.isfinite(before).sum(1), (count > 0).sum(1)
    rest = np.nan_to_num(before - means[:, place])
    within = np.square(rest).sum(1) / np.maximum(looks - places, 1)
    between = (count * means**2).sum(1) / np.maximum(places - 1, 1)
    ratio = np.divide(between, within, out=np.zeros_like(within), where=within > 0)
    return 1 - CLEAR / np.maximum(ratio, CLEAR)


def _mean(values: Floats) -> Floats:
    seen = np.isfinite(values)
    return np.where(seen, values, 0).sum(1) / np.maximum(seen.sum(1), 1)


def _running(values: Floats) -> Floats:
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)


@lru_cache(maxsize=1024)
def _quantiles(looks: int) -> Floats:
    """[2 * looks + 1] by twice the number of reference looks below, in one deviation."""
    levels = (np.arange(2 * looks + 1) / 2 + 0.5) / (looks + 1)
    return np.array([NormalDist().inv_cdf(level) for level in levels])
