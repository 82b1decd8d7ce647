"""LSTM (Hochreiter and Schmidhuber 1997) over the history, all of the horizon at once from its end."""

import torch
from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.decoder import Decoder
from loopcast.models.layers import join, stacked
from loopcast.models.network import Network, Widths, Window


class LSTM(Network):
    """Members run one after the other: a recurrent cell has no batched product over them."""

    def __init__(
        self, task: Task, widths: Widths, *, layers: int = 1, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.history, self.widths = task.history, widths
        between = dropout if layers > 1 else 0.0  # torch warns of dropout after the only layer
        self.cells = nn.ModuleList(
            nn.LSTM(
                2 + widths.past + widths.future, width, layers, batch_first=True, dropout=between
            )
            for _ in range(max(widths.members, 1))
        )
        self.dropout = nn.Dropout(dropout)
        self.decoder = Decoder(task, widths, width + widths.static)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window = stacked(window, self.widths)
        own = [window.target[..., None], window.mask[..., None], window.past]
        steps = torch.cat([*own, window.future[..., : self.history, :]], -1)
        state = self.dropout(self._last(steps))
        return self.decoder(join([state, window.static], self.widths.members), window)

    def _last(self, steps: Tensor) -> Tensor:
        """The top layer's state after the last step, [..., batch, width]."""
        if not self.widths.members:
            return self.cells[0](steps)[0][:, -1]
        each = steps.expand(self.widths.members, *[-1] * 3).unbind()
        states = [cell(part)[0][:, -1] for cell, part in zip(self.cells, each, strict=True)]
        return torch.stack(states)
