"""`loopcast explain`: the column and the stretch of history that move a forecast are named."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from loopcast.__main__ import command, guarded
from loopcast.core.errors import MissingFuture
from loopcast.core.task import Columns, Task
from loopcast.evaluation.explain import explain, table
from loopcast.evaluation.run import Run
from loopcast.evaluation.run_page import page

TASK = Task(
    target="sold", time="day", series=("shop",), frequency="D", horizon=3, season=7, history=28,
    static=Columns(("size",), ("shop",)), past=Columns(("visitors",)), future=Columns(("price",), ("promo",)),
)  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """Forecasts 100, less 5 times the price, and the target a week ago: nothing else counts."""

    task: Task = TASK
    card: dict[str, Any] = field(default_factory=dict)

    def run(self, prepared):
        price = prepared["future"][:, -3:, 0]
        week = np.nan_to_num(prepared["target"][:, -7:-4])
        return (100 - 5 * price + week)[..., None] * np.ones(3, np.float32)


def rows(days=200, shops=4):
    generator = np.random.default_rng(0)
    count = days * shops
    return {
        "shop": np.repeat([f"s{n}" for n in range(shops)], days),
        "day": np.tile(np.datetime64("2023-01-01") + np.arange(days), shops),
        "sold": generator.uniform(0, 20, count), "size": np.repeat(np.arange(shops) * 10.0, days),
        "visitors": generator.uniform(0, 9, count), "price": generator.uniform(1, 5, count),
        "promo": generator.choice(["no", "yes"], count),
    }  # fmt: skip


LAST = "2023-07-16"


def test_what_the_forecast_rests_on_is_named_and_nothing_else():
    found = explain(Planted(), rows(), origin=LAST)
    first, *rest = found["features"]
    assert (first["name"], first["role"]) == ("price", "future")
    assert first["direction"] < -0.9
    assert len(first["by_step"]) == 3
    assert {one["name"] for one in rest} == {"size", "shop", "visitors", "promo", "the date"}
    assert all(one["moved"] == 0 for one in rest)
    moved = {tuple(one["steps"]) for one in found["history"] if one["moved"]}
    assert {step for ends in moved for step in range(ends[0], ends[1] + 1)} >= {-6, -5, -4}
    assert all(-8 <= ends[0] <= ends[1] <= -3 for ends in moved)
    assert "price     future" in table(found)
    assert "forecasts less" in table(found)


def test_moves_are_shares_of_the_forecast():
    """Prices differ by 4/3 on average between windows, times 5, over about 95."""
    found = explain(Planted(), rows(), origin=LAST)
    assert found["features"][0]["moved"] == pytest.approx(5 * 4 / 3 / 95, rel=0.25)


def test_one_series_can_be_asked_for_and_is_told_where_it_is_not():
    found = explain(Planted(), rows(), origin=LAST, key={"shop": "s2"})
    assert (found["series"], found["of"], found["key"]) == (1, 4, {"shop": "s2"})
    with pytest.raises(Exception, match=r"there is no series {'shop': 'x'} in the rows"):
        explain(Planted(), rows(), origin=LAST, key={"shop": "x"})
    with pytest.raises(Exception, match="--series names town; a series is named by shop"):
        explain(Planted(), rows(), origin=LAST, key={"town": "x"})


def test_a_series_without_known_ahead_columns_is_left_out_unless_it_is_named():
    whole = rows()
    ended = (whole["shop"] == "s1") & (whole["day"] > np.datetime64("2023-07-10"))
    table = {name: column[~ended] for name, column in whole.items()}
    assert (explain(Planted(), table, origin=LAST)["series"]) == 3
    with pytest.raises(MissingFuture, match="'s1'"):
        explain(Planted(), table, origin=LAST, key={"shop": "s1"})


def test_the_weights_of_the_network_are_told_where_the_card_has_them():
    card = {"selection": {"static": {"shop": 0.7, "size": 0.3}}}
    found = explain(Planted(card=card), rows(), origin=LAST)
    assert found["network"] == card["selection"]
    assert "the network's own weights: static" in table(found)
    assert "shop" in table(found)


def test_a_run_is_explained_in_its_report(folder, capsys):
    guarded(lambda: command(["explain", "small"]))
    assert "the date  calendar" in capsys.readouterr().out
    shown = page(Run.read("small"))
    assert "What moved the forecasts" in shown
    assert "Hidden steps of history" in shown
    (folder / "checkpoints/small/explain.json").unlink()
    assert "What moved the forecasts" not in page(Run.read("small"))


def test_an_artifact_is_explained_from_a_file(folder, capsys):
    flags = ["--data", "sales.csv", "--out", "e.json", "--series", "State=Tasmania"]
    flags += ["--series", "Industry=Food retailing"]
    guarded(lambda: command(["explain", "export/small.onnx", *flags]))
    found = json.loads((folder / "e.json").read_text())
    assert found["key"] == {"State": "Tasmania", "Industry": "Food retailing"}
    assert found["origin"].startswith("2018-12-01")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["export/small.onnx"], "say where the rows are: --data FILE, or name a run"),
        (["smal"], "there is small"),
        (["small", "--series", "Tasmania"], "--series Tasmania: give KEY=TEXT"),
    ],
)
def test_mistakes_are_a_sentence_and_status_2(folder, capsys, flags, message):
    with pytest.raises(SystemExit) as ended:
        guarded(lambda: command(["explain", *flags]))
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@dataclass(frozen=True)
class Nothing(Planted):
    """Forecasts 0, or 5 where the price is above 1."""

    def run(self, prepared):
        return 5.0 * (prepared["future"][:, -3:, :1] > 1) * np.ones(3, np.float32)


def test_moves_of_a_forecast_of_0_are_shares_of_the_history():
    found = explain(Nothing(), {**rows(), "price": np.ones(800)}, None, "2023-07-01")
    assert all(one["moved"] < 10 for one in found["features"])
