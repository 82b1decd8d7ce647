"""Windows, gathered by index from flat tensors on the device; nothing is padded or copied."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from loopcast.core.panel import Panel
from loopcast.core.task import Task

Batch = dict[str, Tensor]
Sampling = Literal["windows", "series"]
NAN = float("nan")
JUDGING = 4096
"""Windows in a batch of validation and test, at most ..."""
LARGEST, FEWEST = 2**24, 64
"""... and pairs of a step to come and one of the history, where they are compared; some all the same."""


@dataclass(frozen=True)
class Windows:
    """A panel as flat tensors, and which origins of each series may be drawn.

    Row r of series i is grid step start[i] + r - offset[i]; targets after `limit[i]` are hidden.
    The allowed origins of series i are first[i], first[i] + 1, ...: `ends` counts them up, so that
    window w belongs to the first series whose `ends` exceeds w.
    """

    history: int
    horizon: int
    tensors: dict[str, Tensor]  # target [row], past/future [row, column], static, codes, weight
    start: Tensor  # [series]
    offset: Tensor  # [series]
    length: Tensor  # [series]
    limit: Tensor  # [series]
    first: Tensor  # [series]
    ends: Tensor  # [series]

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def to(self, device: torch.device | str) -> Self:
        """The same windows on another device."""
        moved: dict[str, Any] = {
            f.name: value.to(device)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return replace(self, tensors=tensors, **moved)

    def until(self, limit: np.ndarray) -> Self:
        """With the actuals of each series up to `limit` [series], and none after it."""
        return replace(self, limit=torch.from_numpy(limit.copy()).to(self.limit.device))

    def fits(self, device: torch.device) -> bool:
        """May the panel lie on the device? It takes half of the free memory at most."""
        if device.type != "cuda":
            return True
        held = sum(tensor.nbytes for tensor in self.tensors.values())
        return held <= torch.cuda.mem_get_info(device)[0] // 2

    @cached_property
    def _before(self) -> Tensor:
        """Windows of the series before each, [series]."""
        return torch.cat([self.ends.new_zeros(1), self.ends[:-1]])

    @cached_property
    def whole(self) -> bool:
        """Does every window that may be drawn lie inside its series, all its targets shown?"""
        count = self.ends - self._before
        begins = self.first - self.start - (self.history - 1)
        last = torch.minimum(self.length - 1, self.limit - self.start) + self.start
        over = self.first + count - 1 + self.horizon - last
        return not bool((((begins < 0) | (over > 0)) & (count > 0)).any())

    def pick(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Window numbers [batch] -> series and origins, [batch] each."""
        series = torch.searchsorted(self.ends, ids, right=True)
        return series, self.first[series] + ids - self._before[series]

    def draw(self, ids: Tensor) -> Batch:
        """What `gather` gives for window numbers [batch]; whole windows are copied row by row."""
        series, origin = self.pick(ids)
        if not self.whole:
            return self.gather(series, origin)
        begin = self.offset[series] + origin - self.start[series] - (self.history - 1)
        return self._batch(series, origin, lambda tensor, part: _runs(tensor, begin, part))

    def gather(self, series: Tensor, origin: Tensor) -> Batch:
        """The artifact's inputs by name (text as codes), and "actual" and "weight" [batch, horizon].

        Steps outside a series are NaN, or code 0.
        """
        steps = torch.arange(1 - self.history, self.horizon + 1, device=origin.device)
        at, start = origin[:, None], self.start[series][:, None]
        rows = (at + (self.offset[series][:, None] - start)) + steps  # [batch, history + horizon]
        inside = (steps >= start - at) & (steps < start + self.length[series][:, None] - at)
        seen = inside & (steps <= self.limit[series][:, None] - at)
        rows = rows.clamp(0, len(self.tensors["target"]) - 1)

        def cells(tensor: Tensor, part: slice) -> Tensor:
            flat = tensor.index_select(0, rows[:, part].flatten())
            shown = (seen if tensor is self.tensors["target"] else inside)[:, part]
            shown = shown[..., None] if tensor.ndim > 1 else shown
            values = flat.unflatten(0, shown.shape[:2])
            return torch.where(shown, values, NAN if tensor.is_floating_point() else 0)

        return self._batch(series, origin, cells)

    def _batch(
        self, series: Tensor, origin: Tensor, cells: Callable[[Tensor, slice], Tensor]
    ) -> Batch:
        """`cells` gives [batch, step, ...] of a tensor for a part of the steps."""
        past, ahead = slice(0, self.history), slice(self.history, self.history + self.horizon)
        target = cells(self.tensors["target"], slice(0, ahead.stop))
        batch = {"target": target[:, past], "origin": origin, "actual": target[:, ahead]}
        parts = {"past": past, "weight": ahead, "future": slice(0, ahead.stop)}
        for name, tensor in self.tensors.items():
            axis = name.split(".", maxsplit=1)[0]
            if axis == "static":
                batch[name] = tensor.index_select(0, series)
            elif axis in parts:
                batch[name] = cells(tensor, parts[axis])
        return batch


