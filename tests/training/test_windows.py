from dataclasses import replace

import numpy as np
import pytest
import torch

from loopcast.core.panel import Panel
from loopcast.core.task import Columns, Task
from loopcast.training.losses import PinballLoss, weighted_mean
from loopcast.training.windows import Draws, Windows, windows

HISTORY, HORIZON = 6, 3
TASK = Task(
    target="sales",
    time="step",
    series=("shop",),
    frequency="1",
    history=HISTORY,
    horizon=HORIZON,
    past=Columns(("rain",), ()),
    future=Columns(("price",), ("event",)),
    quantiles=(0.5,),
)


def panel(lengths: list[int], hidden: int = 0) -> Panel:
    """Targets count 0, 1, ... through all rows; columns are multiples of them."""
    rows = np.arange(sum(lengths), dtype=np.float32)
    start = 10 * np.arange(len(lengths)) + 5
    return Panel(
        {"shop": np.array([str(i) for i in range(len(lengths))], object)},
        start,
        start + np.array(lengths) - 1 - hidden,
        np.r_[0, np.cumsum(lengths)],
        rows,
        2 * rows[:, None],
        3 * rows[:, None],
        np.zeros((len(lengths), 0), np.float32),
        weight=4 * rows,
    )


def cut(lengths: list[int], partial: bool = False) -> Windows:
    made = panel(lengths)
    codes = {
        "static.shop": np.arange(1, len(lengths) + 1),
        "future.event": np.arange(1, sum(lengths) + 1),
    }
    return windows(made, TASK, codes, made.origin, partial)


@pytest.mark.parametrize("lengths", [[40, 50, 60], [40, 7, 60, 1], [5, 4]])
def test_drawn_windows_are_the_gathered_ones(lengths: list[int]) -> None:
    found = cut(lengths)
    ids = torch.arange(len(found))
    drawn, gathered = found.draw(ids), found.gather(*found.pick(ids))
    assert drawn.keys() == gathered.keys()
    for name, values in drawn.items():
        torch.testing.assert_close(values, gathered[name], rtol=0, atol=0, equal_nan=True)


def test_long_series_are_read_without_masks_and_short_ones_with() -> None:
    assert cut([40, 50, 60]).whole
    assert not cut([40, 7, 60]).whole
    long = cut([40, 50, 60])
    assert not replace(long, limit=long.limit - 1).whole


def test_a_window_holds_the_rows_around_its_origin() -> None:
    batch = cut([40, 50]).gather(torch.tensor([1]), torch.tensor([15 + 20]))
    row = 40 + 20
    assert batch["target"][0].tolist() == list(range(row - 5, row + 1))
    assert batch["actual"][0].tolist() == [row + 1, row + 2, row + 3]
    assert batch["past"][0, :, 0].tolist() == [2 * r for r in range(row - 5, row + 1)]
    assert batch["future"][0, :, 0].tolist() == [3 * r for r in range(row - 5, row + 4)]
    assert batch["future.event"][0].tolist() == list(range(row - 4, row + 5))
    assert batch["weight"][0].tolist() == [4 * (row + 1), 4 * (row + 2), 4 * (row + 3)]
    assert batch["static.shop"].tolist() == [2]


def test_steps_outside_a_series_are_missing_never_its_neighbours() -> None:
    batch = cut([40, 50]).gather(torch.tensor([1, 0]), torch.tensor([15 + 1, 5 + 39]))
    assert batch["target"][0].isnan().tolist() == [True] * 4 + [False] * 2
    assert batch["future.event"][0].tolist()[:4] == [0] * 4
    assert batch["past"][0, :4].isnan().all()
    assert batch["actual"][1].isnan().all()
    assert batch["future"][1, -3:].isnan().all()


def test_targets_after_the_limit_are_hidden_and_known_ahead_columns_are_not() -> None:
    found = cut([40, 50])
    hidden = replace(found, limit=torch.tensor([5 + 20, 15 + 20]))
    batch = hidden.gather(torch.tensor([0]), torch.tensor([5 + 19]))
    assert batch["actual"][0].isnan().tolist() == [False, True, True]
    assert not batch["future"].isnan().any()


def test_every_window_of_a_long_series_can_be_drawn_and_lies_inside_it() -> None:
    found = cut([40, 50])
    assert len(found) == 40 + 50 - 2 * (HISTORY + HORIZON - 1)
    ids = torch.cat(list(Draws(found, 512, 4, seed=3)))
    assert ids.unique().tolist() == list(range(len(found)))
    assert not found.draw(ids)["actual"].isnan().any()


def test_a_step_draws_the_same_windows_whenever_it_comes() -> None:
    found = cut([40, 50])
    once = list(Draws(found, 8, 4, seed=3))
    again = Draws(found, 8, 2, seed=3)
    again.load_state_dict({"step": 2})
    assert all(torch.equal(a, b) for a, b in zip(once[2:], again, strict=True))
    assert not torch.equal(once[0], once[1])


def test_drawn_by_series_a_short_one_is_seen_as_often_as_a_long_one() -> None:
    found = cut([200, 20])
    ids = torch.cat(list(Draws(found, 1000, 4, seed=3, sampling="series")))
    share = (found.pick(ids)[0] == 1).float().mean()
    assert 0.45 < share < 0.55


def test_the_pinball_loss_is_the_larger_of_two_lines_and_so_is_its_slope() -> None:
    torch.manual_seed(1)
    levels = torch.tensor([0.1, 0.5, 0.9])
    forecast = torch.randn(2, 4, 5, 3, requires_grad=True)  # [member, batch, horizon, quantile]
    actual, weight = torch.randn(4, 5), torch.rand(4, 5)
    weight[0, 2] = 0
    error = actual[..., None] - forecast
    by_hand = torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    wanted = weighted_mean(by_hand, weight)
    loss = PinballLoss()(forecast, actual, weight, levels)
    torch.testing.assert_close(loss, wanted)
    slopes = [torch.autograd.grad(value, forecast)[0] for value in (loss, wanted)]
    torch.testing.assert_close(*slopes)


def test_partial_windows_reach_the_newest_history_and_hide_what_has_not_come() -> None:
    whole, partial = cut([40, 50]), cut([40, 50], partial=True)
    assert len(partial) == len(whole) + 2 * (TASK.horizon - 1)
    newest = partial.draw(torch.tensor([len(partial) - 1]))
    assert newest["target"][0].tolist() == list(range(83, 89))
    assert newest["actual"][0, 0] == 89
    assert newest["actual"][0, 1:].isnan().all()
