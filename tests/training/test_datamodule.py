"""Where windows are gathered, which are drawn, and what columns of weight and observation do."""

import json
from pathlib import Path

import lightning as L
import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from training.conftest import DATA, YAML, parts, same, small

from loopcast.core.errors import MissingFuture
from loopcast.core.scores import median
from loopcast.serving.predictor import Predictor
from loopcast.training import cli
from loopcast.training.api import fit
from loopcast.training.metrics import middle

QUIET = {
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
    "num_sanity_val_steps": 0,
    "max_epochs": -1,
    "use_distributed_sampler": False,
}


def fitted(frame, steps=30, trainer=None, **options):
    L.seed_everything(3, verbose=False)
    data, model = parts(frame, **options)
    run = L.Trainer(**QUIET, max_steps=steps, **(trainer or {}))
    run.fit(model, data)
    return data, model


def test_windows_are_the_same_from_the_host_and_on_the_device(frame):
    (device, one), (host, other) = (fitted(frame, resident=place) for place in ("device", "host"))
    same(one.state_dict(), other.state_dict())
    for batch in (torch.arange(0, 400, 7), torch.tensor([[0, 1, 100], [1, 5, 112]])):
        here = host.on_before_batch_transfer(batch, 0)
        there = device.on_after_batch_transfer(device.on_before_batch_transfer(batch, 0), 0)
        assert isinstance(here, dict)
        assert host.on_after_batch_transfer(here, 0) is here
        assert here.keys() == there.keys()
        for name in here:
            torch.testing.assert_close(here[name], there[name], rtol=0, atol=0, equal_nan=True)


def test_series_are_drawn_evenly_where_asked(frame):
    """One series has three quarters of all rows."""
    short = frame[(frame.shop == "s0") | (frame.day >= "2023-03-15")]
    shares = {}
    for sampling in ("windows", "series"):
        data, _ = parts(short, sampling=sampling)
        data.setup("plan")
        loader = data.train_dataloader()
        drawn = torch.cat([data.resident().pick(ids)[0] for ids in loader])
        shares[sampling] = float((drawn < 2).float().mean())
    assert shares["windows"] > 0.5
    assert shares["series"] == pytest.approx(1 / 3, abs=0.06)


def test_draws_depend_on_seed_rank_and_step_alone(frame):
    data, _ = parts(frame)
    data.setup("plan")
    one, other = data.train_dataloader(), data.train_dataloader()
    first = list(one)
    other.load_state_dict({"step": 10})
    assert torch.equal(next(iter(other)), first[10])
    other.rank = 1
    other.load_state_dict({"step": 10})
    assert not torch.equal(next(iter(other)), first[10])


def test_rows_of_weight_nothing_teach_nothing(frame):
    """One shop is not to be trusted: its windows are at weight 0."""
    frame = frame.assign(trust=np.where(frame.shop == "s1", 0.0, 1.0))
    data, other = fitted(frame, weight="trust")
    batch = data.resident().gather(*data.resident().pick(torch.arange(0, len(data.resident()), 5)))
    apart = batch["weight"].mean(1)
    assert set(apart.unique().tolist()) == {0.0, 1.0}
    lossy = {n: t[apart == 0] for n, t in batch.items()}
    with torch.no_grad():
        assert float(other.losses_of(lossy)[0].abs().max()) == 0.0
        assert float(other.losses_of({n: t[apart == 1] for n, t in batch.items()})[0].min()) > 0


def test_steps_that_were_not_observed_are_masked_in_history_and_horizon(frame):
    out = frame.day.dt.day == 13
    sold_out = frame.assign(there=np.where(out, 0, 1), sold=np.where(out, 0.0, frame.sold))
    data, _ = fitted(sold_out, observed="there")
    assert np.isnan(data.panel.target).sum() == out.sum()
    wild = sold_out.assign(sold=np.where(out, 1e6, frame.sold))
    same(
        fitted(sold_out, observed="there")[1].state_dict(),
        fitted(wild, observed="there")[1].state_dict(),
    )


def test_bf16_trains_on_the_cpu_and_exports_float32(frame, tmp_path, monkeypatch):
    """The export itself compares the file with torch in float32."""
    monkeypatch.chdir(tmp_path)
    trainer = {
        "max_steps": 30,
        "precision": "bf16-mixed",
        "accelerator": "auto",
        "enable_progress_bar": False,
    }
    run = fit(frame, data=DATA, model={"network": small}, trainer=trainer)
    kinds = {value.type.tensor_type.elem_type for value in onnx.load(run.artifact).graph.output}
    assert kinds == {onnx.TensorProto.FLOAT}
    assert run.scores["overall"]["mase"] > 0
    kept = torch.load(Path("checkpoints/loopcast/best.ckpt"), weights_only=True)["state_dict"]
    assert {tensor.dtype for tensor in kept.values() if tensor.is_floating_point()} == {
        torch.float32
    }


