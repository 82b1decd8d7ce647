"""What is chosen where a config does not say: history, members, network, and why."""

from dataclasses import replace

import lightning as L
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from training.conftest import sales
from training.test_datamodule import QUIET

from loopcast.core.errors import ConfigError
from loopcast.data.frame import Frame
from loopcast.training import cli, defaults
from loopcast.training.datamodule import DataModule
from loopcast.training.defaults import Facts, recipe
from loopcast.training.forecaster import Forecaster
from loopcast.training.refit import whole
from loopcast.training.volume import weighed


def planned(values, frequency="W-MON", horizon=8, parts=(0, 0), **options):
    """The history of series given as [series, step]."""
    times = pd.date_range("2020-01-06", periods=values.shape[1], freq=frequency)
    frame = pd.DataFrame(
        {
            "key": np.repeat(np.arange(len(values)), values.shape[1]),
            "time": np.tile(times, len(values)),
            "y": values.ravel(),
        }
    )
    data = DataModule(
        Frame(frame),
        "time",
        "y",
        frequency,
        horizon,
        series=["key"],
        validation=parts[0],
        test=parts[1],
        **options,
    )
    data.setup("plan")
    return data


def noise(*shape):
    return np.random.default_rng(1).normal(0, 1, shape)


def test_a_yearly_season_counts_where_it_tells_more_than_the_newest_weeks():
    week = np.arange(120)
    yearly = 20 + 5 * np.sin(2 * np.pi * week / 52) + noise(30, 120)
    wandering = 20 + 0.5 * noise(30, 120).cumsum(1)
    assert planned(yearly).task.history == 104
    assert planned(wandering).task.history == 40
    assert "tells less" in planned(wandering).reasons()["history"]


@pytest.mark.parametrize(
    ("season", "horizon", "typical", "steps"),
    [
        (12, 12, 400, 36),
        (24, 48, 900, 168),
        (7, 28, 1800, 56),
        (1, 13, 900, 104),
        (1, 6, 25, 12),
        (1, 8, 89, 29),
        (52, 13, 92, 65),
        (12, 12, 12, 15),
    ],
)
def test_the_history_follows_season_horizon_and_length(season, horizon, typical, steps):
    assert defaults.history(season, horizon, typical, typical, worth=season > 1) == steps


def test_a_single_year_is_not_learned_as_dates():
    week = np.arange(110)
    values = 20 + 5 * np.sin(2 * np.pi * week / 52) + noise(30, 110)
    once, twice = planned(values[:, :92]), planned(values)
    calendars = [one.encoder.features[0] for one in (once, twice)]
    assert [calendar.width for calendar in calendars] == [0, 10]
    assert [one.task.history for one in (once, twice)] == [65, 102]
    assert once.plan()["steps_per_epoch"] == defaults.EPOCH[0]
    assert "a single season" in once.reasons()["partial"] and "partial" not in twice.reasons()
    last = once.resident().draw(torch.tensor([len(once.resident()) - 1]))["actual"]
    assert last.isnan().sum() == once.task.horizon - 1  # the newest history is learned from
    named = planned(values[:, :92], partial=False)
    assert len(named.resident()) == len(once.resident()) - 30 * (once.task.horizon - 1)


def test_a_refit_keeps_what_was_chosen_though_it_has_two_years():
    week = np.arange(110)
    values = 20 + 5 * np.sin(2 * np.pi * week / 52) + noise(30, 110)
    data = planned(values, parts=(0, 9))
    everything = whole(data)
    assert everything.train.typical_length == 110 > 2 * 52 > data.train.typical_length
    assert everything.encoder.widths == data.encoder.widths
    assert len(everything.resident()) > len(data.resident())


def test_a_budget_too_small_to_share_trains_one_network():
    assert recipe(Facts(12, 12, seconds=120.0)).members == defaults.MEMBERS
    assert recipe(Facts(12, 12, steps=2000)).members == defaults.MEMBERS
    assert recipe(Facts(12, 12, steps=50)).members == 1
    assert recipe(Facts(12, 12, seconds=5.0)).members == 1


