"""How much the members that see what is known ahead count, against those that do not see it.

Columns that all series share name the date, and a long training learns dates by heart. So a part of
the members never sees such columns, and each look at the validation part says what the others are
worth beside them (stacked generalization, Wolpert 1992).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from loopcast.core.errors import ConfigError
from loopcast.training.members import Fields

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What the members that see may count."""
TIE = 0.005
"""Losses that differ by such a part are alike: then what relies on fewer columns is preferred."""


def sensible(blind: float) -> float:
    """Raises ConfigError where it is no share of members that leaves some that see."""
    if not 0 <= blind < 1:
        raise ConfigError(f"model.blind is {blind}; it is a share of members, from 0 to below 1")
    return blind


class Trust(nn.Module):
    """The last `blind` of `count` members do not see the last `covariates` of the future columns.

    `share` is what the others count, part of the state; 1 until a look at the validation part.
    """

    share: Tensor
    shown: Tensor  # [member, 1, 1, column], 1 or 0

    def __init__(self, count: int, blind: int, columns: int, covariates: int) -> None:
        super().__init__()
        self.sizes = [count - blind, blind]
        shown = torch.ones(count, 1, 1, columns)
        shown[count - blind :, ..., columns - covariates :] = 0.0
        self.register_buffer("shown", shown, persistent=False)
        self.register_buffer("share", torch.tensor(1.0))

    @classmethod
    def of(cls, count: int, blind: float, columns: int, covariates: int) -> "Trust | None":
        """None where all members see the same; `blind` is a share of them, rounded down."""
        unseeing = int(count * blind)
        return cls(count, unseeing, columns, covariates) if covariates and unseeing else None

    def seen(self, fields: Fields) -> Fields:
        """A window's fields as each member sees them; all get a member axis, maybe of size 1."""
        if fields["target"].ndim == 2:
            fields = {name: part.unsqueeze(0) for name, part in fields.items()}
        return {**fields, "future": fields["future"] * self.shown}

    def mixed(self, groups: Sequence[Tensor], share: float | None = None) -> Tensor:
        """What both groups say, as one; `share` in place of the one that was chosen."""
        seeing, blind = groups
        return blind + (self.share if share is None else share) * (seeing - blind)

    def choose(self, losses: Tensor) -> int:
        """The place of the best share, of the loss of each; the least of those that are alike."""
        least = losses.min()
        place = int((losses <= least + TIE * least.abs()).int().argmax())
        self.share.fill_(SHARES[place])
        return place

    def told(self) -> str:
        """For people."""
        if not self.share:
            return (
                "columns known ahead are not used: the validation part is forecast better without"
            )
        return f"members that see the columns known ahead count {100 * float(self.share):.0f} %"
