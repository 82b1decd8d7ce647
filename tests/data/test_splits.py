"""Train, validation and test: cut at the end of time, each part as long as it can be."""

import numpy as np
import pytest
from checks_data import rows, task

from loopcast.core.errors import ConfigError
from loopcast.core.grid import grid
from loopcast.core.panel import Panel
from loopcast.data.splits import Splits, origins, shares, split


def panel(steps: int, series: int = 2) -> Panel:
    return grid(rows(series=series, steps=steps), task())


def lengths(panel: Panel, parts: Splits) -> list[int]:
    """Steps to learn from, to validate and to test, of the first series."""
    ends = [panel.start[0] - 1, parts.train[0], parts.validation[0], panel.origin[0]]
    return np.diff(ends).tolist()


def test_each_part_is_a_horizon_by_default() -> None:
    data = panel(84)
    parts = split(data, 6, None, None)
    assert lengths(data, parts) == [72, 6, 6]
    assert parts.notes == ()


def test_short_series_keep_most_to_learn_from_and_say_so() -> None:
    data = panel(24)
    parts = split(data, 12, None, None)
    assert lengths(data, parts) == [16, 4, 4]
    assert "4 steps each instead of the horizon of 12" in parts.notes[0]
    assert "16 are left to learn from" in parts.notes[0]
    assert lengths(panel(3), split(panel(3), 12, None, None)) == [1, 1, 1]


def test_named_parts_are_kept_and_nothing_is_told() -> None:
    data = panel(24)
    parts = split(data, 12, 5, 7)
    assert lengths(data, parts) == [12, 5, 7]
    assert parts.notes == ()


@pytest.mark.parametrize(
    ("validation", "test", "wanted"),
    [(0, 6, [78, 0, 6]), (6, 0, [78, 6, 0]), (0, 0, [84, 0, 0]), (None, 0, [78, 6, 0])],
)
def test_parts_can_be_left_out(validation, test, wanted) -> None:
    data = panel(84)
    assert lengths(data, split(data, 6, validation, test)) == wanted


def test_parts_that_leave_nothing_or_are_negative_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"12\) and test \(12\) take all of the 24 steps"):
        split(panel(24), 6, 12, 12)
    with pytest.raises(ConfigError, match="neither can be negative"):
        split(panel(24), 6, -1, 0)


def test_series_with_one_origin_are_cut_at_the_same_time() -> None:
    table = rows()
    late = (table["shop"] == "shop 02") & (table["time"] < np.datetime64("2023-01-01"))
    data = grid({name: column[~late] for name, column in table.items()}, task())
    parts = split(data, 6, None, None)
    assert len(set(parts.train.tolist())) == 1
    assert len(set(parts.validation.tolist())) == 1


def test_a_part_of_one_horizon_is_judged_in_one_window() -> None:
    series, origin = origins(np.array([77, 77]), np.array([83, 83]), stride=6)
    assert series.tolist() == [0, 1]
    assert origin.tolist() == [77, 77]


def test_longer_parts_are_judged_in_windows_a_stride_apart() -> None:
    series, origin = origins(np.array([60, 70]), np.array([72, 77]), stride=6)
    assert list(zip(series.tolist(), origin.tolist(), strict=True)) == [
        (0, 60), (0, 66), (1, 70), (1, 76),
    ]  # fmt: skip


def test_an_empty_part_has_no_window() -> None:
    series, origin = origins(np.array([60]), np.array([60]), stride=6)
    assert len(series) == len(origin) == 0


def test_halves_of_the_series_choose_weights_and_calibrate_whatever_came_later():
    names = [f"shop {number}" for number in range(60)]
    series = np.repeat(np.arange(60), 2)
    stopping, calibrating = shares(series, names)
    assert (stopping == ~calibrating).all()
    assert calibrating.sum() == 60
    assert (calibrating[::2] == calibrating[1::2]).all()
    order = np.random.default_rng(0).permutation(60)
    again = shares(series, [names[number] for number in order])[1]
    assert (again[::2] == calibrating[::2][order]).all()


def test_few_series_are_halved_by_time_or_not_at_all():
    stopping, calibrating = shares(np.array([3, 3, 3, 3, 3, 7]), ["" for _ in range(8)])
    assert calibrating.tolist() == [False, False, True, True, True, True]
    assert stopping.tolist() == [True, True, False, False, False, False]
    for series in (np.array([0, 1, 2]), np.zeros(0, np.int64)):
        assert all(part.all() for part in shares(series, ["a", "b", "c"]))
