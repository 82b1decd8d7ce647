"""`loopcast export`: a checkpoint becomes an artifact once more."""

import pandas as pd
import pytest

from loopcast.__main__ import command
from loopcast.core.errors import ConfigError
from loopcast.serving.predictor import Predictor
from loopcast.training import cli


def test_a_checkpoint_is_exported_by_the_config_beside_it(config, monkeypatch, capsys):
    monkeypatch.chdir(config)
    cli.main(["fit", "--config", "run.yaml", "--trainer.max_steps=2"])
    first = Predictor("export/run.onnx")
    command(["export", "--out", "again.onnx", "checkpoints/run/last.ckpt"])
    command(["export", "--config", "run.yaml", "--trainer.accelerator", "cpu"])
    assert "the artifact is again.onnx" in capsys.readouterr().out
    rows = pd.read_csv("sales.csv")
    wanted = first.predict(rows, rows, "2023-04-20").quantiles
    for path in ("again.onnx", "export/run.onnx"):
        assert (Predictor(path).predict(rows, rows, "2023-04-20").quantiles == wanted).all()
    assert Predictor("again.onnx").card["name"] == "run"


def test_what_cannot_be_exported_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="CHECKPOINT, or --config"):
        command(["export"])
    with pytest.raises(ConfigError, match=r"no checkpoint a\.ckpt"):
        command(["export", "a.ckpt"])
    (tmp_path / "a.ckpt").write_text("")
    with pytest.raises(ConfigError, match=r"no config\.yaml.*name --config"):
        command(["export", "a.ckpt"])


def test_data_that_have_grown_are_coded_as_the_checkpoint_knows_them(config, monkeypatch):
    monkeypatch.chdir(config)
    cli.main(["fit", "--config", "run.yaml", "--trainer.max_steps=60"])
    before = Predictor("export/run.onnx").card["scores"]["validation"]
    frame = pd.read_csv("sales.csv")
    new = frame[frame["shop"] == "s2"].assign(shop="a new one")  # sorts before the others
    pd.concat([frame, new]).to_csv("sales.csv", index=False)
    command(["export", "--config", "run.yaml"])
    after = Predictor("export/run.onnx").card["scores"]["validation"]
    shops = [one["by_category"]["shop"] for one in (before, after)]
    for shop in ("s0", "s1", "s2"):
        assert shops[1][shop]["wape"] == pytest.approx(shops[0][shop]["wape"])
