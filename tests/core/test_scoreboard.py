"""Scores against numbers worked out by hand, and the words they are told with."""

import json

import numpy as np
import pytest

from loopcast.core.scoreboard import CATEGORIES, OTHER, scoreboard
from loopcast.core.verdict import deciding, number, standing_out, table, value, verdict

LEVELS = (0.1, 0.5, 0.9)
ACTUAL = np.array([[10.0, 20.0], [4.0, np.nan], [100.0, 100.0]])
POINT = np.array([[12.0, 17.0], [4.0, 5.0], [100.0, 110.0]])
NAIVE = np.array([[14.0, 14.0], [6.0, 6.0], [80.0, 120.0]])
SCALE = np.array([2.0, 1.0, 0.0])


def fan(point, width=5.0):
    return np.stack([point - width, point, point + width], -1)


def board(point=POINT, naive=NAIVE, actual=ACTUAL, scale=SCALE, by=None):
    texts = {"shop": np.array(["a", "b", "c"], object)} if by is None else by
    return scoreboard(actual, fan(point), LEVELS, naive, fan(naive, 1.0), scale, texts)


def test_scores_are_those_worked_out_by_hand():
    ours = board()["overall"]
    # errors 2 3 0 . 0 10 over actuals 10 20 4 . 100 100
    assert ours["mae"] == pytest.approx(15 / 5)
    assert ours["rmse"] == pytest.approx((113 / 5) ** 0.5)
    assert ours["wape"] == pytest.approx(15 / 234)
    assert ours["bias"] == pytest.approx((2 - 3 + 0 + 0 + 10) / 234)
    assert ours["smape"] == pytest.approx(200 * (2 / 22 + 3 / 37 + 0 + 0 + 10 / 210) / 5)
    # windows: 2.5 / 2 and 0 / 1; the third has no scale
    assert ours["mase"] == pytest.approx((1.25 + 0) / 2)
    # inside +-5: all but the last
    assert ours["coverage_80"] == pytest.approx(4 / 5)
    # 0.1 and 0.9: 0.1 * (5 + e) and 0.1 * (5 - e), but beyond the range 0.9 * (e - 5); 0.5: |e| / 2
    low = [0.1 * 3, 0.1 * 8, 0.1 * 5, 0.1 * 5, 0.9 * 5]
    high = [0.1 * 7, 0.1 * 2, 0.1 * 5, 0.1 * 5, 0.1 * 15]
    total = sum(low) + 7.5 + sum(high)
    assert ours["pinball"] == pytest.approx(total / 15)
    assert ours["wql"] == pytest.approx(2 * total / 234 / 3)
    # the first two windows over their scales: both known steps of one, the known one of the other
    first, second = sum(low[:2]) + 2.5 + sum(high[:2]), low[2] + high[2]
    assert ours["spl"] == pytest.approx((first / 6 / 2 + second / 3 / 1) / 2)


def test_series_without_a_scale_and_unknown_steps_are_left_out_and_counted():
    found = board(scale=np.array([2.0, np.nan, 0.0]))
    assert found["counts"] == {
        "windows": 3, "steps": 5, "unknown_steps": 1, "zero_scale": 1, "undefined_scale": 1,
    }  # fmt: skip
    assert found["overall"]["mase"] == pytest.approx(1.25)
    text = table(found)
    assert "1 steps without an actual are not counted" in text
    assert "MASE leaves out 2 windows" in text
    assert "exactly (1) or is too short (1)" in text


def test_by_horizon_and_by_category_add_up_to_the_whole():
    found = board()
    first, second = found["by_horizon"]
    assert (first["step"], second["step"]) == (1, 2)
    assert first["mae"] == pytest.approx(2 / 3)
    assert second["mae"] == pytest.approx(13 / 2)
    assert second["naive"]["mae"] == pytest.approx((6 + 20) / 2)
    shops = found["by_category"]["shop"]
    assert list(shops) == ["c", "a", "b"]  # the largest first
    assert shops["a"]["bias"] == pytest.approx(-1 / 30)
    assert shops["c"]["mase"] is None
    assert sum(scores["windows"] for scores in shops.values()) == 3


