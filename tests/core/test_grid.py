import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import (
    DuplicateRows,
    MissingColumn,
    NoRows,
    WrongTime,
    WrongType,
)
from loopcast.core.grid import grid
from loopcast.core.inputs import inputs
from loopcast.core.season import detect
from loopcast.core.task import Columns, Task

TASK = Task("y", "t", ("k",), "MS", 3, season=12, history=6, static=Columns((), ("k",)))


def with_(task, **changes):
    return Task.from_dict({**__import__("dataclasses").asdict(task), **changes})


@pytest.fixture(scope="module")
def retail(root):
    return pd.read_csv(root / "data" / "aus_retail.csv.gz")


def test_the_bundled_table_lands_on_the_grid_as_pandas_says(retail):
    task = Task("Turnover", "Month", ("State", "Industry"), "MS", 12, time_format="%Y %b")
    panel = grid(retail, task)
    assert len(panel) == 152
    assert panel.target[~np.isnan(panel.target)].sum() == pytest.approx(
        retail.Turnover.sum(), rel=1e-5
    )
    state, industry = panel.keys["State"][7], panel.keys["Industry"][7]
    chosen = retail[(retail.State == state) & (retail.Industry == industry)]
    rows = panel.target[panel.offsets[7] : panel.offsets[8]]
    np.testing.assert_allclose(rows[: len(chosen)], chosen.Turnover.to_numpy(), rtol=1e-6)
    assert detect(panel) == 12


def test_rows_in_any_order_give_the_same_panel(retail):
    task = Task("Turnover", "Month", ("State", "Industry"), "MS", 12, time_format="%Y %b")
    one, other = grid(retail, task), grid(retail.sample(frac=1, random_state=1), task)
    np.testing.assert_array_equal(one.target, other.target)
    np.testing.assert_array_equal(one.keys["State"], other.keys["State"])


def test_transactions_are_summed_by_week_and_the_partial_last_week_is_left_out():
    days = pd.date_range("2024-01-01", "2024-03-13", freq="D")  # ends on a Wednesday
    rows = {"k": ["a"] * len(days), "t": days.to_numpy(), "y": np.ones(len(days))}
    task = with_(TASK, frequency="W-SUN", aggregate="sum", gaps="zero")
    panel = grid(rows, task)
    assert panel.target.tolist() == [7.0] * 10


def test_a_gap_is_missing_or_zero_as_the_task_says():
    rows = {"k": ["a"] * 3, "t": ["2024-01-01", "2024-02-01", "2024-04-01"], "y": [1, 2, 4]}
    assert np.isnan(grid(rows, TASK).target[2])
    assert grid(rows, with_(TASK, gaps="zero")).target.tolist() == [1, 2, 0, 4]


def test_a_series_that_ended_earlier_is_filled_to_the_shared_origin():
    rows = {"k": ["a", "a", "b"], "t": ["2024-01-01", "2024-02-01", "2024-01-01"], "y": [1, 2, 3]}
    panel = grid(rows, TASK)
    assert panel.lengths.tolist() == [2, 2]
    assert np.isnan(panel.target[3])


def test_keys_are_text_and_one_is_one():
    rows = [
        {"k": 1, "t": "2024-01-01", "y": 1},
        {"k": "1", "t": "2024-02-01", "y": 2},
        {"k": 1.0, "t": "2024-03-01", "y": 3},
        {"k": "01", "t": "2024-03-01", "y": 4},
    ]
    panel = grid(rows, TASK)
    assert panel.keys["k"].tolist() == ["01", "1"]


def test_the_repeated_hour_is_aggregated_and_the_skipped_one_missing():
    times = pd.date_range("2024-10-26", "2024-10-28", freq="h", tz="Europe/Berlin")
    spring = pd.date_range("2024-03-30", "2024-04-01", freq="h", tz="Europe/Berlin")
    task = Task("y", "t", (), "h", 3, season=24, history=6, zone="Europe/Berlin")
    autumn = grid({"t": list(times), "y": np.arange(len(times))}, task)
    assert len(autumn.target) == len(times) - 1
    assert autumn.target[26] == 26.5
    assert np.isnan(grid({"t": list(spring), "y": np.ones(len(spring))}, task).target).sum() == 1


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ({"k": ["a"], "t": ["2024-01-01"]}, MissingColumn, "'y'"),
        ({"k": [], "t": [], "y": []}, NoRows, "no rows"),
        ({"k": ["a"], "t": ["soon"], "y": [1]}, WrongTime, "soon"),
        ({"k": ["a"], "t": ["2024-01-01"], "y": ["many"]}, WrongType, "many"),
        ({"k": ["a"] * 3, "t": ["2024-01-01"] * 2 + ["2024-02-01"], "y": [1, 1, 1]}, DuplicateRows, "2024-01"),
        ({"k": ["a"] * 60, "t": np.arange("2024-01-01", "2024-03-01", dtype="M8[D]"), "y": range(60)}, WrongTime, "aggregate"),
    ],
)  # fmt: skip
def test_bad_rows_say_what_to_do(rows, error, words):
    with pytest.raises(error, match=words):
        grid(rows, TASK)


def test_inputs_cut_the_named_window_and_pad_on_the_left():
    rows = {"k": ["a"] * 4, "t": ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"], "y": [1, 2, 3, 4]}  # fmt: skip
    panel = grid(rows, TASK)
    found = inputs(panel, TASK, np.array([0]), panel.origin - 1)
    np.testing.assert_array_equal(found["target"], [[np.nan, np.nan, np.nan, 1, 2, 3]])
    assert found["static.k"].tolist() == ["a"]


def test_known_ahead_rows_reach_beyond_the_origin():
    task = with_(TASK, future={"numeric": ["p"], "categorical": []})
    months = ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"]
    rows = {"k": ["a"] * 5, "t": months, "y": [1, 2, None, None, None], "p": [1, 2, 3, 4, 5]}
    panel = grid(rows, task)
    found = inputs(panel, task, np.array([0]), panel.origin)
    np.testing.assert_array_equal(found["future"][0, -5:, 0], [1, 2, 3, 4, 5])
    assert found["target"][0, -1] == 2