def _runs(tensor: Tensor, begin: Tensor, part: slice) -> Tensor:
    """The rows begin + part.start, ..., begin + part.stop - 1 of each begin: [batch, step, ...]."""
    size = part.stop - part.start
    shape = (len(tensor) - size + 1, size, *tensor.shape[1:])
    overlapping = tensor.as_strided(shape, (tensor.stride(0), *tensor.stride()))
    return overlapping.index_select(0, begin + part.start)


def judging(task: Task, ahead: bool) -> int:
    """Windows in a batch of judging; `ahead`: is anything known of the steps to come?

    Then each of them is compared with each step of the history, which takes room.
    """
    pairs = task.history * task.horizon
    return max(min(JUDGING, LARGEST // pairs), FEWEST) if ahead else JUDGING


def chunks(
    series: np.ndarray[Any, Any], origin: np.ndarray[Any, Any], size: int = JUDGING
) -> Iterator[Any]:
    """Windows in batches of judging size: pairs of series and origins, [batch] each."""
    both = torch.from_numpy(series).split(size), torch.from_numpy(origin).split(size)
    return zip(*both, strict=True)


def windows(
    panel: Panel,
    task: Task,
    codes: dict[str, np.ndarray[Any, Any]],
    limit: np.ndarray[Any, Any],
    partial: bool = False,
) -> Windows:
    """All training windows whose targets are known up to `limit` [series].

    A series shorter than history + horizon still gives windows: its history is padded and the
    horizon may run over the end (those steps are masked), by a quarter of its length at most.
    `partial`: in every series by all but one step, so that the newest histories are learned from.
    """
    seen = np.maximum(np.minimum(limit, panel.origin) - panel.start + 1, 0)
    quarter = np.maximum(seen // 4, 1)
    first = panel.start + np.minimum(task.history, quarter) - 1
    last = panel.start + seen - 1 - (1 if partial else np.minimum(task.horizon, quarter))
    counts = np.maximum(last - first + 1, 0)
    return _tensors(panel, task, codes, limit, first, np.cumsum(counts))


def _tensors(
    panel: Panel,
    task: Task,
    codes: dict[str, np.ndarray[Any, Any]],
    limit: np.ndarray[Any, Any],
    first: np.ndarray[Any, Any],
    ends: np.ndarray[Any, Any],
) -> Windows:
    tensors = {"target": panel.target}
    for name in ("past", "future", "static"):
        if getattr(panel, name).shape[1]:
            tensors[name] = getattr(panel, name)
    if panel.weight is not None:
        tensors["weight"] = panel.weight
    tensors |= codes
    return Windows(
        task.history,
        task.horizon,
        {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in tensors.items()},
        torch.from_numpy(panel.start),
        torch.from_numpy(panel.offsets[:-1].copy()),
        torch.from_numpy(panel.lengths),
        torch.from_numpy(limit.astype(np.int64)),
        torch.from_numpy(first.astype(np.int64)),
        torch.from_numpy(ends.astype(np.int64)),
    )


@dataclass(frozen=True)
class Pool:
    """The windows that may be drawn: all, or the last ones of each series."""

    ends: Tensor  # [series], counts the windows of all
    recent: Tensor  # [series], counts those of the pool
    eligible: Tensor  # series with a window

    @classmethod
    def of(cls, ends: Tensor, recent: int | None) -> Self:
        """`recent`: at most so many windows of each series, the newest."""
        counts = torch.diff(ends, prepend=ends.new_zeros(1))
        kept = counts if recent is None else counts.clamp(max=recent)
        return cls(ends, kept.cumsum(0), counts.nonzero()[:, 0])

    def draw(self, batch: int, sampling: Sampling, generator: torch.Generator) -> Tensor:
        """Window numbers, [batch]: each window as likely, or each series."""
        if sampling == "windows":
            count = int(self.recent[-1])
            ids = torch.randint(count, (batch,), generator=generator)
            if count == int(self.ends[-1]):  # all of them
                return ids
            series = torch.searchsorted(self.recent, ids, right=True)
            return self.ends[series] - (self.recent[series] - ids)
        some = torch.randint(len(self.eligible), (batch,), generator=generator)
        series = self.eligible[some]
        share = torch.rand(batch, generator=generator)
        counts = torch.diff(self.recent, prepend=self.recent.new_zeros(1))[series]
        back = torch.minimum((share * counts).long(), counts - 1) + 1
        return self.ends[series] - back


@dataclass
class Draws:
    """Endless epochs of window numbers, [batch] each; step n's draw depends on (seed, rank, n) alone.

    So a run that resumes at step n, or replays, sees the same windows, and no state is saved but n.
    """

    windows: Windows
    batch: int
    steps: int
    seed: int
    sampling: Sampling = "windows"
    rank: int = 0
    world: int = 1
    step: int = 0
    recent: Sequence[int | None] = (None,)
    members: int = 1

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Tensor]:
        ends = self.windows.ends.cpu()
        pools = [Pool.of(ends, recent) for recent in self.recent]
        for _ in range(self.steps):
            generator = torch.Generator().manual_seed(
                self.seed * 1_000_003 + self.step * self.world + self.rank
            )
            self.step += 1
            yield self._draw(pools, generator)

    def _draw(self, pools: Sequence["Pool"], generator: torch.Generator) -> Tensor:
        """Each member's windows from its own pool, the members' one after another."""
        if len(pools) == 1:
            return pools[0].draw(self.batch, self.sampling, generator)
        own = self.batch // self.members
        turns = [pools[member % len(pools)] for member in range(self.members)]
        return torch.cat([pool.draw(own, self.sampling, generator) for pool in turns])

    def state_dict(self) -> dict[str, int]:
        """What a checkpoint keeps."""
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on where `state` was taken."""
        self.step = state["step"]


@dataclass(frozen=True)
class Listed:
    """Given windows in batches, each rank every world-th: what validation, test and predict read.

    Yields [batch, 3]: number of the window, series, origin.
    """

    table: Tensor  # [window, 3]
    batch: int
    rank: int = 0
    world: int = 1

    def __len__(self) -> int:
        """The same on every rank, since ranks wait for each other at each batch."""
        return -(-len(self.table) // (self.batch * self.world))

    def __iter__(self) -> Iterator[Tensor]:
        if len(self.table):
            yield from self._mine().tensor_split(len(self))

    def _mine(self) -> Tensor:
        """All of them where there are fewer windows than ranks: none may stay away."""
        few = len(self.table) < self.world
        return self.table if few else self.table[self.rank :: self.world]