def test_many_small_categories_are_one_other():
    count = CATEGORIES + 30
    actual = np.tile(np.arange(1.0, count + 1)[:, None], (1, 2))
    texts = np.array([f"sku {i}" for i in range(count)], object)
    found = board(actual, actual + 1, actual, np.ones(count), {"sku": texts})
    groups = found["by_category"]["sku"]
    assert len(groups) == CATEGORIES + 1
    assert groups[OTHER]["windows"] == 30
    assert "sku 0" not in groups


def test_a_forecast_that_beats_naive_says_by_how_much():
    found = board()
    assert found["beats_naive"]
    # naive: 5 / 2 and 2 / 1 -> 2.25; ours 0.625
    assert verdict(found).startswith("beats seasonal naive by 72%: MASE 0.625 against 2.25")
    assert "!!!" not in table(found)


def test_a_forecast_that_loses_to_naive_is_told_loudly():
    found = board(point=NAIVE, naive=POINT)
    assert not found["beats_naive"]
    last = table(found).splitlines()[-1]
    assert last.startswith("!!! does NOT beat seasonal naive: MASE 2.25 against 0.625")
    assert "Do not use this forecast" in last


def test_an_equal_forecast_does_not_beat_naive():
    assert not board(point=NAIVE)["beats_naive"]


def test_a_narrow_win_names_the_scores_on_which_naive_is_better():
    worse = POINT + np.array([[0, 0], [0, 0], [0, 90]])  # the series without a scale
    text = verdict(board(point=worse))
    assert text.startswith("beats seasonal naive")
    assert "naive is better on" in text
    assert "RMSE" in text


def test_mae_decides_where_no_series_has_a_scale():
    found = board(scale=np.zeros(3))
    assert found["overall"]["mase"] is None
    assert deciding(found) == "mae"
    assert found["beats_naive"]
    assert "MAE 3.00 against" in verdict(found)


def test_nothing_known_is_said_and_is_no_win():
    found = board(actual=np.full((3, 2), np.nan))
    assert not found["beats_naive"]
    assert "nothing could be judged" in table(found)
    json.dumps(found, allow_nan=False)


def test_categories_stand_out_for_losing_leaning_and_narrow_ranges():
    actual = np.full((30, 4), 100.0)
    point, naive = actual + 1, actual + 10
    point[0:10] = 130  # forecast too high, and worse than naive
    point[10:11] = 92
    texts = np.repeat(["far", "fine", "well"], 10).astype(object)
    found = standing_out(board(point, naive, actual, np.ones(30), {"kind": texts}))
    assert [group.text for group in found] == ["far"]
    assert found[0].remarks == ("worse than naive", "too high", "ranges too narrow")
    assert "kind = far" in table(board(point, naive, actual, np.ones(30), {"kind": texts}))


def test_the_table_fits_a_terminal():
    count, steps = 60, 48
    actual = np.full((count, steps), 1e6)
    texts = np.array([f"a category with quite a long name {i}" for i in range(count)], object)
    text = table(board(actual * 1.5, actual * 1.01, actual, np.ones(count), {"category": texts}))
    body = text.split("!!!")[0]
    assert max(map(len, body.splitlines())) <= 110
    assert "more: all are in the report" in text


@pytest.mark.parametrize(
    ("name", "score", "shown"),
    [
        ("mase", 0.91874, "0.919"),
        ("rmse", 28461.3, "28,461"),
        ("mae", 101.24, "101"),
        ("mae", 0.0, "0"),
        ("wape", 0.0263, "2.63 %"),
        ("bias", -0.00001, "0.0 %"),
        ("bias", 0.0512, "+5.1 %"),
        ("coverage_80", 0.9009, "90.1 %"),
        ("mase", None, "-"),
    ],
)
def test_scores_are_shown_as_people_read_them(name, score, shown):
    assert value(name, score) == shown


def test_tiny_numbers_keep_their_size():
    assert number(1.25e-7) == "1.25e-07"
