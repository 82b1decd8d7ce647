"""What networks tell of how a forecast came about."""

import pytest
import torch
from torch.testing import assert_close

from loopcast.core.task import Task
from loopcast.models.nbeats import NBEATS, basis
from loopcast.models.network import Widths, Window
from loopcast.models.tft import TFT

TASK = Task("y", "t", (), "MS", horizon=6, season=4, history=12, quantiles=(0.1, 0.5, 0.9))
WIDTHS = Widths(past=2, future=3, static=4)
both = pytest.mark.parametrize("members", [0, 2])


def window(batch=5):
    torch.manual_seed(2)
    return Window(
        torch.randn(batch, 12), torch.ones(batch, 12), torch.zeros(batch, 1), torch.ones(batch, 1),
        torch.randn(batch, 12, 2), torch.randn(batch, 18, 3), torch.randn(batch, 4),
    )  # fmt: skip


def shaken(network):
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return network.eval()


@both
def test_the_stacks_of_nbeats_add_up_to_its_forecast(members):
    widths = Widths(2, 3, 4, members)
    network = shaken(NBEATS(TASK, widths, stacks=("trend", "seasonality"), blocks=3, width=8))
    trend, seasonality, head = network.components(window())
    assert_close(trend + seasonality + head, network(window()))
    curvature = trend.diff(dim=-2).diff(dim=-2)  # of a parabola: the same at every step
    assert_close(curvature, curvature[..., :1, :].expand_as(curvature), atol=1e-5, rtol=1e-4)
    assert trend.abs().max() > 0
    assert seasonality.abs().max() > 0


def test_blocks_of_an_interpretable_stack_share_their_weights():
    def count(stacks, blocks):
        network = NBEATS(TASK, WIDTHS, stacks=stacks, blocks=blocks, width=8)
        return sum(weight.numel() for weight in network.parameters())

    assert count(("trend",), 3) == count(("trend",), 1)
    assert count(("generic",), 3) > count(("generic",), 1)


def test_the_seasonal_basis_has_a_wave_for_each_frequency_up_to_half():
    waves = basis("seasonality", 12)
    assert waves.shape == (11, 12)
    assert_close(waves @ waves.T, torch.diag((waves**2).sum(-1)), atol=1e-5, rtol=0)


@both
def test_the_tft_tells_how_much_each_feature_counts(members):
    network = shaken(TFT(TASK, Widths(2, 3, 4, members), width=8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    selection, first = network.selection(window()), network(window())
    stack = (members,) if members else ()
    assert selection["static"].shape == (*stack, 5, 4)
    assert selection["history"].shape == (*stack, 5, 12, 2 + 2 + 3)
    assert selection["horizon"].shape == (*stack, 5, 6, 3)
    for weights in selection.values():
        assert (weights >= 0).all()
        assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    assert_close(network(window()), first, atol=0, rtol=0)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_feature_without_weight_in_the_tft_moves_nothing():
    network = shaken(TFT(TASK, WIDTHS, width=8))
    given = window()
    with torch.no_grad():
        network.ahead.weigh.gated.norm.weight.zero_()
        network.ahead.weigh.gated.norm.bias.copy_(torch.tensor([-1e9, 0.0, 0.0]))
    assert network.selection(given)["horizon"][..., 0].abs().max() == 0
    chosen = network.ahead(given.future, network.contexts[0](network.static(given.static)))
    given.future[..., 0] += 100
    again = network.ahead(given.future, network.contexts[0](network.static(given.static)))
    assert_close(chosen, again)
