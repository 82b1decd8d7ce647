"""LSTM (Hochreiter and Schmidhuber 1997) over the history, all of the horizon at once from its end."""

from torch import Tensor, nn

from loopcast.core.task import Task
from loopcast.models.decoder import Decoder
from loopcast.models.layers import Recurrent, history_steps, join, stacked
from loopcast.models.network import Network, Widths, Window


class LSTM(Network):
    """The state after the last history step, and the static features, go to the decoder."""

    def __init__(
        self, task: Task, widths: Widths, *, layers: int = 1, width: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.widths = widths
        inputs = 2 + widths.past + widths.future
        self.recurrent = Recurrent(inputs, width, layers, dropout, widths.members)
        self.dropout = nn.Dropout(dropout)
        self.decoder = Decoder(task, widths, width + widths.static)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window, members = stacked(window, self.widths), self.widths.members
        state = self.recurrent(history_steps(window, members))[0][..., -1, :]
        return self.decoder(join([self.dropout(state), window.static], members), window)
