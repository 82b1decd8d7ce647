"""When each series begins and ends, what is missing in between, and how long it stands still."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Panel
from loopcast.data.checks.blocks import Block, blocks

Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Life:
    """All [series]; "ago" is in steps before the origin. Series never observed hold zeros."""

    steps: Steps  # from the start to the origin
    observed: Steps
    zeros: Steps
    first_ago: Steps  # of the first observed step
    last_ago: Steps  # of the last observed step
    active_ago: Steps  # of the last one that is not zero
    awake_ago: Steps  # of the first one that is not zero
    absent: Steps  # steps not observed between the first and the last
    longest_gap: Steps
    rest: Steps  # how many observed steps the last value has stood
    longest_rest: Steps  # how many any value stood before
    zero_rest: Steps  # the same for zeros only
    total: NDArray[np.float64]  # sum of absolute values

    @property
    def span(self) -> Steps:
        """Steps from the first observed one to the last."""
        return np.where(self.observed > 0, self.first_ago - self.last_ago + 1, 0)


def lives(panel: Panel) -> Life:
    """One pass over all rows up to the origins."""
    kinds = {f.name: np.float64 if f.name == "total" else np.int64 for f in fields(Life)}
    columns: dict[str, NDArray[Any]] = {
        name: np.zeros(len(panel), kind) for name, kind in kinds.items()
    }
    for block in blocks(panel):
        for name, values in _measures(block).items():
            columns[name][block.series] = values
    return Life(**columns)


def _measures(block: Block) -> dict[str, NDArray]:
    target = block.target
    seen = ~np.isnan(target)
    observed = seen.sum(1)
    some = observed > 0
    steps = target.shape[1]
    first, last = _first(seen), steps - 1 - _first(seen[:, ::-1])
    active = seen & (target != 0)
    return {
        "steps": block.lengths,
        "observed": observed,
        "zeros": (target == 0).sum(1),
        "first_ago": np.where(some, steps - 1 - first, 0),
        "last_ago": np.where(some, steps - 1 - last, 0),
        "active_ago": np.where(active.any(1), _first(active[:, ::-1]), block.lengths),
        "awake_ago": np.where(active.any(1), steps - 1 - _first(active), 0),
        "absent": np.where(some, last - first + 1 - observed, 0),
        "total": np.nansum(np.abs(target), axis=1, dtype=np.float64),
        **_stands(target, seen),
    }


def _stands(target: NDArray, seen: NDArray) -> dict[str, NDArray]:
    """Gaps, and how many observed steps values stand."""
    at = np.arange(target.shape[1])
    held = np.maximum.accumulate(np.where(seen, at, -1), axis=1)  # the last observed step
    before = np.concatenate([np.full((len(target), 1), -1), held[:, :-1]], axis=1)
    earlier = np.take_along_axis(target, np.maximum(before, 0), axis=1)
    begins = seen & ((before < 0) | (target != earlier))
    since = np.maximum.accumulate(np.where(begins, at, -1), axis=1)
    count = np.cumsum(seen, axis=1)
    stood = np.where(seen, count - np.take_along_axis(count, np.maximum(since, 0), axis=1) + 1, 0)
    last = held[:, -1:]
    now = np.take_along_axis(since, np.maximum(last, 0), axis=1)
    past = np.where(at < now, stood, 0)
    return {
        "longest_gap": np.where(seen & (before >= 0), at - before - 1, 0).max(1),
        "rest": np.where(at >= now, stood, 0).max(1),
        "longest_rest": past.max(1),
        "zero_rest": np.where(target == 0, past, 0).max(1),
    }


def _first(mask: NDArray) -> NDArray[np.int64]:
    return mask.argmax(axis=1)
