"""The training process: its words, its end. What it trains is seen in the demo's test."""

import time

import pytest

from loopcast.core.errors import LoopcastError
from loopcast.lifecycle import experiment
from loopcast.lifecycle.fitting import DataRefused, Trainer, TrainingFailed


def trainer(home, minutes=5.0, alive=lambda: None):
    return Trainer(home / "run", minutes, alive)


def test_data_that_cannot_be_used_are_told_in_the_words_of_the_checks(home):
    config = experiment.load("tiny.yaml", {"data.source.init_args.path": str(home / "sales.csv")})
    (home / "sales.csv").write_text("shop,item,month,sales\n" + "a,x,2010-01-01,1\n" * 50)
    with pytest.raises(DataRefused, match=r"(?s)fit ended with 2.*duplicate"):
        trainer(home).fit(config, "run")


def test_a_training_that_takes_too_long_or_is_not_wanted_any_more_is_ended(home):
    config = experiment.load("tiny.yaml", {"data.source.init_args.path": str(home / "sales.csv")})
    begun = time.monotonic()
    with pytest.raises(TrainingFailed, match="minutes"):
        trainer(home, minutes=0.01).fit(config, "run")

    def lost():
        raise LoopcastError("the lease is gone")

    with pytest.raises(LoopcastError, match="gone"):
        trainer(home, alive=lost).fit(config, "run")
    assert time.monotonic() - begun < 20
