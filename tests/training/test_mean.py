"""The mean is a forecast of its own: right where the median is far from it, and it travels."""

import json

import lightning as L
import numpy as np
import pandas as pd
import pytest
import torch
from training.conftest import config  # noqa: F401

from loopcast.core.task import Task
from loopcast.data.frame import Frame
from loopcast.models.linear import DLinear
from loopcast.serving.predictor import Predictor
from loopcast.training import cli
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster
from loopcast.training.mean import channel, parted, with_channel

TASK = Task("y", "t", (), "D", horizon=2, quantiles=(0.1, 0.25, 0.5, 0.75, 0.9), mean=True)


@pytest.mark.parametrize("levels", [(0.5,), (0.1, 0.5, 0.9), (0.1, 0.9), TASK.quantiles])
def test_a_network_gets_one_level_more_and_it_comes_back_as_the_mean(levels):
    task = Task("y", "t", (), "D", horizon=2, quantiles=levels, mean=True)
    wide = with_channel(task).quantiles
    assert len(wide) == len(levels) + 1
    outputs = torch.tensor(wide).expand(3, 2, -1)
    quantiles, mean = parted(outputs, task)
    assert quantiles[0, 0].tolist() == pytest.approx(levels)
    assert mean.shape == (3, 2, 1)
    assert mean[0, 0, 0] == pytest.approx(wide[channel(task)])
    assert with_channel(Task.from_json(task.to_json())).quantiles == wide


def skewed(days=400, shops=4):
    """Two days in three nothing is sold, else 6 on average: the median is 0, the mean is 2."""
    generator = np.random.default_rng(0)
    count = days * shops
    sold = np.where(generator.random(count) < 2 / 3, 0.0, generator.exponential(6, count))
    day = np.tile(pd.date_range("2023-01-01", periods=days), shops)
    return pd.DataFrame({"shop": np.repeat(list("abcd"), days), "day": day, "sold": sold})


@pytest.mark.parametrize(("transform", "members"), [("none", 1), ("log1p", 2), ("asinh", 1)])
def test_the_mean_of_skewed_sales_is_found_whatever_the_transform(transform, members, tmp_path):
    L.seed_everything(1, verbose=False)
    data = DataModule(
        Frame(skewed()), time="day", target="sold", frequency="D", horizon=7, series=["shop"],
        transform=transform, history=28,
    )  # fmt: skip
    model = Forecaster(DLinear, mean=True, members=members, learning_rate=0.01)
    trainer = L.Trainer(
        max_steps=150, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, num_sanity_val_steps=0, enable_model_summary=False,
        limit_val_batches=0, default_root_dir=tmp_path, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(model, data)
    model.eval()
    windows = data.resident()
    with torch.no_grad():
        quantiles, mean = model.outputs(windows.draw(torch.arange(len(windows))))
    assert quantiles[..., 2].mean() < 0.5
    assert mean.mean() == pytest.approx(2.0, abs=0.25)


def test_the_mean_is_in_graph_forecast_and_table_only_where_it_is_asked(config, monkeypatch):  # noqa: F811
    monkeypatch.chdir(config)
    fit = ["fit", "--config", "run.yaml", "--trainer.max_steps=2"]
    rows = pd.read_csv("sales.csv")
    future = rows.assign(
        day="2023-05-0" + (rows.groupby(["shop", "item"]).cumcount() + 2).astype(str)
    )
    future = future[future.groupby(["shop", "item"]).cumcount() < 7]
    for asked in (False, True):
        cli.main([*fit, f"--model.mean={str(asked).lower()}"])
        predictor = Predictor("export/run.onnx")
        assert predictor.task.mean == asked
        forecast = predictor.predict(rows, future)
        assert (forecast.mean is not None) == asked
        assert ("mean" in forecast.columns()) == asked
    assert forecast.mean.shape == (6, 7)
    assert np.isfinite(forecast.mean).all()
    assert list(forecast.columns())[3:6] == ["forecast", "mean", "q0.1"]
    assert json.loads(predictor.task.to_json())["mean"]
