"""Networks that are trained side by side: in what they differ, and how they become one forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loopcast.core.errors import ConfigError
from loopcast.training.losses import Loss

Fields = dict[str, Tensor]
LEAST = 1


@dataclass(frozen=True)
class Members:
    """`count` networks in one; the first sees histories[0] and learns by losses[0], and so on, in turns.

    Each list may be shorter than `count`, or empty: then all see the whole history. A member's
    batch is a share of its own of the windows that are drawn.
    """

    count: int
    histories: Sequence[int] = ()
    losses: Sequence[Loss] = ()

    def __post_init__(self) -> None:
        if self.count < LEAST:
            raise ConfigError(f"model.members is {self.count}; it must be 1 or more")
        if wrong := [steps for steps in self.histories if steps < 1]:
            raise ConfigError(f"model.histories holds {wrong}; each must be 1 step or more")

    def refuse(self) -> None:
        """Raises ConfigError where there are fewer members than what is named for them."""
        told = f"there {'is 1 member' if self.count == 1 else f'are {self.count} members'}"
        if len(self.losses) > self.count:
            raise ConfigError(f"model.losses names {len(self.losses)} losses, but {told}")
        if self.histories and len(self.histories) > self.count:
            raise ConfigError(f"model.histories names {len(self.histories)} histories, but {told}")
        if self.histories and self.count == 1:
            raise ConfigError(
                f"model.histories is for several members, but {told}; name data.history"
            )

    def seen(self, history: int) -> Tensor | None:
        """Which steps each member sees, 1 or 0: [member, 1, history]; None where all see all."""
        spans = [min(history, span) for span in self.histories[: self.count]]
        if self.count == 1 or all(span == history for span in spans):
            return None
        ages = torch.arange(history, 0, -1)
        steps = torch.tensor(spans)[torch.arange(self.count) % len(spans)]
        return (ages <= steps[:, None, None]).to(torch.float32)

    def apart(self, fields: Mapping[str, Tensor]) -> Fields:
        """[member * batch, ...] -> [member, batch, ...]."""
        return {name: part.unflatten(0, (self.count, -1)) for name, part in fields.items()}

    def hidden(self, target: Tensor, seen: Tensor) -> Tensor:
        """The targets [member * batch, history] as each member sees them: NaN where it does not."""
        own = target.unflatten(0, (self.count, -1))
        return torch.where(seen > 0, own, float("nan")).flatten(0, 1)

    def combined(self, forecast: Tensor) -> Tensor:
        """Their median, level by level: [member, batch, horizon, quantile] loses its first axis."""
        if self.count == 1:
            return forecast
        ordered, count = forecast.sort(0).values, forecast.shape[0]
        low, high = (count - 1) // 2, count // 2
        return (ordered[low] + ordered[high]) / 2

    def averaged(self, mean: Tensor) -> Tensor:
        """The mean of their means: [member, batch, horizon, 1] -> [batch, horizon]."""
        return mean[..., 0] if self.count == 1 else mean[..., 0].mean(0)

    def loss(self, forecast: Tensor, actual: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
        """The sum of the members' losses, each by its own; all with a member axis in front."""
        turns = len(self.losses)
        parts = [
            own(forecast[turn::turns], actual[turn::turns], weight[turn::turns], levels)
            for turn, own in enumerate(self.losses)
            if turn < self.count
        ]
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum()