def test_where_the_target_is_often_0_what_sells_much_counts_more():
    often = planned(np.random.default_rng(1).poisson(0.8, (6, 90)).astype(float)).facts()
    seldom = planned(5 + noise(6, 90)).facts()
    assert recipe(often).volume == 0.5 and "volume" in recipe(often).why
    assert recipe(seldom).volume == 0
    squared = recipe(replace(seldom, squared=True))
    assert squared.volume == 1 and squared.why["volume"] != recipe(often).why["volume"]
    named = Forecaster(volume=0.25)
    named.choose(recipe(often))
    assert named.recipe is not None and named.recipe.volume == 0.25


def test_a_window_counts_by_its_scale_to_the_power_of_volume():
    known = {"actual": torch.ones(3, 2), "weight": torch.tensor([[1.0], [2.0], [float("nan")]])}
    scale, usual = torch.tensor([[1.0], [4.0], [16.0]]), torch.tensor(4.0).log()
    found = weighed(known, scale, usual, 0.5)["weight"]
    torch.testing.assert_close(found, torch.tensor([[0.5], [2.0], [2.0]]))
    with pytest.raises(ConfigError, match="0 to 2"):
        Forecaster(volume=2.5)


def test_a_window_whose_history_is_cut_counts_as_before_the_cut():
    data = planned(np.random.default_rng(1).poisson(0.8, (6, 90)).astype(float))
    model, given = Forecaster(members=1, shorten=1.0), []
    L.Trainer(**QUIET, max_steps=1, limit_val_batches=0).fit(model, data)
    assert model.recipe is not None and model.recipe.volume == 0.5
    ids = torch.arange(40)
    model._objective = given.append
    model.training_step(data.resident().draw(ids), 0)
    whole = data.resident().draw(ids)
    usual = model.encoder.level.usual
    expected = weighed(whole, model.encoder.scale(whole), usual, 0.5)["weight"]
    assert given[0]["target"].isnan().sum() > whole["target"].isnan().sum()
    torch.testing.assert_close(given[0]["weight"], expected)


def test_plan_tells_what_is_chosen_and_why(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sales().to_csv("sales.csv", index=False)
    source = {"class_path": "loopcast.data.files.CsvFile", "init_args": {"path": "sales.csv"}}
    data = {
        "source": source, "series": ["shop", "item"], "time": "day", "target": "sold",
        "frequency": "D", "horizon": 7,
    }  # fmt: skip
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({"data": data}))
    cli.plan(["--config", "x.yaml"])
    chosen, why = capsys.readouterr().out.split("\n\n")
    found = yaml.safe_load(chosen)
    assert found["history"] == 21
    assert found["model"]["members"] == defaults.MEMBERS
    assert "history: 3 seasons of 7 steps" in why
    assert "members: " in why
    cli.plan(["--config", "x.yaml", "--model.members=2", "--data.history=9"])
    chosen, why = capsys.readouterr().out.split("\n\n")
    assert yaml.safe_load(chosen)["model"]["members"] == 2
    assert "history: " not in why


def test_keys_with_few_steps_each_are_not_learned_by_heart():
    few, enough = planned(noise(40, 45)), planned(noise(40, 60))
    assert few.task.static.categorical == ()
    assert enough.task.static.categorical == ("key",)
    assert "static.key" not in few.resident().tensors


def test_what_only_drifts_is_scaled_by_its_steps_and_drawn_from_all_of_its_past():
    week = np.arange(230)
    yearly = planned(20 + 5 * np.sin(2 * np.pi * week / 52) + noise(10, 230))
    drifting = planned(20 + noise(10, 230).cumsum(1))
    assert (yearly.scaling.kind, drifting.scaling.kind) == ("standard", "change")
    assert defaults.recent(yearly.task, worth=True) == 520
    assert defaults.recent(drifting.task, worth=False) is None


@pytest.mark.parametrize(
    ("frequency", "season", "steps"), [("h", 24, 8784), ("15min", 96, 35136), ("D", 7, 366)]
)
def test_of_days_and_finer_a_year_of_windows_is_drawn(frequency, season, steps):
    task = planned(noise(3, 60)).task
    task = replace(task, frequency=frequency, season=season, horizon=7)
    assert defaults.recent(task, worth=True) == steps
