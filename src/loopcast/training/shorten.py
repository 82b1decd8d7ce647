"""Windows of series that have only begun, cut from those of series that have a history.

So a series of three steps, or of none, is no surprise: its static and future columns must do.
"""

import torch
from torch import Tensor

from loopcast.core.errors import ConfigError

SKEW = 3
"""Few steps are more frequent than many: u ** SKEW of the history is kept, u even in [0, 1)."""
NAN = float("nan")


def sensible(share: float) -> float:
    """Raises ConfigError where it is no share."""
    if not 0 <= share <= 1:
        raise ConfigError(f"model.shorten is {share}; it is a share of windows, from 0 to 1")
    return share


def shortened(batch: dict[str, Tensor], share: float) -> None:
    """Hide all but the last k steps of the history of a share of the windows, in place.

    k is drawn for each from torch's generator, from 0 to the history. What is known ahead of the
    horizon stays. Windows are drawn at random, so it may be every n-th.
    """
    if share <= 0:
        return
    every = max(int(1 / share), 1)
    target = batch["target"][::every]
    history = target.shape[1]
    drawn = torch.rand(len(target), 1, device=target.device) ** SKEW
    if (rest := every * share) < 1:  # of every n-th, so many
        drawn[torch.rand_like(drawn) >= rest] = 1.0
    steps = torch.arange(history, 0, -1, device=target.device)  # so many before the horizon
    hidden = steps > (drawn * (history + 1)).long()
    for name, tensor in batch.items():
        if name.split(".", maxsplit=1)[0] in ("target", "past", "future"):
            shown = tensor[::every, :history]
            blank = NAN if tensor.is_floating_point() else 0
            shown.masked_fill_(hidden if shown.ndim == 2 else hidden[..., None], blank)
