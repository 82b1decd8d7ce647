"""What the inputs show, compared with the same season of the train part: explains, never alarms.

Read from what the network saw (the histories in the ledger) and from the card of the version.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.naive import window_scale
from loopcast.monitoring.forecasts import Given

Floats = NDArray[np.floating[Any]]

LATEST = 12
"""Steps before the newest origin whose forecasts are looked at, or a season."""
OUTSIDE = 0.10
"""Share of changes outside the train part's middle 98 % that is worth a word."""
RISEN = 0.10
"""So much more missing, or zero, than in the train part is."""
MIXED = 0.20
"""Half the sum of differences in share by category that is."""
JUMP = 100.0
"""The last season's level against the one before: a change of unit."""


def explanations(given: Given, card: Mapping[str, Any]) -> list[str]:
    """Sentences, or none; a version whose card says nothing is only looked at for unit jumps."""
    told = (card.get("monitoring") or {}).get("inputs") or {}
    newest = _newest(given)
    if not len(newest):
        return []
    history = given.part.history[newest].astype(np.float64)
    found = [*_units(given, newest, history)]
    if told:
        origin = given.part.origin[newest]
        found += [*_changes(history, origin, given.task.season, told)]
        found += [*_shares(history, given.task.season, told)]
        found += [*_texts(given, newest, told)]
    return found


def _newest(given: Given) -> NDArray[np.int64]:
    """The newest forecast of each series that was forecast of late and whose history is kept."""
    origin, (rows, _) = given.part.origin, given.rows
    kept = np.isfinite(given.part.history).any(1)
    kept &= origin > origin.max(initial=0) - max(given.task.season, LATEST)
    order = np.flatnonzero(kept)[np.argsort(origin[kept], kind="stable")]
    _, last = np.unique(rows[order][::-1], return_index=True)
    return order[::-1][last] if len(order) else order


def _units(given: Given, newest: Any, history: Floats) -> Iterator[str]:
    season = max(given.task.season, 1)
    if history.shape[1] < 2 * season:
        return
    now, was = _level(history[:, -season:]), _level(history[:, -2 * season : -season])
    ratio = np.divide(now, was, out=np.ones_like(now), where=(now > 0) & (was > 0))
    jumped = np.flatnonzero((ratio >= JUMP) | (ratio <= 1 / JUMP))
    if len(jumped):
        key = given.part.keys[int(newest[jumped[0]])]
        name = ", ".join(key.values()) or "the series"
        yield (
            f"the level of {len(jumped)} series jumped, e.g. {name} by a factor of"
            f" {ratio[jumped[0]]:.3g}: another unit?"
        )


def _level(values: Floats) -> Floats:
    seen = np.isfinite(values)
    return np.where(seen, np.abs(values), 0).sum(1) / np.maximum(seen.sum(1), 1)


def _changes(history: Floats, origin: Any, season: int, told: Mapping[str, Any]) -> Iterator[str]:
    """The last season's changes from the season before, by place, in the window's scale."""
    places, season = told.get("target"), max(season, 1)
    if not places or history.shape[1] < 2 * season:
        return
    scale = window_scale(history, season)
    moved = history[:, -season:] - history[:, -2 * season : -season]
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.where(scale[:, None] > 0, moved / scale[:, None], np.nan)
    step = origin[:, None] + np.arange(1 - season, 1)
    place = step % season * len(places) // season
    edges = np.array(
        [[_number(one["quantiles"].get(level)) for level in ("0.01", "0.99")] for one in places]
    )
    known = np.isfinite(moved)
    if not known.any():
        return
    for side, what in ((moved < edges[place, 0], "below"), (moved > edges[place, 1], "above")):
        share = float(side[known].mean())
        if share > OUTSIDE:
            yield (
                f"{share:.0%} of the last season's changes lie {what} what the same season of the"
                " train part had (1 % did)"
            )


def _shares(history: Floats, season: int, told: Mapping[str, Any]) -> Iterator[str]:
    last = history[:, -max(season, 1) :]
    known = np.isfinite(last)
    zero = float((last[known] == 0).mean()) if known.any() else 0.0
    for name, share in (("missing", float((~known).mean())), ("zero", zero)):
        before = float(told.get(name) or 0.0)
        if share > before + RISEN:
            yield f"{share:.0%} of the last season's target is {name}, {before:.0%} of the train part was"


def _texts(given: Given, newest: Any, told: Mapping[str, Any]) -> Iterator[str]:
    """Key columns only: others are not in the ledger."""
    for column in given.task.series:
        shares = told.get(f"text.static.{column}")
        if not shares:
            continue
        names, counts = np.unique(given.static(column)[newest].astype(str), return_counts=True)
        complete = sum(shares.values()) > 0.999  # else the card left the rare ones out
        new = [name for name in names if name not in shares]
        if new and complete:
            yield f"{column} has {len(new)} new categories, e.g. {new[0]}"
        now = dict(zip(names.tolist(), (counts / counts.sum()).tolist(), strict=True))
        if not complete:  # then they are one
            now = {name: now.get(name, 0.0) for name in shares}
            now[""], shares = 1 - sum(now.values()), {**shares, "": 1 - sum(shares.values())}
        apart = sum(abs(now.get(n, 0) - shares.get(n, 0)) for n in {*now, *shares}) / 2
        if apart > MIXED:
            yield f"the mix of {column} differs from the train part's: {apart:.0%} of series moved"


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)
