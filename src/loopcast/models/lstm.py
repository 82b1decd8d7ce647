"""LSTM encoder (Hochreiter and Schmidhuber 1997) with a direct head for each step of the horizon."""

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.layers import Linear, seasonal
from loopcast.models.network import Network, Widths, Window


class LSTM(Network):
    """`members` loop: a recurrent cell has no batched product over members."""

    def __init__(
        self, task: Task, widths: Widths, *, layers: int = 1, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.task = task
        seen = 2 + widths.past + widths.future
        self.cells = nn.ModuleList(
            nn.LSTM(seen, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
            for _ in range(max(widths.members, 1))
        )
        self.stacked = widths.members > 0
        self.step = Linear(width + widths.static + widths.future + 2, width, widths.members)
        self.place = Linear(width + widths.static, task.horizon * 8, widths.members)
        self.leave = Linear(width, len(task.quantiles), widths.members)
        self.fine = Linear(8, len(task.quantiles), widths.members)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        history, horizon = self.task.history, self.task.horizon
        own = [window.target[..., None], window.mask[..., None], window.past]
        sequence = torch.cat([*own, window.future[..., :history, :]], -1)
        state = self._encode(sequence)
        static = window.static.expand(*state.shape[:-1], -1)
        context = torch.cat([state, static], -1)
        naive, known = seasonal(window, self.task)
        ahead = window.future[..., -horizon:, :]
        ahead = torch.cat([ahead, naive[..., None], known[..., None]], -1)
        ahead = ahead.expand(*state.shape[:-1], horizon, ahead.shape[-1])
        spread = context[..., None, :].expand(*context.shape[:-1], horizon, context.shape[-1])
        hidden = torch.relu(self.step(torch.cat([spread, ahead], -1)))
        places = self.place(context)
        places = places.reshape(*places.shape[:-1], horizon, 8)
        return self.leave(hidden) + self.fine(torch.relu(places))

    def _encode(self, sequence: Tensor) -> Tensor:
        if not self.stacked:
            return self.cells[0](sequence)[0][..., -1, :]
        shared = sequence.ndim == 3
        parts = [sequence if shared else sequence[i] for i in range(len(self.cells))]
        return torch.stack([c(p)[0][:, -1] for c, p in zip(self.cells, parts, strict=True)])
