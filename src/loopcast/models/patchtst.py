"""PatchTST: a transformer over patches of the history (Nie et al., arXiv 2211.14730).

Not in the paper: a patch holds its steps' covariates and mask too; a first token holds the static
features and the horizon's covariates; patches without any observed step are not attended to; layer
instead of batch normalisation; the flattened tokens go to the decoder that all networks share.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from loopcast.core.task import Task
from loopcast.models.decoder import Decoder
from loopcast.models.layers import Linear, Narrow, Norm, divided, history_steps, join, stacked
from loopcast.models.network import Network, Widths, Window


class PatchTST(Network):
    """`patch`: steps in a patch, `stride`: steps from one to the next; `heads` divides `width`."""

    def __init__(
        self,
        task: Task,
        widths: Widths,
        *,
        patch: int = 16,
        stride: int = 8,
        layers: int = 2,
        width: int = 64,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        divided(width, heads)
        self.horizon, self.widths, members = task.horizon, widths, widths.members
        self.patch, self.stride = min(patch, task.history), min(stride, patch, task.history)
        self.missing = -(task.history - self.patch) % self.stride
        tokens = 2 + (task.history + self.missing - self.patch) // self.stride
        self.enter = Linear(self.patch * (2 + widths.past + widths.future), width, members)
        self.future = Narrow(widths.future, task.horizon, members=members)
        self.first = Linear(widths.static + self.future.outputs, width, members)
        place = torch.randn(members, 1, tokens, width) if members else torch.randn(tokens, width)
        self.place = nn.Parameter(0.02 * place)
        self.layers = nn.ModuleList(Layer(width, heads, dropout, members) for _ in range(layers))
        self.decoder = Decoder(task, widths, tokens * width)

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        window, members = stacked(window, self.widths), self.widths.members
        patches = self._patches(history_steps(window, members))  # [..., patch, feature, step]
        ahead = self.future(window.future[..., -self.horizon :, :])
        first = self.first(join([window.static, ahead], members))[..., None, :]
        tokens = torch.cat([first, self.enter(patches.flatten(-2))], -2) + self.place
        observed = self._patches(window.mask[..., None]).amax((-2, -1)) > 0
        seen = pad(observed, (1, 0), value=True)  # attention over nothing has no defined value
        for layer in self.layers:
            tokens = layer(tokens, seen)
        return self.decoder(tokens.flatten(-2), window)

    def _patches(self, steps: Tensor) -> Tensor:
        """[..., step, feature] -> [..., patch, feature, step]; the newest patch is always full."""
        return pad(steps, (0, 0, self.missing, 0)).unfold(-2, self.patch, self.stride)


class Layer(nn.Module):
    """Multi-head attention and a hidden layer (Vaswani et al., arXiv 1706.03762)."""

    def __init__(self, width: int, heads: int, dropout: float, members: int) -> None:
        super().__init__()
        self.heads = heads
        self.attend, self.back = Linear(width, 3 * width, members), Linear(width, width, members)
        self.hidden = Linear(width, 2 * width, members)
        self.leave = Linear(2 * width, width, members)
        self.norms = nn.ModuleList([Norm(width, members), Norm(width, members)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, seen: Tensor) -> Tensor:
        """Tokens [..., batch, token, width], same shape; seen [..., batch, token]."""
        tokens = self.norms[0](tokens + self.dropout(self.back(self._attended(tokens, seen))))
        hidden = self.dropout(gelu(self.hidden(tokens)))
        return self.norms[1](tokens + self.dropout(self.leave(hidden)))

    def _attended(self, tokens: Tensor, seen: Tensor) -> Tensor:
        split = self.attend(tokens).unflatten(-1, (3, self.heads, -1)).transpose(-2, -4)
        query, key, value = split.unbind(-3)  # [..., batch, head, token, width / heads]
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        shares = scores.masked_fill(~seen[..., None, None, :], -math.inf).softmax(-1)
        return (shares @ value).transpose(-2, -3).flatten(-2)
