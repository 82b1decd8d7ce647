"""Which questions are worth a person's time, from the newest forecasts of the ledger.

worth = uncertainty x weight: the width of the outer range at the next step, in units of the
series' own seasonal error, times the series' mean level over that of all. Unknown keys and series
with an alarm count more. A small share is drawn at random, by a seed, so that what is believed to
be certain is looked at as well.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.store.matching import Matched
from loopcast.store.reviews import Question, Why

PRESSING = 3.0
"""How much more an unknown key or an alarm counts than width alone."""
UNKNOWN = "was not seen in training"
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Policy:
    """`share` of what is asked is drawn at random; the same seed draws the same."""

    share: float = 0.1
    seed: int = 1


def route(
    newest: Sequence[Matched],
    alarmed: Collection[Mapping[str, str]],
    asked: Collection[tuple[int, int]],
    room: int,
    policy: Policy,
) -> list[Question]:
    """At most `room` questions, never one of `asked` [(series, step)].

    `newest` holds one forecast a series; `alarmed` are keys, or parts of
    keys, with an open alarm.
    """
    rows = [question for part in newest for question in _questions(part, alarmed)]
    left = [one for one in _weighed(rows) if (one.series, one.step) not in asked]
    by_worth = sorted(left, key=lambda one: (-one.worth, one.series))
    by_lot = sorted(left, key=lambda one: _lot(policy.seed, one.series, one.step))
    chosen: dict[tuple[int, int], Question] = {}
    for place in range(room):
        drawn = _lot(policy.seed, len(asked) + place) < policy.share
        order = by_lot if drawn else by_worth
        found = next((one for one in order if (one.series, one.step) not in chosen), None)
        if found is None:
            break
        chosen[found.series, found.step] = replace(found, why="random") if drawn else found
    return list(chosen.values())


def _questions(
    part: Matched, alarmed: Collection[Mapping[str, str]]
) -> list[tuple[Question, float]]:
    """One a series, of its first step without an actual; `worth` is the uncertainty, beside the level."""
    open_ = np.isnan(part.actual)
    at = open_.argmax(1)
    rows = np.arange(len(part))
    chosen = part.quantiles[rows, at].astype(np.float64)  # [forecast, quantile]
    level = _level(part.history, chosen)
    uncertainty = (chosen[:, -1] - chosen[:, 0]) / _error(part.history, part.task["season"], level)
    return [
        (
            Question(
                int(part.series[i]), int(part.origin[i] + 1 + at[i]), part.answers[i], part.version,
                int(part.origin[i]), _why(part, i, alarmed), float(uncertainty[i]),
            ),
            float(level[i]),
        )
        for i in np.flatnonzero(open_.any(1) & np.isfinite(uncertainty)).tolist()
    ]  # fmt: skip


def _why(part: Matched, row: int, alarmed: Collection[Mapping[str, str]]) -> Why:
    if any(UNKNOWN in warning for warning in part.warnings[row]):
        return "unknown"
    held = part.keys[row].items()
    return "alarm" if any(one and one.items() <= held for one in alarmed) else "wide"


def _weighed(rows: Sequence[tuple[Question, float]]) -> list[Question]:
    mean = float(np.mean([level for _, level in rows])) if rows else 1.0
    found = []
    for one, level in rows:
        pressing = PRESSING if one.why in {"unknown", "alarm"} else 1.0
        found.append(replace(one, worth=one.worth * pressing * (level / mean if mean else 1.0)))
    return found


def _level(history: Floats, quantiles: Floats) -> Floats:
    """Mean size of each series, [forecast]; of its forecast where nothing was observed."""
    seen = ~np.isnan(history)
    total = np.abs(history).sum(1, where=seen, dtype=np.float64)
    guess = np.abs(quantiles[:, quantiles.shape[1] // 2])
    return np.where(seen.any(1), total / np.maximum(seen.sum(1), 1), guess)


def _error(history: Floats, season: int, level: Floats) -> Floats:
    """Mean absolute seasonal difference, [forecast]; a tenth of the level where there is none."""
    apart = np.abs(history[:, season:].astype(np.float64) - history[:, : -season or None])
    seen = ~np.isnan(apart)
    sums = apart.sum(1, where=seen)
    mean = np.divide(sums, seen.sum(1), out=np.zeros(len(history)), where=seen.any(1))
    error: Floats = np.where(mean > 0, mean, level / 10)
    return np.where(error > 0, error, np.nan)


def _lot(*what: int) -> float:
    """A number in [0, 1) that only depends on what it is drawn for."""
    digest = hashlib.sha256(",".join(map(str, what)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
