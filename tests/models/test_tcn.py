"""The TCN's shortcut gives what the paper's convolutions give."""

import pytest
import torch
from torch.nn.functional import conv1d, pad
from torch.testing import assert_close

from loopcast.models.tcn import Block, enough


def dilated(causal, steps, dilation):
    """torch's own convolution, over all steps."""
    size, width = causal.kernel_size, steps.shape[-1]
    taps = causal.mix.weight.view(size, width, width).flip(0)  # tap 0 is the step itself
    padded = pad(steps.mT, ((size - 1) * dilation, 0))
    return conv1d(padded, taps.permute(2, 1, 0), causal.mix.bias, dilation=dilation).mT


@pytest.mark.parametrize("steps", [1, 2, 7, 24, 37])
def test_thinned_steps_are_those_of_dilated_convolutions_over_all_steps(steps):
    torch.manual_seed(1)
    blocks = [Block(6, 3, 0.0, 0) for _ in range(4)]
    values = torch.randn(2, steps, 6)
    full = thin = values
    for level, block in enumerate(blocks):
        hidden = torch.relu(block.norms[0](dilated(block.first, full, 2**level)))
        hidden = torch.relu(block.norms[1](dilated(block.second, hidden, 2**level)))
        full, thin = torch.relu(full + hidden), block(thin)
        assert_close(thin[:, -1], full[:, -1])


@pytest.mark.parametrize(("history", "kernel_size"), [(1, 3), (5, 3), (6, 3), (48, 3), (100, 2)])
def test_blocks_are_as_many_as_it_takes_to_see_the_whole_history(history, kernel_size):
    def seen(blocks):
        return 1 + 2 * (kernel_size - 1) * sum(2**level for level in range(blocks))

    blocks = enough(history, kernel_size)
    assert seen(blocks) >= history
    assert blocks == 1 or seen(blocks - 1) < history
