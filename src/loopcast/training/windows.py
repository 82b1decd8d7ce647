"""Windows, gathered by index from flat tensors on the device; nothing is padded or copied."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from loopcast.core.panel import Panel
from loopcast.core.task import Task

Batch = dict[str, Tensor]
Sampling = Literal["windows", "series"]
NAN = float("nan")


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

    def pick(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Window numbers [batch] -> series and origins, [batch] each."""
        series = torch.searchsorted(self.ends, ids, right=True)
        nth = ids - torch.where(series > 0, self.ends[series - 1], 0)
        return series, self.first[series] + nth

    def of_series(self, series: Tensor, share: Tensor) -> Tensor:
        """The window that lies at `share` (0 to 1) of each given series' windows."""
        before = torch.where(series > 0, self.ends[series - 1], 0)
        count = self.ends[series] - before
        return before + torch.minimum((share * count).long(), count - 1)

    def gather(self, series: Tensor, origin: Tensor) -> Batch:
        """The artifact's inputs by name (text as codes), and "actual" and "weight" [batch, horizon]."""
        steps = torch.arange(1 - self.history, self.horizon + 1, device=origin.device)
        within = (origin - self.start[series])[:, None] + steps  # [batch, history + horizon]
        inside = (within >= 0) & (within < self.length[series][:, None])
        rows = torch.where(inside, within + self.offset[series][:, None], 0)
        seen = inside & (within <= (self.limit - self.start)[series][:, None])
        target = torch.where(seen, self.tensors["target"][rows], NAN)
        batch = {"target": target[:, : self.history], "origin": origin}
        batch["actual"] = target[:, self.history :]
        for name, tensor in self.tensors.items():
            if name != "target":
                batch[name] = self._column(name, tensor, series, rows, inside)
        return batch

    def _column(
        self, name: str, tensor: Tensor, series: Tensor, rows: Tensor, inside: Tensor
    ) -> Tensor:
        axis = name.split(".", maxsplit=1)[0]
        if axis == "static":
            return tensor[series]
        part = slice(None)
        if axis == "past":
            part = slice(None, self.history)
        elif axis == "weight":
            part = slice(self.history, None)
        missing = 0 if "." in name else NAN
        inside = inside[:, part]
        values = tensor[rows[:, part]]
        return torch.where(
            inside[..., None] if values.ndim > inside.ndim else inside, values, missing
        )


def windows(
    panel: Panel,
    task: Task,
    codes: dict[str, np.ndarray[Any, Any]],
    limit: np.ndarray[Any, Any],
) -> Windows:
    """All training windows whose targets are known up to `limit` [series].

    A series shorter than history + horizon still gives windows: its history is padded and the
    horizon may run over the end (those steps are masked), by a quarter of its length at most.
    """
    seen = np.maximum(np.minimum(limit, panel.origin) - panel.start + 1, 0)
    quarter = np.maximum(seen // 4, 1)
    first = panel.start + np.minimum(task.history, quarter) - 1
    last = panel.start + seen - 1 - np.minimum(task.horizon, quarter)
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

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Tensor]:
        eligible = self._eligible()
        for _ in range(self.steps):
            generator = torch.Generator().manual_seed(
                self.seed * 1_000_003 + self.step * self.world + self.rank
            )
            self.step += 1
            yield self._draw(generator, eligible)

    def _eligible(self) -> Tensor:
        counts = torch.diff(self.windows.ends.cpu(), prepend=torch.zeros(1, dtype=torch.int64))
        return counts.nonzero()[:, 0]

    def _draw(self, generator: torch.Generator, eligible: Tensor) -> Tensor:
        if self.sampling == "windows":
            return torch.randint(len(self.windows), (self.batch,), generator=generator)
        series = eligible[torch.randint(len(eligible), (self.batch,), generator=generator)]
        share = torch.rand(self.batch, generator=generator)
        return self.windows.of_series(
            series.to(self.windows.ends.device), share.to(self.windows.ends.device)
        )

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
