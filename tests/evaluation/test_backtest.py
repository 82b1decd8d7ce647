"""`loopcast backtest`: the forecasts a service would have given, scored as `test` scores them."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from loopcast.__main__ import command, guarded
from loopcast.core.errors import NoRows
from loopcast.core.tables import read
from loopcast.evaluation.backtest import backtest
from loopcast.serving.predictor import Predictor


@pytest.fixture(scope="module")
def served(golden):
    return Predictor(golden / "golden.onnx"), read(str(golden / "rows.csv"))


def test_every_window_is_the_forecast_that_was_served_at_its_origin(served):
    predictor, rows = served
    found = pd.DataFrame(backtest(predictor, rows, 3, stride=2).forecasts)
    assert found.origin.nunique() == 3
    for origin, window in found.groupby("origin"):
        served_then = predictor.predict(rows, origin=str(origin)[:10]).to_pandas()
        keys = [*predictor.task.series, predictor.task.time]
        both = window.merge(served_then, on=keys, suffixes=("", "_then"))
        assert len(both) == len(window) > 0
        for level in predictor.task.quantiles:
            name = f"q{level:g}"
            np.testing.assert_allclose(both[name], both[f"{name}_then"], rtol=1e-4)


def test_the_last_origin_lies_a_horizon_before_the_end_and_its_scores_are_those_of_test(folder):
    command_line(
        "--config", "small.yaml", "--windows", "1", "--scores", "s.json", "--out", "f.parquet"
    )
    told = json.loads((folder / "s.json").read_text())
    tested = json.loads((folder / "checkpoints/small/test.json").read_text())
    assert told["overall"] == pytest.approx(tested["overall"], rel=1e-4)
    assert told["naive"] == pytest.approx(tested["naive"], rel=1e-4)
    assert told["notes"] == []
    ours, theirs = pd.read_parquet("f.parquet"), pd.read_parquet("checkpoints/small/test.parquet")
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(ours["q0.9"], theirs["q0.9"], rtol=1e-4)


def test_windows_of_the_train_part_are_told_loudly(folder, capsys):
    command_line("--config", "small.yaml", "--windows", "4", "--out", "f.parquet")
    told = capsys.readouterr().out
    count = len(pd.read_parquet("f.parquet")) // 6
    assert (
        f"!!! {count // 2:,} of {count:,} windows forecast steps of the artifact's train part"
        in told
    )
    assert f"{count // 4:,} of {count:,} windows lie in its validation part" in told
    assert told.count("\n20") == 4  # a line for each origin


def test_a_model_that_loses_to_naive_is_told_loudly(folder, capsys, monkeypatch):
    monkeypatch.setattr(
        Predictor, "run", lambda self, prepared: np.full((len(prepared["origin"]), 6, 5), 9e5)
    )
    command_line("--config", "small.yaml", "--windows", "2")
    assert "!!! does NOT beat seasonal naive" in capsys.readouterr().out


def test_an_artifact_that_does_not_say_what_it_learned_from_is_told(served):
    predictor, rows = served
    (note,) = backtest(predictor, rows, 1).notes
    assert "does not say where its train part ends" in note


def test_origins_before_every_series_are_left_out_and_told(served):
    predictor, rows = served
    found = backtest(predictor, rows, 50)
    assert "origins lie before every series and are left out" in found.notes[0]
    with pytest.raises(NoRows, match="no series reaches back"):
        backtest(predictor, {name: column[:3] for name, column in rows.items()}, 1)


def test_it_runs_without_the_training_libraries(folder):
    code = (
        "import sys; from loopcast.__main__ import command;"
        "command(['backtest', 'export/small.onnx', '--config', 'small.yaml', '--windows', '1']);"
        "print([m for m in ('torch', 'lightning', 'jsonargparse') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("[]")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--windows", "1"], "say where the rows are"),
        (["--config", "small.yaml", "--data", "sales.csv", "--windows", "1"], "say where the rows are"),
        (["--config", "none.yaml", "--windows", "1"], "there is no config file none.yaml"),
        (["--config", "other.yaml", "--windows", "1"], "data.target is 'Sold', the artifact's is 'Turnover'"),
        (["--config", "sales.csv", "--windows", "1"], "sales.csv holds no sections"),
        (["--config", "small.yaml", "--windows", "0"], "--windows is 0; it must be 1 or more"),
        (["--config", "small.yaml", "--windows", "1", "--stride", "-1"], "--stride is -1"),
        (["--config", "small.yaml", "--windows", "1", "--out", "no/f.csv"], "cannot be written"),
        (["--config", "small.yaml", "--windows", "1", "--scores", "no/f.json"], "cannot be written"),
    ],
)  # fmt: skip
def test_mistakes_are_a_sentence_and_status_2(folder, capsys, flags, message):
    (folder / "other.yaml").write_text("data: {target: Sold}")
    with pytest.raises(SystemExit) as ended:
        command_line(*flags)
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in told
    assert told.count("\n") == 1


def command_line(*flags):
    guarded(lambda: command(["backtest", "export/small.onnx", *flags]))
