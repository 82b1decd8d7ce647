"""What an artifact says of itself: scores, errors and inputs to compare with, and no rows."""

import json

import numpy as np
import onnx
import pandas as pd
import pytest
from training.conftest import YAML, parts, sales

from loopcast.__main__ import guarded
from loopcast.serving.predictor import Predictor
from loopcast.training import cli
from loopcast.training.card import LEVELS, described, errors, summary
from loopcast.training.finish import add_test_scores


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A fit and its test, in a folder of their own; what they printed."""
    folder = tmp_path_factory.mktemp("run")
    sales().to_csv(folder / "sales.csv", index=False)
    (folder / "run.yaml").write_text(YAML)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        guarded(lambda: cli.main(["fit", "--config", "run.yaml"]))
        before = (folder / "export" / "run.onnx").read_bytes()
        guarded(lambda: cli.main(["test", "--config", "run.yaml"]))
    return folder, before


def test_the_card_tells_scores_errors_and_inputs(run):
    folder, _ = run
    card = Predictor(folder / "export" / "run.onnx").card
    assert card["scores"]["validation"]["overall"]["mase"] > 0
    assert set(card["scores"]["validation"]["by_category"]) == {"shop", "item"}
    seen = card["monitoring"]
    assert seen["naive_scale"]["count"] == 6
    assert len(seen["errors"]["by_horizon"]) == 7
    assert set(seen["errors"]["by_category"]["shop"]) == {"s0", "s1", "s2"}
    assert len(seen["inputs"]["target"]) == 7
    assert seen["inputs"]["future.price"]["quantiles"]["0.5"] in (1.0, 2.0)
    assert seen["inputs"]["text.static.shop"] == pytest.approx(
        {f"s{n}": 1 / 3 for n in range(3)}, abs=1e-5
    )
    assert len(json.dumps(seen)) < 20_000


def test_scores_of_the_test_part_join_the_card_and_no_weight_changes(run):
    folder, before = run
    after = (folder / "export" / "run.onnx").read_bytes()
    board = json.loads((folder / "checkpoints" / "run" / "test.json").read_text())
    assert Predictor(after).card["scores"]["test"]["overall"] == board["overall"]
    old, new = onnx.load_from_string(before), onnx.load_from_string(after)
    assert "test" not in Predictor(before).card["scores"]
    assert old.graph == new.graph
    assert (
        Predictor(after).card["scores"]["validation"]
        == Predictor(before).card["scores"]["validation"]
    )


def test_scores_of_another_checkpoint_do_not_join_the_card(run, tmp_path):
    folder, _ = run
    (tmp_path / "other.ckpt").write_bytes(b"another")
    artifact = folder / "export" / "run.onnx"
    before = artifact.read_bytes()
    assert not add_test_scores(artifact, tmp_path / "other.ckpt", {})
    assert artifact.read_bytes() == before


def test_the_best_and_the_last_weights_are_kept(run):
    folder, _ = run
    assert {"best.ckpt", "last.ckpt"} <= {
        path.name for path in (folder / "checkpoints" / "run").iterdir()
    }


def test_changes_over_a_season_are_told_in_naive_scales(frame):
    """A planted level shift shows in the place where it lies; a steady season does not."""
    data, _ = parts(frame)
    data.setup("plan")
    facts = summary(data.train, data.task)["inputs"]["target"]
    medians = [place["quantiles"]["0.5"] for place in facts]
    assert np.abs(medians).max() < 0.7  # sold swings by 8, which is 3 naive scales
    moved = frame.assign(sold=frame.sold + 30 * (frame.day >= "2023-03-20"))
    data, _ = parts(moved)
    data.setup("plan")
    shifted = summary(data.train, data.task)["inputs"]["target"]
    assert max(place["quantiles"]["0.99"] for place in shifted) > 5


def test_errors_are_signed_and_leave_out_series_without_a_scale():
    actual = np.array([[1.0, 2.0], [1.0, np.nan], [5.0, 5.0]])
    facts = errors(
        actual,
        actual + np.array([[2.0], [4.0], [9.0]]),
        np.array([1.0, 2.0, 0.0]),
        {"shop": np.array(["a", "b", "b"], object)},
    )
    assert facts["overall"]["count"] == 3
    assert facts["by_horizon"][0]["mean"] == 2.0
    assert facts["by_category"]["shop"]["b"]["count"] == 1
    assert list(facts["overall"]["quantiles"]) == [f"{level:g}" for level in LEVELS]


def test_a_fit_says_what_it_does_and_what_came_of_it(config, monkeypatch, capsys):
    monkeypatch.chdir(config)
    cli.main(["fit", "--config", "run.yaml", "--trainer.max_steps=2"])
    out, err = capsys.readouterr()
    assert "plan: history 21 · horizon 7 · season 7" in err
    assert "future: price" in err
    assert "32 a step" in err
    assert "2 steps on cpu" in err
    assert "2 steps, then max_steps was reached" in out
    assert "validation part: " in out
    assert "seasonal naive" in out
    assert "export/run.onnx" in out
    for noise in (
        "Tip",
        "GPU",
        "Warning",
        "warn",
        "sys.argv",
        "num_workers",
        "`Trainer.fit` stopped",
    ):
        assert noise not in out + err


def test_an_artifact_holds_no_row_of_the_data(config, monkeypatch):
    """Keys and categories, and summaries: not a single target value of a history."""
    monkeypatch.chdir(config)
    frame = pd.read_csv("sales.csv")
    frame["sold"] = np.random.default_rng(0).uniform(1e5, 9e5, len(frame)).round(1)
    frame.to_csv("sales.csv", index=False)
    cli.main(["fit", "--config", "run.yaml", "--trainer.max_steps=1"])
    content = (config / "export" / "run.onnx").read_bytes()
    held = [value for value in frame.sold if str(value).encode() in content]
    packed = [value for value in frame.sold if np.float32(value).tobytes() in content]
    assert len(held) + len(packed) <= 2


def test_predict_gives_what_the_artifact_gives(config, monkeypatch, capsys):
    monkeypatch.chdir(config)
    flags = ["--config", "run.yaml", "--data.future=null"]
    cli.main(["fit", *flags, "--trainer.max_steps=5"])
    capsys.readouterr()
    cli.main(["predict", *flags])
    out, err = capsys.readouterr()
    assert out.startswith("the forecast is checkpoints/run/forecast.parquet")
    assert "warn" not in (out + err).lower()
    ours = pd.read_parquet("checkpoints/run/forecast.parquet")
    served = Predictor("export/run.onnx").predict(pd.read_csv("sales.csv")).to_pandas()
    pd.testing.assert_frame_equal(ours, served, check_exact=False, rtol=1e-4, check_dtype=False)


def test_the_card_says_what_was_learned_from_and_tells_data_apart(frame):
    def facts(rows):
        data, _ = parts(rows)
        data.setup("plan")
        return described(data.panel, data.splits)

    told = facts(frame)
    assert (told["series"], told["rows"]) == (6, 720)
    assert told["last"] - told["validation"] == told["validation"] - told["train"] == 7
    assert told["parts"] == [7, 7]
    assert facts(frame.sample(frac=1, random_state=1))["fingerprint"] == told["fingerprint"]
    for changed in (frame.assign(sold=frame.sold.where(frame.index != 3, 1.0)),
                    frame.replace({"shop": {"s0": "s9"}}), frame.assign(price=1.0)):  # fmt: skip
        assert facts(changed)["fingerprint"] != told["fingerprint"]
