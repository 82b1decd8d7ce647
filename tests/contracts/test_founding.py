"""The founding case, "24 monthly rows, forecast the next 12", and its neighbours, from rows to forecast."""

import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import LoopcastError
from loopcast.serving.predictor import Predictor
from loopcast.training.api import fit

QUIET = {"max_steps": 2, "enable_progress_bar": False}
MONTHLY = {"time": "t", "target": "y", "frequency": "MS", "horizon": 12}


def rows(steps: int, frequency: str = "MS", season: int = 12) -> pd.DataFrame:
    times = pd.date_range("2022-01-01", periods=steps, freq=frequency)
    wave = 10 * np.sin(np.arange(steps) * 2 * np.pi / season)
    return pd.DataFrame({"t": times, "y": 100 + wave + np.arange(steps)})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def forecast(frame: pd.DataFrame, data: dict):
    run = fit(frame, data=data, trainer=QUIET)
    return run, Predictor(run.artifact).predict(frame)


def test_24_months_of_one_series_without_keys():
    run, found = forecast(rows(24), MONTHLY)
    assert found.quantiles.shape[:2] == (1, 12)
    assert np.isfinite(found.quantiles).all()
    assert (found.quantiles > 0).all()
    assert list(found.keys) == []
    assert found.times[0].astype("M8[M]").astype(str).tolist() == [
        f"2024-{m:02}" for m in range(1, 13)
    ]
    assert run.scores is not None, "a part of the 24 months is kept for the test"
    earlier = Predictor(run.artifact).predict(rows(24), origin="2022-06-01")
    assert str(earlier.times[0, 0])[:7] == "2022-07"
    assert np.isfinite(earlier.quantiles).all()


def test_24_months_of_5_series():
    series = [rows(24).assign(k=f"store {i}", y=lambda f, i=i: f.y * 10**i) for i in range(5)]
    frame = pd.concat(series).sample(frac=1, random_state=0)
    _, found = forecast(frame, {**MONTHLY, "series": ["k"]})
    assert found.keys["k"].tolist() == [f"store {i}" for i in range(5)]
    assert found.quantiles.shape[:2] == (5, 12)
    assert np.isfinite(found.quantiles).all()
    level = np.median(found.quantiles, axis=(1, 2)) / 10.0 ** np.arange(5)
    assert ((level > 50) & (level < 200)).all(), "each series is forecast on its own level"


def test_60_days_and_the_next_28():
    data = {**MONTHLY, "frequency": "D", "horizon": 28}
    _, found = forecast(rows(60, "D", 7), data)
    assert found.quantiles.shape[:2] == (1, 28)
    assert np.isfinite(found.quantiles).all()
    assert str(found.times[0, -1])[:10] == "2022-03-29"


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_few_rows_are_refused_with_advice_or_forecast(steps):
    """Either is honest; a traceback or a NaN is not."""
    try:
        _, found = forecast(rows(steps), MONTHLY)
    except LoopcastError as error:
        assert any(word in str(error) for word in ("history", "horizon", "validation"))
    else:
        assert np.isfinite(found.quantiles).all()
        assert found.warnings[0], "the forecast says that it rests on little"
