"""The seasonal naive forecast by hand, and against a loop over series and steps."""

from statistics import NormalDist

import numpy as np
import pytest

from loopcast.core.grid import grid
from loopcast.core.naive import naive_quantiles, naive_scale, seasonal_naive, window_scale
from loopcast.core.task import Task

NAN = float("nan")


def by_hand(history: np.ndarray, season: int, horizon: int) -> list[float]:
    """One window, one step at a time."""
    seen = [value for value in history if not np.isnan(value)]
    found = []
    for step in range(horizon):
        phase = [
            value
            for back, value in enumerate(history[::-1])
            if (back + 1 + step) % season == 0 and not np.isnan(value)
        ]
        found.append(phase[0] if phase else (seen[-1] if seen else 0.0))
    return found


@pytest.mark.parametrize("season", [1, 2, 4, 7, 12, 40])
@pytest.mark.parametrize("steps", [1, 5, 12, 30])
def test_the_last_value_of_the_same_phase_comes_back(season, steps):
    rng = np.random.default_rng(season * steps)
    history = rng.normal(size=(50, steps))
    history[rng.random(history.shape) < 0.4] = NAN
    want = [by_hand(one, season, 15) for one in history]
    np.testing.assert_array_equal(seasonal_naive(history, season, 15), want)


def test_a_history_may_be_empty():
    assert seasonal_naive(np.full((2, 5), NAN), 3, 4).tolist() == [[0.0] * 4] * 2
    assert seasonal_naive(np.zeros((2, 0)), 3, 4).tolist() == [[0.0] * 4] * 2
    assert np.isfinite(naive_quantiles(np.zeros((2, 0)), 3, 4, (0.1, 0.9))).all()


def test_the_interval_widens_with_the_seasons_ahead():
    history = np.array([[10.0, 20, 13, 16, 14, 24]])  # differences 3, -4, 1, 8
    deviation = np.sqrt((9 + 16 + 1 + 64) / 4)
    z = NormalDist().inv_cdf(0.9)
    found = naive_quantiles(history, 2, 4, (0.1, 0.5, 0.9))
    np.testing.assert_allclose(found[0, :, 1], [14, 24, 14, 24])
    np.testing.assert_allclose(
        found[0, :, 2] - found[0, :, 1], deviation * z * np.sqrt([1, 1, 2, 2]), rtol=1e-5
    )
    np.testing.assert_allclose(
        found[..., 2] - found[..., 1], found[..., 1] - found[..., 0], rtol=1e-5
    )


def test_a_history_of_less_than_a_season_has_its_own_spread():
    found = naive_quantiles(np.array([[1.0, 3.0]]), 12, 1, (0.5, NormalDist().cdf(1)))
    np.testing.assert_allclose(found, [[[3, 4]]], rtol=1e-6)


def test_wandering_series_are_covered_as_promised():
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(4000, 60)).cumsum(axis=1)
    found = naive_quantiles(walks[:, :50], 1, 10, (0.1, 0.9))
    inside = (found[..., 0] <= walks[:, 50:]) & (walks[:, 50:] <= found[..., 1])
    np.testing.assert_allclose(inside.mean(0), 0.8, atol=0.03)


def panel(series: list[list[float]]):
    keys = [i for i, one in enumerate(series) for _ in one]
    steps = [t for one in series for t in range(len(one))]
    rows = {"k": keys, "t": steps, "y": [value for one in series for value in one]}
    return grid(rows, Task("y", "t", ("k",), "1", 1, origins="own"))


def test_the_scale_is_the_mean_seasonal_difference_of_each_series():
    train = panel([[1, 5, 2, 9], [3, NAN, 7, 4, 8], [2, 2, 2], [5]])
    want = [2.5, (4 + 1) / 2, 0, NAN]
    np.testing.assert_allclose(naive_scale(train, 2), want)
    assert naive_scale(train, 1)[0] == pytest.approx((4 + 3 + 7) / 3)


def test_rows_after_the_origin_do_not_count():
    train = panel([[1, 5, 2, 9, 100, 1000]])
    assert naive_scale(train.until(3), 2)[0] == 2.5


def test_the_scale_of_a_window_is_its_mean_seasonal_difference():
    history = np.array([[1.0, 5.0, 2.0, 9.0], [np.nan, 5.0, 2.0, 6.0], [1.0, np.nan, np.nan, 2.0]])
    found = window_scale(history, 2)
    assert found[:2].tolist() == [2.5, 1.0] and np.isnan(found[2])
    assert window_scale(history, 0)[0] == pytest.approx(np.mean([4, 3, 7]))
