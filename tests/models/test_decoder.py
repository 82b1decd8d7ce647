"""What the step head makes of history steps that are like a horizon step."""

from dataclasses import replace

import pytest
import torch

from loopcast.core.task import Task
from loopcast.models.decoder import LITTLE, LOOKS, Alike, StepHead
from loopcast.models.network import Widths, Window

TASK = Task("y", "t", (), "D", horizon=4, season=7, history=20, quantiles=(0.1, 0.5, 0.9))
WIDTHS = Widths(past=1, future=3, static=1, covariates=1)  # the last column: on promotion or not


def window(promoted):
    """Sales are 2 on promotion and -1 else; the calendar says nothing."""
    promoted = torch.tensor(promoted, dtype=torch.float)
    future = torch.zeros(1, TASK.history + TASK.horizon, 3)
    future[0, :, 2] = 6 * promoted
    target = (3 * promoted - 1)[None, : TASK.history]
    one = torch.ones(1, 1)
    return Window(target, torch.ones_like(target), 0 * one, one, target[..., None], future, one)


HISTORY = [0, 0, 1, 0] * 5
AHEAD = [1, 0, 0, 1]


@pytest.mark.parametrize("members", [0, 2])
def test_a_step_has_the_mean_of_the_steps_like_it(members):
    alike = Alike(TASK, replace(WIDTHS, members=members))
    given = window(HISTORY + AHEAD)
    if members:
        given = Window(*(part[None] for part in vars(given).values()))
    found = alike(given).reshape(max(members, 1), TASK.horizon, 2 * LOOKS)
    means, rests = found[..., ::2], found[..., 1::2]
    expected = torch.tensor([2.0, -1.0, -1.0, 2.0])[:, None].expand_as(means)
    assert torch.allclose(means, expected * rests, atol=1e-3)
    assert (rests > 0.9).all()  # they rest on five and on fifteen steps


def test_steps_that_were_not_observed_count_nothing():
    alike = Alike(TASK, WIDTHS)
    given = window(HISTORY + AHEAD)
    hidden = torch.tensor(HISTORY, dtype=torch.float)[None] == 0
    spoiled = replace(given, mask=hidden.float(), target=torch.where(hidden, given.target, 9.0))
    found = alike(spoiled)[0]
    assert torch.allclose(found[1:3], alike(given)[0, 1:3], atol=1e-3)
    assert (found[[0, 3]].abs() < 1e-3).all()  # no promotion was seen: the window's mean
    nothing = alike(replace(given, mask=0 * given.mask))
    assert not nothing.any()


def test_the_newest_of_the_steps_alike_weigh_most_and_few_are_drawn_to_the_mean():
    alike = Alike(TASK, WIDTHS)
    given = window([0] * 20 + [0] * 4)
    rising = replace(given, target=torch.linspace(-1, 1, 20)[None])
    assert (alike(rising)[..., ::2] > 0.1).all()
    once = window([0] * 19 + [1] + [1] * 4)
    means = alike(once)[..., ::2]
    assert torch.allclose(means, torch.tensor(2 / (1 + LITTLE)), atol=0.02)


def test_without_covariates_there_is_nothing_of_it():
    bare = StepHead(TASK, replace(WIDTHS, covariates=0), 8)
    full = StepHead(TASK, WIDTHS, 8)
    assert not any("alike" in name for name, _ in bare.named_parameters())
    assert sum(p.numel() for p in bare.parameters()) < 600
    assert sum(p.numel() for p in full.parameters()) > 4000


def test_untrained_it_forecasts_what_steps_alike_were():
    torch.manual_seed(0)
    head = StepHead(TASK, WIDTHS, 8)
    forecast = head(torch.zeros(1, TASK.horizon, 8), window(HISTORY + AHEAD))[0, :, 1]
    assert (forecast[[0, 3]] > forecast[[1, 2]] + 1).all()
