"""Temporal Fusion Transformer (Lim et al., arXiv 1912.09363): chooses features, step by step.

Not in the paper: a variable is a feature column, embedded linearly without a gated network of its
own (so the choice is one product); only the horizon's steps attend; the step head that starts from
the seasonal naive forecast gives the quantiles, beside a linear skip from the target (as in TiDE),
because the normalised layers lose its level.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, glu

from loopcast.core.task import Task
from loopcast.models.decoder import StepHead
from loopcast.models.layers import Linear, Norm, Recurrent, by_step, divided, history_steps, stacked
from loopcast.models.network import Network, Widths, Window


class TFT(Network):
    """`heads` divides `width`; `selection` tells which features a window's forecast rests on."""

    def __init__(
        self,
        task: Task,
        widths: Widths,
        *,
        layers: int = 1,
        width: int = 64,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        divided(width, heads)
        self.depth, self.horizon = layers, task.horizon
        self.widths, members = widths, widths.members
        deep = (width, dropout, members)
        self.static = Selection(widths.static, 0, *deep)
        self.seen = Selection(2 + widths.past + widths.future, width, *deep)
        self.ahead = Selection(widths.future, width, *deep)
        self.contexts = nn.ModuleList(GRN(width, width, 0, *deep) for _ in range(4))
        self.encode = Recurrent(width, width, layers, dropout, members)
        self.decode = Recurrent(width, width, layers, dropout, members)
        self.recalled = Gated(width, width, dropout, members)
        self.enrich = GRN(width, width, width, *deep)
        self.attend = Attention(task, width, heads, members)
        self.attended = Gated(width, width, dropout, members)
        self.think = GRN(width, width, 0, *deep)
        self.leave = Gated(width, width, dropout, members)
        self.head = StepHead(task, widths, width)
        outputs = task.horizon * len(task.quantiles)
        self.skip = Linear(task.history, outputs, members).zero()

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window = stacked(window, self.widths)
        seen, ahead, (select, enrich, *begin) = self._parts(window)
        chosen = [self.seen(seen, select), self.ahead(ahead, select)]
        first = [torch.cat([part[..., None, :, :]] * self.depth, -3) for part in begin]
        past, state = self.encode(chosen[0], (first[0], first[1]))
        future, _ = self.decode(chosen[1], state)
        steps = self.recalled(torch.cat([past, future], -2), torch.cat(chosen, -2))
        rich = self.enrich(steps, enrich)
        own, rich_own = steps[..., -self.horizon :, :], rich[..., -self.horizon :, :]
        found = self.attended(self.attend(rich), rich_own)
        forecast = self.head(self.leave(self.think(found), own), window)
        return by_step(self.skip(window.target), self.horizon) + forecast

    def selection(self, window: Window) -> dict[str, Tensor]:
        """Weights that sum to 1 over the feature columns (the last axis), by kind of feature.

        "static" [..., batch, column]; "history" [..., batch, history, column]: target, mask, past
        and future columns; "horizon" [..., batch, horizon, column]: future columns.
        """
        window = stacked(window, self.widths)
        seen, ahead, (select, *_) = self._parts(window)
        return {
            "static": self.static.weights(window.static),
            "history": self.seen.weights(seen, select),
            "horizon": self.ahead.weights(ahead, select),
        }

    def _parts(self, window: Window) -> tuple[Tensor, Tensor, list[Tensor]]:
        static = self.static(window.static)
        contexts = [context(static) for context in self.contexts]
        ahead = window.future[..., -self.horizon :, :]
        return history_steps(window, self.widths.members), ahead, contexts


class Gated(nn.Module):
    """Layer normalisation of a skip plus what a gated linear unit lets through."""

    def __init__(self, inputs: int, outputs: int, dropout: float, members: int) -> None:
        super().__init__()
        self.gate = Linear(inputs, 2 * outputs, members)
        self.dropout, self.norm = nn.Dropout(dropout), Norm(outputs, members)

    def forward(self, values: Tensor, skip: Tensor) -> Tensor:
        """Values [..., inputs], skip [..., outputs] -> [..., outputs]."""
        return self.norm(skip + glu(self.gate(self.dropout(values)), -1))


class GRN(nn.Module):
    """Gated residual network, told a context of so many numbers (0: none)."""

    def __init__(
        self, inputs: int, outputs: int, told: int, width: int, dropout: float, members: int
    ) -> None:
        super().__init__()
        self.enter, self.back = Linear(inputs, width, members), Linear(width, width, members)
        self.told = Linear(told, width, members) if told else None
        self.skip = Linear(inputs, outputs, members) if inputs != outputs else nn.Identity()
        self.gated = Gated(width, outputs, dropout, members)

    def forward(self, values: Tensor, context: Tensor | None = None) -> Tensor:
        """Values [..., batch, (step,) inputs], context [..., batch, told] -> [..., outputs]."""
        hidden = self.enter(values)
        if self.told is not None and context is not None:
            hidden = hidden + self.told(context)[..., None, :]
        return self.gated(self.back(elu(hidden)), self.skip(values))


class Selection(nn.Module):
    """Each step's own weights over its columns, then the weighted columns' embeddings."""

    def __init__(self, columns: int, told: int, width: int, dropout: float, members: int) -> None:
        super().__init__()
        deep = (width, dropout, members)
        self.weigh = GRN(columns, columns, told, *deep)
        self.embed = Linear(columns, width, members)
        self.place = Linear(columns, width, members)
        self.grn = GRN(width, width, 0, *deep)

    def weights(self, values: Tensor, context: Tensor | None = None) -> Tensor:
        """[..., column], summing to 1."""
        return self.weigh(values, context).softmax(-1)

    def forward(self, values: Tensor, context: Tensor | None = None) -> Tensor:
        """[..., column] -> [..., width]."""
        weights = self.weights(values, context)
        return self.grn(self.embed(weights * values) + self.place(weights))


class Attention(nn.Module):
    """The paper's interpretable attention: heads share their values; the horizon's steps ask."""

    allowed: Tensor

    def __init__(self, task: Task, width: int, heads: int, members: int) -> None:
        super().__init__()
        self.horizon, self.heads, self.size = task.horizon, heads, width // heads
        self.query, self.key = Linear(width, width, members), Linear(width, width, members)
        self.value = Linear(width, self.size, members)
        self.back = Linear(self.size, width, members)
        allowed = torch.ones(task.horizon, task.history + task.horizon).tril(task.history) > 0
        self.register_buffer("allowed", allowed, persistent=False)

    def forward(self, steps: Tensor) -> Tensor:
        """[..., batch, history + horizon, width] -> [..., batch, horizon, width]."""
        query = self._heads(self.query(steps[..., -self.horizon :, :]))
        scores = query @ self._heads(self.key(steps)).transpose(-1, -2) / math.sqrt(self.size)
        shares = scores.masked_fill(~self.allowed, -math.inf).softmax(-1).mean(-3)
        return self.back(shares @ self.value(steps))

    def _heads(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.heads, -1)).transpose(-2, -3)
