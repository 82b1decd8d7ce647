"""Rows in, forecast out: what a user does, over every network and the founding case."""

import subprocess
import sys
from dataclasses import replace

import lightning as L
import numpy as np
import pandas as pd
import pytest
import torch

from loopcast.core.errors import ArtifactError, MissingColumn
from loopcast.models.linear import DLinear
from loopcast.models.lstm import LSTM
from loopcast.models.mlp import MLP, ResidualMLP
from loopcast.models.nhits import NHITS
from loopcast.serving.predictor import Predictor
from loopcast.training.api import fit
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster

QUIET = {"max_steps": 2, "enable_progress_bar": False, "enable_checkpointing": True}
RETAIL = {
    "series": ["State", "Industry"],
    "time": "Month",
    "time_format": "%Y %b",
    "target": "Turnover",
    "frequency": "MS",
    "horizon": 12,
}


@pytest.fixture(scope="module")
def retail(root):
    frame = pd.read_csv(root / "data" / "aus_retail.csv.gz")
    return frame[frame.State.isin(["Victoria", "Tasmania"])]


@pytest.mark.parametrize("network", [DLinear, ResidualMLP, MLP, NHITS, LSTM])
def test_every_network_trains_exports_and_serves(network, retail, tmp_path, monkeypatch):
    """The export itself compares the file with torch at batch 1, 2 and 257."""
    monkeypatch.chdir(tmp_path)
    run = fit(retail, name="x", data=RETAIL, model={"network": network}, trainer=QUIET)
    forecast = Predictor(run.artifact).predict(retail)
    assert forecast.quantiles.shape == (retail.groupby(["State", "Industry"]).ngroups, 12, 5)
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()
    assert str(forecast.times[0][0])[:10] == "2019-01-01"
    assert run.scores["naive"]["mase"] > 0


def test_the_founding_case_fits_by_default(tmp_path, monkeypatch):
    """24 monthly rows, a horizon of 12, no key columns."""
    monkeypatch.chdir(tmp_path)
    months = pd.date_range("2022-01-01", periods=24, freq="MS")
    frame = pd.DataFrame({"m": months, "y": 100 + 10 * np.sin(np.arange(24) * np.pi / 6)})
    data = {"time": "m", "target": "y", "frequency": "MS", "horizon": 12}
    run = fit(frame, name="one", data=data, trainer=QUIET)
    forecast = Predictor(run.artifact).predict(frame)
    assert forecast.quantiles.shape == (1, 12, 5)
    assert np.isfinite(forecast.quantiles).all()


def weights(frame, tmp_path):
    L.seed_everything(3, verbose=False)
    from loopcast.data.frame import Frame

    data, model = DataModule(source=Frame(frame), **RETAIL), Forecaster()
    trainer = L.Trainer(
        max_steps=5, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, num_sanity_val_steps=0, enable_model_summary=False,
        limit_val_batches=0, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(model, data)
    return model.state_dict()


def test_targets_after_the_train_part_change_no_weight(retail, tmp_path):
    late = retail.Month.str[:4].astype(int) >= 2017
    changed = retail.assign(Turnover=retail.Turnover.where(~late, 1e6))
    one, other = weights(retail, tmp_path), weights(changed, tmp_path)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_windows_gathered_for_training_are_those_the_predictor_cuts(retail):
    from loopcast.core.inputs import inputs
    from loopcast.data.frame import Frame

    data = DataModule(source=Frame(retail), **RETAIL)
    data.setup("fit")
    windows = data.resident()
    series, origin = windows.pick(torch.arange(0, len(windows), 97))
    ours = windows.gather(series, origin)
    served = inputs(data.panel, data.task, series.numpy(), origin.numpy())
    np.testing.assert_array_equal(ours["target"].numpy(), served["target"])
    hidden = replace(windows, limit=windows.limit * 0)
    assert hidden.gather(series, origin)["actual"].isnan().all()


def test_unknown_keys_gaps_and_no_history_are_ordinary_input(retail, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = fit(retail, name="x", data=RETAIL, trainer=QUIET)
    predictor = Predictor(run.artifact.read_bytes())
    rows = [
        {"State": "Mars", "Industry": "Food", "Month": "2018 Jan", "Turnover": 5},
        {"State": "Mars", "Industry": "Food", "Month": "2018 Dec", "Turnover": None},
        {"State": "Tasmania", "Industry": "Food", "Month": "2018 Dec", "Turnover": 7},
    ]
    forecast = predictor.predict(rows, series=[{"State": "Venus", "Industry": "Food"}])
    assert np.isfinite(forecast.quantiles).all()
    assert [bool(w) for w in forecast.warnings] == [True, True, True]
    with pytest.raises(MissingColumn, match="Turnover"):
        predictor.predict([{"State": "a", "Industry": "b", "Month": "2018 Jan"}])
    with pytest.raises(ArtifactError):
        Predictor(b"no model")


def test_the_command_forecasts_and_says_what_is_wrong_with_bad_input(
    retail, root, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run = fit(retail, name="x", data=RETAIL, trainer=QUIET)
    loopcast = [sys.executable, "-m", "loopcast", "predict", str(run.artifact)]
    data = str(root / "data" / "aus_retail.csv.gz")
    subprocess.run([*loopcast, "--data", data, "--out", "f.csv"], check=True)
    table = pd.read_csv("f.csv")
    assert list(table.columns[:5]) == ["State", "Industry", "Month", "forecast", "q0.1"]
    assert len(table) == 152 * 12
    (tmp_path / "bad.csv").write_text("State,Industry,Month,Turnover\na,b,soon,1\n")
    bad = subprocess.run(
        [*loopcast, "--data", "bad.csv", "--out", "g.csv"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert bad.returncode == 2
    assert "soon" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_train_py_names_an_unknown_key(root, tmp_path):
    config = (root / "configs" / "aus_retail.yaml").read_text().replace("horizon", "horizn")
    (tmp_path / "x.yaml").write_text(config)
    out = subprocess.run(
        [sys.executable, str(root / "train.py"), "fit", "--config", "x.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert out.returncode == 2
    assert "horizn" in out.stderr
    assert "Traceback" not in out.stderr
