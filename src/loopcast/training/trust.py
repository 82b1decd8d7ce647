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

    `share` is what the others count, part of the state; 1 until a look at the validation part. Where
    all see the same there is one group, and nothing to choose.
    """

    share: Tensor | None
    shown: Tensor | None  # [member, 1, 1, column], 1 or 0

    def __init__(self, count: int, blind: float, columns: int, covariates: int) -> None:
        """`blind`: share of the members, rounded down."""
        super().__init__()
        self.blind = int(count * blind) if covariates else 0
        self.sizes = [count - self.blind, self.blind] if self.blind else [count]
        shown = None
        if self.blind:
            shown = torch.ones(count, 1, 1, columns)
            shown[count - self.blind :, ..., columns - covariates :] = 0.0
        self.register_buffer("shown", shown, persistent=False)
        self.register_buffer("share", torch.tensor(1.0) if self.blind else None)

    @property
    def shares(self) -> tuple[float, ...]:
        """Those that `best` chooses from."""
        return SHARES if self.blind else (1.0,)

    def seen(self, fields: Fields) -> Fields:
        """A window's fields as each member sees them; with blind ones all get a member axis."""
        if self.shown is None:
            return fields
        if fields["target"].ndim == 2:
            fields = {name: part.unsqueeze(0) for name, part in fields.items()}
        return {**fields, "future": fields["future"] * self.shown}

    def groups(self, members: Tensor) -> Sequence[Tensor]:
        """[member, ...] -> those that see the same."""
        return members.split(self.sizes) if self.blind else [members]

    def mixed(self, groups: Sequence[Tensor], share: float | None = None) -> Tensor:
        """What the groups say, as one; `share` in place of the one that was chosen."""
        if self.share is None:
            return groups[0]
        seeing, blind = groups
        return blind + (self.share if share is None else share) * (seeing - blind)

    def best(self, losses: Tensor) -> Tensor:
        """The loss of the best share, of the loss of each; from now on it is the forecast's.

        Of those that are alike it is the least.
        """
        if self.share is None:
            return losses[0]
        least = losses.min()
        place = int((losses <= least + TIE * least.abs()).int().argmax())
        self.share.fill_(SHARES[place])
        return losses[place]

    def present(self, losses: Tensor) -> Tensor:
        """The loss of the share that was chosen."""
        return losses[0 if self.share is None else SHARES.index(float(self.share))]

    def told(self) -> str | None:
        """For people; None where there is no choice."""
        if self.share is None:
            return None
        if not self.share:
            return (
                "columns known ahead are not used: the validation part is forecast better without"
            )
        return f"members that see the columns known ahead count {100 * float(self.share):.0f} %"
