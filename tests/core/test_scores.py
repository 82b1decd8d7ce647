"""Scores against utilsforecast and torchmetrics, or against numbers done by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
import torchmetrics.regression as tm
from utilsforecast import losses

from loopcast.core import scores

LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
NAN = float("nan")


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray]:
    """Actuals [window, horizon] and quantiles [window, horizon, quantile]."""
    rng = np.random.default_rng(0)
    actual = rng.gamma(2, 50, (40, 12))
    middle = actual + rng.normal(0, 20, actual.shape)
    spread = np.array([-33, -25, 0, 25, 33]) * rng.uniform(0.5, 1.5, (40, 12, 1))
    return actual, middle[..., None] + spread


@pytest.fixture(scope="module")
def frame(case) -> pd.DataFrame:
    """The same in the long form of utilsforecast."""
    actual, quantiles = case
    windows, horizon = actual.shape
    columns = {f"q{i}": quantiles[..., i].ravel() for i in range(len(LEVELS))}
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(windows), horizon),
            "ds": np.tile(np.arange(horizon), windows),
            "y": actual.ravel(),
            "m": quantiles[..., 2].ravel(),
            "m-lo-90": columns["q0"],
            "m-hi-90": columns["q4"],
            **columns,
        }
    )


def torch_says(metric, forecast, actual) -> float:
    return float(metric(torch.tensor(forecast).flatten(), torch.tensor(actual).flatten()))


def test_errors_are_those_of_torchmetrics(case):
    actual, forecast = case[0], case[1][..., 2]
    pairs = [
        (scores.mae, tm.MeanAbsoluteError()),
        (scores.rmse, tm.MeanSquaredError(squared=False)),
        (scores.wape, tm.WeightedMeanAbsolutePercentageError()),
    ]
    for ours, theirs in pairs:
        assert ours(actual, forecast) == pytest.approx(torch_says(theirs, forecast, actual))
    smape = torch_says(tm.SymmetricMeanAbsolutePercentageError(), forecast, actual)
    assert scores.smape(actual, forecast) == pytest.approx(100 * smape)


def test_smape_counts_to_200(case, frame):
    theirs = losses.smape(frame, ["m"]).m.mean()  # theirs counts to 1
    assert scores.smape(case[0], case[1][..., 2]) == pytest.approx(200 * theirs)
    assert scores.smape(np.ones((1, 1)), -np.ones((1, 1))) == 200
    assert scores.smape(np.zeros((1, 2)), np.zeros((1, 2))) == 0


def test_mase_is_that_of_utilsforecast(case, frame):
    rng = np.random.default_rng(1)
    train = rng.gamma(2, 50, (40, 60))
    long = pd.DataFrame(
        {"unique_id": np.repeat(np.arange(40), 60), "ds": np.tile(np.arange(-60, 0), 40), "y": train.ravel()}
    )  # fmt: skip
    scale = np.abs(train[:, 12:] - train[:, :-12]).mean(1)
    theirs = losses.mase(frame, ["m"], 12, long).m.mean()
    assert scores.mase(case[0], case[1][..., 2], scale) == pytest.approx(theirs)


def test_pinball_and_wql_are_those_of_utilsforecast(case, frame):
    models = {"m": [f"q{i}" for i in range(len(LEVELS))]}
    mean = losses.mqloss(frame, models, np.array(LEVELS)).m.mean()
    assert scores.pinball(*case, LEVELS) == pytest.approx(mean)
    single = [losses.quantile_loss(frame, {"m": f"q{i}"}, q).m.mean() for i, q in enumerate(LEVELS)]
    assert np.mean(single) == pytest.approx(mean)
    one = frame.assign(unique_id=0)
    crps = losses.scaled_crps(one, models, np.array(LEVELS)).m.mean()
    assert scores.wql(*case, LEVELS) == pytest.approx(crps, rel=1e-6)


def test_coverage_is_that_of_utilsforecast(case, frame):
    theirs = losses.coverage(frame, ["m"], 90).m.mean()
    assert scores.coverage(case[0], case[1][..., 0], case[1][..., 4]) == pytest.approx(theirs)
    bounds = np.array([[1.0, 2.0]])
    assert scores.coverage(bounds, np.array([[1.0, 2.1]]), np.array([[1.0, 3.0]])) == 0.5


def test_bias_is_above_zero_where_too_much_is_forecast():
    actual = np.array([[10.0, 20.0, 70.0]])
    assert scores.bias(actual, actual + 5) == pytest.approx(0.15)
    assert scores.bias(actual, actual - 5) == pytest.approx(-0.15)


def test_an_unknown_actual_does_not_count(case):
    actual, quantiles = case
    hidden = actual.copy()
    hidden[:, 5:] = NAN
    low, high, middle = quantiles[..., 0], quantiles[..., 4], quantiles[..., 2]
    scale = np.full(len(actual), 7.0)
    for full, part in (
        (scores.mae(hidden, middle), scores.mae(actual[:, :5], middle[:, :5])),
        (scores.rmse(hidden, middle), scores.rmse(actual[:, :5], middle[:, :5])),
        (scores.smape(hidden, middle), scores.smape(actual[:, :5], middle[:, :5])),
        (scores.wape(hidden, middle), scores.wape(actual[:, :5], middle[:, :5])),
        (scores.bias(hidden, middle), scores.bias(actual[:, :5], middle[:, :5])),
        (scores.mase(hidden, middle, scale), scores.mase(actual[:, :5], middle[:, :5], scale)),
        (scores.pinball(hidden, quantiles, LEVELS), scores.pinball(actual[:, :5], quantiles[:, :5], LEVELS)),
        (scores.wql(hidden, quantiles, LEVELS), scores.wql(actual[:, :5], quantiles[:, :5], LEVELS)),
        (scores.coverage(hidden, low, high), scores.coverage(actual[:, :5], low[:, :5], high[:, :5])),
    ):  # fmt: skip
        assert full == pytest.approx(part)


def test_a_missing_forecast_spoils_the_score():
    actual, forecast = np.ones((2, 2)), np.array([[1, 1], [1, NAN]])
    for score in (scores.mae, scores.rmse, scores.smape, scores.wape, scores.bias):
        assert np.isnan(score(actual, forecast))
    assert np.isnan(scores.mase(actual, forecast, np.ones(2)))
    assert np.isnan(scores.coverage(actual, forecast, np.ones((2, 2))))


def test_nothing_to_judge_has_no_score():
    actual = np.full((2, 3), NAN)
    for score in (scores.mae, scores.rmse, scores.smape, scores.wape, scores.bias):
        assert np.isnan(score(actual, np.ones((2, 3))))
    assert np.isnan(scores.mase(actual, np.ones((2, 3)), np.ones(2)))
    assert np.isnan(scores.wape(np.zeros((1, 2)), np.ones((1, 2))))


def test_mase_leaves_out_windows_without_a_scale():
    actual, forecast = np.zeros((4, 2)), np.full((4, 2), 3.0)
    assert scores.mase(actual, forecast, np.array([0, NAN, 1.5, np.inf])) == 2


def test_mase_counts_windows_the_same_whatever_they_hold_of_unknown_steps():
    actual = np.array([[0, 0, 0, 0], [0, NAN, NAN, NAN]], dtype=float)
    forecast = np.array([[1, 1, 1, 1], [3, 9, 9, 9]], dtype=float)
    assert scores.mase(actual, forecast, np.ones(2)) == 2


def test_sums_of_float32_are_taken_in_float64():
    actual = np.full((1, 3_000_000), 0.1, np.float32)
    assert scores.mae(actual, actual + np.float32(1)) == pytest.approx(1.0, rel=1e-7)


@pytest.mark.parametrize(
    ("levels", "pairs"),
    [
        ((0.1, 0.5, 0.9), {"80": (0, 2)}),
        (LEVELS, {"90": (0, 4), "80": (1, 3)}),
        ((0.025, 0.3, 0.975), {"95": (0, 2)}),
        ((0.1, 0.5, 0.8), {}),
    ],
)
def test_symmetric_levels_are_intervals(levels, pairs):
    assert scores.intervals(levels) == pairs


@pytest.mark.parametrize(
    ("levels", "want"), [((0.1, 0.5, 0.9), 2.0), ((0.4, 0.6), 1.5), ((0.25, 0.45, 0.65), 2.25), ((0.6, 0.9), 1.0)]
)  # fmt: skip
def test_the_median_lies_between_levels_where_it_is_none(levels, want):
    quantiles = np.arange(1.0, len(levels) + 1)[None, None]
    assert scores.median(quantiles, levels)[0, 0] == pytest.approx(want)
