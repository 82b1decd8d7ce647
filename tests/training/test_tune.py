"""`loopcast tune`: what it searches, what it may see, and that it goes on."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import torch
import yaml
from training.conftest import parts

from loopcast.__main__ import command, guarded
from loopcast.core.errors import ConfigError
from loopcast.training import cli, space
from loopcast.training.cooling import SHARE
from loopcast.training.defaults import MEMBERS, RATE
from loopcast.training.trials import Judge, judged
from loopcast.training.tune import _flags, _shortened

SPACE = """
tune:
  model.learning_rate: {low: 1e-4, high: 0.01, log: true}
  data.history: [7, 14, 21]
"""


@pytest.fixture
def small(config, monkeypatch):
    """A folder in which a trial takes a moment."""
    monkeypatch.chdir(config)
    text = (config / "run.yaml").read_text().replace("max_steps: 60", "max_steps: 4")
    (config / "run.yaml").write_text(text + SPACE)
    return config


def tune(*flags):
    guarded(lambda: command(["tune", "--config", "run.yaml", *flags]))


def trials(folder):
    storage = f"sqlite:///{folder}/checkpoints/run/tune.db"
    return optuna.load_study(study_name="tune", storage=storage).trials


def test_it_writes_the_best_config_which_trains_and_goes_on_where_it_stopped(small, capsys):
    tune("--trials", "2")
    first = trials(small)
    tune("--trials", "4")
    found = trials(small)
    assert [t.params for t in found[:2]] == [t.params for t in first]
    assert len(found) == 4
    assert found[0].params == {"model.learning_rate": 1e-3, "data.history": 21}  # as it stands
    told = capsys.readouterr().out
    assert "trial  validation  seconds  learning_rate  history" in told
    best = min((t for t in found if t.value), key=lambda t: t.value)
    made = yaml.safe_load(Path("checkpoints/run/tuned.yaml").read_text())
    assert made["name"] == "run_tuned"
    assert made["data"]["history"] == best.params["data.history"]
    assert made["model"]["learning_rate"] == best.params["model.learning_rate"]
    assert made["model"]["network"]["init_args"]["width"] == 16
    assert "tune" not in made
    cli.main(["fit", "--config", "checkpoints/run/tuned.yaml", "--trainer.fast_dev_run=true"])
    assert not Path("checkpoints/run/trial.yaml").exists()


def test_the_test_part_changes_nothing(small):
    tune("--trials", "2")
    before = trials(small)
    frame = pd.read_csv("sales.csv")
    late = frame.day > sorted(frame.day.unique())[-8]
    frame.loc[late, "sold"] = np.random.default_rng(1).uniform(0, 9e6, late.sum())
    frame.to_csv("sales.csv", index=False)
    Path("checkpoints/run/tune.db").unlink()
    tune("--trials", "2")
    assert [t.value for t in trials(small)] == [t.value for t in before]


def test_another_config_does_not_join_the_trials(small, capsys):
    tune("--trials", "1")
    with pytest.raises(SystemExit) as ended:
        tune("--trials", "2", "--model.weight_decay=0.5")
    assert ended.value.code == 2
    assert (
        "holds trials of another config, search space or data; delete it" in capsys.readouterr().err
    )


def test_a_trial_without_gain_anneals_as_a_fit_does(small, monkeypatch):
    ended = []
    monkeypatch.setattr(
        Judge, "on_train_end", lambda self, trainer, _: ended.append(trainer.global_step)
    )
    text = Path("run.yaml").read_text().replace("max_steps: 4", "max_steps: 3000")
    Path("run.yaml").write_text(text.replace("{low: 1e-4, high: 0.01, log: true}", "[1e-12]"))
    tune("--trials", "1", "--model.learning_rate=1e-12", "--patience=5")
    looked = 6 * 25  # steps; the first look is a gain, the others are none
    assert ended == [looked + looked // SHARE]


def test_a_killed_trial_does_not_stand_in_the_way(small):
    tune("--trials", "1")
    with sqlite3.connect("checkpoints/run/tune.db") as base:
        base.execute("update trials set state = 'RUNNING'")
    tune("--trials", "1")
    killed, again = trials(small)
    assert (killed.state.name, again.state.name) == ("FAIL", "COMPLETE")
    assert again.params == killed.params  # the config as it stands


def test_settings_that_cannot_be_are_failed_trials_and_the_rest_goes_on(small, capsys):
    text = Path("run.yaml").read_text().replace("[7, 14, 21]", "[14, -3]")
    Path("run.yaml").write_text(text)
    tune("--trials", "5")
    states = {t.params["data.history"]: t.state.name for t in trials(small) if t.params}
    assert states[14] in ("COMPLETE", "PRUNED")
    assert states.get(-3, "FAIL") == "FAIL"


def test_a_hopeless_trial_is_ended_early():
    class Hopeless:
        def __init__(self):
            self.reports = []

        def report(self, value, step):
            self.reports.append((value, step))

        def should_prune(self):
            return True

    class Trainer:
        sanity_checking, should_stop, callbacks, global_step, max_steps = False, False, [], 5, 10

    from loopcast.training import trials as module
    from loopcast.training.forecaster import Forecaster

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "judged", lambda *_: 0.7)
        trial, trainer = Hopeless(), Trainer()
        judge = Judge(trial, None)
        judge.on_validation_end(trainer, Forecaster())
        judge.on_validation_end(trainer, Forecaster())  # the same share of the budget
    assert trial.reports == [(0.7, 5)]
    assert judge.pruned
    assert trainer.should_stop


def test_a_time_is_shared_out(small):
    tune("--trials", "2", "--time", "30m", "--trainer.max_steps=3")
    assert len(trials(small)) == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trials", "0"], "--trials is 0"),
        (["--time", "soon"], "--time is 'soon'; give seconds, or 90s, 30m, 2h"),
        (["--trials", "1", "--data.validation=0"], "there is no validation part"),
        (["--trials", "1", "--data.horizont=3"], "unknown key"),
        (["--trials", "1", "loud"], "loud is no flag"),
    ],
)
def test_mistakes_are_a_sentence_and_status_2(small, capsys, flags, message):
    with pytest.raises(SystemExit) as ended:
        tune(*flags)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"learning_rate": [1, 2]}, "name a key of data, model or trainer"),
        ({"data.history": 3}, "give it as"),
        ({"data.history": {"low": 3}}, "give it as"),
        ({"data.history": {"low": 5, "high": 5}}, r"low \(5\) must be below high \(5\)"),
        ({"data.history": {"low": 0, "high": 5, "log": True}}, "above 0 with log"),
        ({"data.history": {"low": "a", "high": 5}}, "'a' is no number"),
        ({"data.history": [[1], [2]]}, "choices are numbers"),
    ],
)
def test_a_space_that_cannot_be_is_told(described, message):
    with pytest.raises(ConfigError, match=message):
        space.asked(described)


def test_ranges_are_whole_where_both_ends_are():
    whole, real, forced = space.asked(
        {"data.history": {"low": 7, "high": 14}, "model.learning_rate": {"low": "1e-4", "high": 1},
         "model.members": {"low": 1.0, "high": 4.0, "int": True}}
    )  # fmt: skip
    assert (whole.whole, real.whole, forced.whole) == (True, False, True)
    assert real.low == 1e-4


def test_values_are_set_at_their_keys_and_the_config_is_left_alone():
    base = {"model": {"network": "loopcast.models.nhits.NHITS"}, "data": {"horizon": 3}}
    made = space.changed(base, {"model.network.init_args.width": 32, "trainer.max_steps": 9})
    assert made["model"]["network"] == {
        "class_path": "loopcast.models.nhits.NHITS", "init_args": {"width": 32}
    }  # fmt: skip
    assert made["trainer"] == {"max_steps": 9}
    assert base["model"]["network"] == "loopcast.models.nhits.NHITS"
    plain = space.changed({}, {"model.network.init_args.width": 32})
    assert plain["model"]["network"]["class_path"] == "loopcast.models.mlp.ResidualMLP"


def test_the_first_trial_of_a_config_without_a_network_is_the_default_one(small):
    text = yaml.safe_load(Path("run.yaml").read_text())
    del text["tune"], text["model"]
    text["trainer"]["max_steps"] = 250
    Path("run.yaml").write_text(yaml.safe_dump(text))
    tune("--trials", "1", "--patience=1")
    (first,) = trials(small)
    network = "model.network.init_args."
    assert first.params[f"{network}width"] == 128
    assert first.params[f"{network}layers"] == 2
    assert first.params["data.scaling"] == "standard"
    assert first.params["model.learning_rate"] == RATE[1]
    made = yaml.safe_load(Path("checkpoints/run/tuned.yaml").read_text())
    assert made["model"]["members"] == MEMBERS


def test_flags_are_those_of_fit():
    flags = [
        "--data.holidays",
        "[US, GB-ENG]",
        "--model.lower",
        "-5",
        "--data.time_format=%d.%m.%Y",
    ]
    found = dict(_flags(flags))
    assert found == {
        "data.holidays": ["US", "GB-ENG"], "model.lower": -5, "data.time_format": "%d.%m.%Y"
    }  # fmt: skip


def test_a_config_as_it_stands_that_was_cut_off_is_tried_again(small):
    tune("--trials", "1")
    with sqlite3.connect("checkpoints/run/tune.db") as base:
        base.execute("update trials set state = 'FAIL'")
    tune("--trials", "1")
    first, again = trials(small)
    assert again.params == first.params
    assert again.state.name == "COMPLETE"


def test_trials_of_other_data_are_not_gone_on_with(small, capsys):
    tune("--trials", "1")
    frame = pd.read_csv("sales.csv")
    frame[frame.day < "2023-04-20"].to_csv("sales.csv", index=False)
    with pytest.raises(SystemExit):
        tune("--trials", "2")
    assert "search space or data" in capsys.readouterr().err


def test_every_window_is_judged_with_its_whole_history(frame):
    data, model = parts(frame, validation=14, stride=7)
    data.setup("plan")
    model.build(replace(data.task, quantiles=model.quantiles), data.encoder)
    seen = []
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0]["target"]))
    judged(model, data)
    assert not torch.cat(seen).isnan().any()


def test_a_time_named_in_words_is_a_limit_too():
    config = {"trainer": {"max_time": {"minutes": 5}, "max_steps": 9}}
    assert _shortened(config, 900.0)["trainer"]["max_time"] == {"seconds": 300}
    assert _shortened({}, 900.0)["trainer"]["max_time"] == {"seconds": 120}