def test_several_windows_judge_a_part(frame):
    """14 steps to test, a horizon of 7, a window each 3 steps: 5 origins a series."""
    data, _ = parts(frame, test=14, stride=3)
    data.setup("test")
    series, origin, until = data.part("test")
    assert len(series) == 6 * 5
    assert origin[:5].tolist() == list(range(origin[0], origin[0] + 15, 3))
    assert until[0] - origin[0] == 14
    assert len(data.test_dataloader().table) == 30


def test_a_part_of_zero_steps_is_none(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer = {"max_steps": 2, "enable_progress_bar": False}
    run = fit(
        frame, data={**DATA, "validation": 0, "test": 0}, model={"network": small}, trainer=trainer
    )
    assert run.scores is None
    assert Predictor(run.artifact).card["scores"] == {}


OWN = """
import torch
from loopcast.features.feature import Feature


class Payday(Feature):
    axis = "future"
    width = 1

    def __init__(self, every: int = 30) -> None:
        super().__init__()
        self.every = every

    def fit(self, train, task):
        return self.restore({"steps": [1 - task.history, task.horizon + 1]}, task)

    def facts(self):
        return {"steps": self.steps}

    def restore(self, facts, task):
        feature = Payday(self.every)
        feature.steps = facts["steps"]
        return feature

    def forward(self, inputs):
        step = inputs["origin"][:, None] + torch.arange(*self.steps)
        return ((step % self.every) < 3).float()[..., None]
"""


def test_a_feature_of_ones_own_is_named_in_the_yaml(config, monkeypatch):
    monkeypatch.chdir(config)
    monkeypatch.syspath_prepend(str(config))
    Path("payday.py").write_text(OWN)
    features = [
        {"class_path": "loopcast.features.calendar.Calendar"},
        {"class_path": "payday.Payday", "init_args": {"every": 28}},
    ]
    Path("own.yaml").write_text(
        YAML.replace("  batch_size: 32", f"  batch_size: 32\n  features: {json.dumps(features)}")
    )
    cli.main(["fit", "--config", "own.yaml", "--trainer.max_steps=2"])
    cli.main(["test", "--config", "own.yaml"])
    kept = torch.load("checkpoints/own/best.ckpt", weights_only=True)["loopcast"]["encoder"]
    assert kept["features"][1:] == [{"steps": [-20, 8]}]
    frame = pd.read_csv("sales.csv")
    ahead = frame[frame.day == frame.day.max()]
    days = pd.date_range("2023-05-02", periods=7).strftime("%Y-%m-%d")
    future = pd.concat([ahead.assign(day=day) for day in days])
    assert np.isfinite(Predictor("export/own.onnx").predict(frame, future).quantiles).all()


def test_a_forecast_needs_what_is_known_ahead_and_has_the_mean(config, monkeypatch):
    monkeypatch.chdir(config)
    cli.main(["fit", "--config", "run.yaml", "--trainer.max_steps=2", "--model.mean=true"])
    with pytest.raises(MissingFuture, match=r"no rows of the known-ahead columns \(price\)"):
        cli.main(["predict", "--config", "run.yaml", "--model.mean=true"])
    frame = pd.read_csv("sales.csv")
    last = frame.day > sorted(frame.day.unique())[-8]
    frame.loc[last, "sold"] = np.nan
    frame.to_csv("sales.csv", index=False)
    named = ["--name", "elsewhere", "--ckpt_path", "checkpoints/run/best.ckpt"]
    cli.main(["predict", "--config", "run.yaml", "--model.mean=true", *named])
    found = pd.read_parquet("checkpoints/elsewhere/forecast.parquet")
    assert found["mean"].notna().all()
    assert {"shop", "item", "day", "forecast", "q0.9"} < set(found)


def test_a_new_fit_leaves_no_scores_of_the_one_before(config, monkeypatch):
    monkeypatch.chdir(config)
    fit = ["fit", "--config", "run.yaml", "--trainer.max_steps=2"]
    cli.main(fit)
    cli.main(["test", "--config", "run.yaml"])
    folder = config / "checkpoints" / "run"
    kept = {"test.json", "test.parquet", "history.parquet"}
    assert kept < {path.name for path in folder.iterdir()}
    recipe = {
        name: (folder / name).read_text() for name in ("config.yaml", "plan.json", "steps.json")
    }
    cli.main([*fit, "--trainer.fast_dev_run=true"])  # leaves the weights as they are
    assert kept < {path.name for path in folder.iterdir()}
    assert recipe == {name: (folder / name).read_text() for name in recipe}
    cli.main(fit)
    assert not kept & {path.name for path in folder.iterdir()}
    assert (folder / "validation.json").exists()


@pytest.mark.parametrize(
    "levels", [(0.1, 0.9), (0.5,), (0.1, 0.4, 0.8), (0.6, 0.9), (0.1, 0.5, 0.9)]
)
def test_the_point_forecast_of_the_log_is_that_of_the_scores(levels):
    quantiles = torch.rand(50, len(levels)).sort(-1).values
    found = middle(quantiles, torch.tensor(levels))
    np.testing.assert_allclose(found, median(quantiles.numpy(), levels), rtol=1e-5)
