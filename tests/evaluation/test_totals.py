"""`loopcast predict --total-by`, from an artifact trained on real rows."""

import pandas as pd
import pytest

from loopcast.__main__ import command, guarded
from loopcast.serving.predictor import Predictor


def predict(*flags):
    guarded(lambda: command(["predict", "export/small.onnx", "--data", "sales.csv", *flags]))


def test_totals_of_every_level_stand_below_each_other(folder, capsys):
    predict("--total-by", "State", "--total-by", "all", "--out", "totals.csv")
    found = pd.read_csv("totals.csv", keep_default_na=False)
    assert list(found) == [
        "total_by",
        "State",
        "Month",
        "forecast",
        "q0.1",
        "q0.25",
        "q0.5",
        "q0.75",
        "q0.9",
    ]
    assert found.groupby("total_by").size().to_dict() == {"State": 12, "all": 6}
    assert set(found.State) == {"Tasmania", "Victoria", ""}
    states = found[found.total_by == "State"].groupby("Month").forecast.sum()
    whole = found[found.total_by == "all"].set_index("Month").forecast
    assert (states / whole - 1).abs().max() < 0.02
    assert "totals, 6 steps after 2018-12-01" in capsys.readouterr().err


def test_a_total_is_surer_than_its_parts_added_up(folder):
    predict("--out", "parts.csv")
    predict("--total-by", "all", "--out", "totals.csv")
    parts, whole = pd.read_csv("parts.csv"), pd.read_csv("totals.csv")
    wide = (parts["q0.9"] - parts["q0.1"]).groupby(parts.Month).sum()
    ours = whole.set_index("Month")
    assert (ours["q0.9"] - ours["q0.1"] < 0.9 * wide).all()


def test_the_card_says_how_errors_go_together_in_a_few_numbers(folder):
    told = Predictor("export/small.onnx").card["monitoring"]["dependence"]
    assert 0 <= told["overall"] + sum(told["by"].values()) <= 0.95
    assert set(told["by"]) <= {"State", "Industry"}
    assert told["pairs"] > 1000


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--total-by", "Town"], "--total-by Town: no series key or static category is called so"),
        (["--total-by", "State", "--total-by", "State"], "names a level twice"),
        (["--total-by", "State", "--picture", "a.png"], "writes a file of sums"),
        (["--total-by", "State", "--future", "a.csv", "--future", "b.csv"], "is of one forecast"),
    ],
)
def test_mistakes_are_a_sentence_and_status_2(folder, capsys, flags, message):
    with pytest.raises(SystemExit) as ended:
        predict("--out", "totals.csv", *flags)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
