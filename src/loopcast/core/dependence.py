"""How the errors of series go together: what their totals' ranges rest on.

Each actual of the validation part becomes a normal score by its own forecast: 0 at the median,
1.28 at the 0.9 quantile. The correlation of two series' scores is taken to be one share for all,
plus one more for each static column in which both hold the same text, as if a shock hit
everything, one state, one industry. The shares are fitted to the products of all pairs.
"""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
WIDE = 4.0
"""A score beyond it says that the range was too narrow, not how far series go together."""
MOST = 0.95
"""What shares may add up to."""


def dependence(
    actual: Array, quantiles: Array, levels: Sequence[float], place: Array, by: Mapping[str, Array]
) -> dict[str, Any] | None:
    """Shares by column for the card, plain JSON; None where no two series are known together.

    actual [window, horizon], quantiles [window, horizon, quantile]; windows of one `place`
    [window] are of one time. `by`: texts of the static columns, [window] each.
    """
    if len(levels) < 2:
        return None
    found = scores(actual, quantiles, levels)
    known = ~np.isnan(found)
    size = np.mean(np.square(found[known])) if known.any() else 0.0
    if not size:
        return None
    codes = [_codes(place), *(_codes(place, texts) for texts in by.values())]
    pairs, products = _moments(np.nan_to_num(found / np.sqrt(size)), known, codes)
    if not pairs[0, 0]:
        return None
    shares = _fitted(pairs, products)
    rounded = [float(f"{share:.4g}") for share in shares]
    return {
        "overall": rounded[0],
        "by": {column: share for column, share in zip(by, rounded[1:], strict=True) if share},
        "pairs": int(pairs[0, 0]) // 2,
    }


def scores(actual: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """[..., horizon]: where each actual lies in its forecast, in deviations of a normal one."""
    normal = deviates(levels)
    above = np.clip((actual[..., None] > quantiles).sum(-1), 1, len(normal) - 1)
    low = np.take_along_axis(quantiles, above[..., None] - 1, -1)[..., 0]
    high = np.take_along_axis(quantiles, above[..., None], -1)[..., 0]
    wide = np.where(high > low, high - low, np.nan)
    step = normal[above] - normal[above - 1]
    return np.clip(normal[above - 1] + (actual - low) / wide * step, -WIDE, WIDE)


def deviates(levels: Sequence[float]) -> NDArray[np.float64]:
    """The normal distribution's quantiles."""
    return np.array([NormalDist().inv_cdf(level) for level in levels])


def _codes(place: Array, texts: Array | None = None) -> NDArray[np.int64]:
    """A number for each group of one place (and text), [window]."""
    code = np.unique(place, return_inverse=True)[1]
    if texts is None:
        return code
    within = np.unique(np.asarray(texts, dtype=str), return_inverse=True)[1]
    return np.unique(code * (within.max() + 1) + within, return_inverse=True)[1]


def _moments(
    found: Array, known: NDArray[np.bool_], codes: Sequence[NDArray[np.int64]]
) -> tuple[Array, Array]:
    """Ordered pairs that share both columns [column, column], and sums of products [column]."""
    pairs, products = np.zeros((len(codes), len(codes))), np.zeros(len(codes))
    for one, code in enumerate(codes):
        for step in range(found.shape[1]):
            total = np.bincount(code, found[:, step])
            products[one] += np.square(total).sum() - np.square(found[:, step]).sum()
        for two in range(one, len(codes)):
            both = np.unique(code * (codes[two].max() + 1) + codes[two], return_inverse=True)[1]
            for step in range(found.shape[1]):
                count = np.bincount(both, known[:, step])
                pairs[one, two] += (count * (count - 1)).sum()
            pairs[two, one] = pairs[one, two]
    return pairs, products


def _fitted(pairs: Array, products: Array) -> Array:
    """Least squares, none below 0: the lowest is left out until all are at or above it."""
    kept = [i for i in range(len(products)) if pairs[i, i]]
    shares = np.zeros(len(products))
    while kept:
        found = np.linalg.lstsq(pairs[np.ix_(kept, kept)], products[kept], rcond=None)[0]
        if found.min() >= 0:
            shares[kept] = found
            break
        kept.pop(int(found.argmin()))
    return shares * min(1.0, MOST / max(shares.sum(), MOST))
