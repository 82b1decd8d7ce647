"""The refit learns from the newest steps by the honest run's recipe, and claims nothing for itself."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from training.conftest import DATA, sales, weights

from loopcast.serving.predictor import Predictor
from loopcast.training import cli
from loopcast.training.again import export_again
from loopcast.training.api import fit
from loopcast.training.finish import keep_last
from loopcast.training.refit import refitted, share

FIT = ["fit", "--config", "run.yaml", "--refit", "true"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a panel whose newest item is seen in its last 14 days alone, and its refit."""
    folder = tmp_path_factory.mktemp("refit")
    from training.conftest import YAML

    frame = sales()
    last = frame.day.max() - pd.Timedelta(days=13)
    late = frame[(frame["item"] == "i0") & (frame.day >= last)].assign(item="new", sold=300.0)
    pd.concat([frame, late]).to_csv(folder / "sales.csv", index=False)
    (folder / "run.yaml").write_text(YAML)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cli.main(FIT)
        cli.main(["test", "--config", "run.yaml"])
    return folder


def test_the_artifact_is_the_refitted_one_and_says_so(run):
    honest, again = (weights(run / f"checkpoints/run/{name}.ckpt") for name in ("best", "refit"))
    predictor = Predictor(run / "export/run.onnx")
    best = torch.load(run / "checkpoints/run/best.ckpt", weights_only=True)
    assert any(
        not torch.equal(honest[n], again[n]) for n in honest if n in again and "ranges" not in n
    )
    assert torch.equal(honest["ranges.offset"], again["ranges.offset"])
    assert predictor.card["refit"]["steps"] == best["global_step"]
    assert predictor.card["calibration"] == best["loopcast"]["calibration"]
    assert "new" in predictor.vocabularies["static.item"]
    assert "new" not in str(best["loopcast"]["encoder"])
    assert predictor.card["data"]["parts"] == [0, 0]


def test_scores_are_those_of_the_honest_run(run):
    card = Predictor(run / "export/run.onnx").card
    kept = json.loads((run / "checkpoints/run/validation.json").read_text())
    assert card["scores"]["validation"]["overall"] == kept["overall"]
    judged = json.loads((run / "checkpoints/run/test.json").read_text())
    assert card["scores"]["test"]["overall"] == judged["overall"]
    assert "did not see" in card["refit"]["scores"]


def test_it_follows_the_learning_rates_of_the_run_before(run):
    steps = json.loads((run / "checkpoints/run/steps.json").read_text())
    facts = torch.load(run / "checkpoints/run/refit.ckpt", weights_only=True)["loopcast"]
    best = torch.load(run / "checkpoints/run/best.ckpt", weights_only=True)
    assert facts["paces"] == steps["paces"]
    assert facts["refit"]["steps"] == best["global_step"] <= steps["steps"]


def test_predict_and_export_use_it_while_it_belongs_to_the_best(run, monkeypatch):
    monkeypatch.chdir(run)
    rows = pd.read_csv("sales.csv")
    days = [str(day.date()) for day in pd.date_range("2023-05-02", periods=7)]
    keys = rows[["shop", "item"]].drop_duplicates()
    future = keys.merge(pd.DataFrame({"day": days, "price": 1.0}), how="cross")
    before = Predictor("export/run.onnx").predict(rows, future)
    export_again(["--config", "run.yaml", "--out", "other.onnx"])
    after = Predictor("other.onnx")
    np.testing.assert_array_equal(after.predict(rows, future).quantiles, before.quantiles)
    assert "refit" in after.card
    export_again(["checkpoints/run/best.ckpt", "--out", "honest.onnx"])
    honest = Predictor("honest.onnx")
    assert "refit" not in honest.card
    assert (honest.predict(rows, future).quantiles != before.quantiles).any()
    new = before.keys["item"] == "new"
    assert abs(before.quantiles[new, :, 2] - 300).max() < 60
    assert refitted(Path("checkpoints/run"))
    path = Path("checkpoints/run/best.ckpt")
    kept = path.read_bytes()
    torch.save({**torch.load(path, weights_only=True), "epoch": 9}, path)
    assert refitted(Path("checkpoints/run")) is None
    path.write_bytes(kept)


def test_a_timed_run_shares_its_time_and_the_call_from_python_judges_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"max_time": "00:00:00:04", "enable_progress_bar": False}
    data = {name: value for name, value in DATA.items() if name != "future"}
    run = fit(sales(), data=data, trainer=options, refit=True)
    predictor = Predictor(run.artifact)
    assert predictor.card["refit"]["steps"] > 0
    assert run.scores["overall"]["mase"] > 0
    again = torch.load("checkpoints/loopcast/refit.ckpt", weights_only=True)
    assert again["global_step"] == predictor.card["refit"]["steps"]


@pytest.mark.parametrize(
    ("given", "half"),
    [("00:00:02:00", 60), ({"minutes": 1}, 30), (timedelta(hours=1), 1800), (None, None)],
)
def test_half_of_the_time_is_the_honest_run_s(given, half):
    assert share(given) == (None if half is None else timedelta(seconds=half))


def test_a_warm_start_from_the_run_s_own_file_begins_the_refit_where_it_began(config, monkeypatch):
    monkeypatch.chdir(config)
    quick = ["--config", "run.yaml", "--trainer.max_steps=4", "--model.learning_rate=1e-30"]
    cli.main(["fit", *quick, "--model.weight_decay=0"])
    first = weights(config / "checkpoints/run/last.ckpt")
    path = Path("checkpoints/run/last.ckpt")
    given = path.read_bytes()
    kept = torch.load(path, weights_only=True)

    def other(trainer, *rest):  # what the honest run leaves there is another thing
        name = "network.enter.weight"
        state = {**kept["state_dict"], name: kept["state_dict"][name] + 1}
        torch.save({**kept, "state_dict": state}, path)

    monkeypatch.setattr(cli, "keep_last", lambda *a: (keep_last(*a), other(*a)))
    warm = f"--model.warm_start={path}"
    cli.main(["fit", *quick, "--model.weight_decay=0", warm, "--refit", "true"])
    assert path.read_bytes() != given
    again = weights(config / "checkpoints/run/refit.ckpt")
    torch.testing.assert_close(again["network.enter.weight"], first["network.enter.weight"])
