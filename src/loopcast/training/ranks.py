"""What several processes that train one forecaster have in common, and what is each one's own."""

import numpy as np
import torch
from torch import Tensor

Kept = list[tuple[Tensor, Tensor]]
"""Numbers of windows [batch], and what was forecast for them [batch, ...]."""


def in_order(kept: Kept) -> Tensor:
    """What all ranks kept, by the windows' numbers."""
    parts = [kept]
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        parts = [None] * torch.distributed.get_world_size()  # type: ignore[list-item]
        torch.distributed.all_gather_object(parts, kept)
    numbers = torch.cat([number for part in parts for number, _ in part])
    values = torch.cat([value for part in parts for _, value in part])
    first = np.unique(numbers.numpy(), return_index=True)[1]  # few windows are on all ranks
    return values[torch.from_numpy(first)]


def mixed(seed: int, step: int, rank: int) -> int:
    """One seed of three; apart from those of the draws."""
    return (seed * 1_000_003 + step * 7919 + rank * 104_729 + 500_009) % (2**63)
