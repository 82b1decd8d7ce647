"""A run that gains nothing any more anneals before it ends, and a resumed or replayed one does the same."""

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from training.test_datamodule import QUIET
from training.test_defaults import noise, planned

from loopcast.models.linear import DLinear
from loopcast.training.callbacks import MONITORED
from loopcast.training.cooling import SHARE, Cooling
from loopcast.training.forecaster import Forecaster


class Rates(Callback):
    """The learning rate of each step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, index):
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def trained(schedule="cosine", patience=7, paces=None, more=None, begin=None, **trainer):
    """No look but the first is a gain; `begin`: a checkpoint."""
    L.seed_everything(1, verbose=False)
    data = planned(20 + noise(12, 90), parts=(8, 0))
    cooling = Cooling(MONITORED, patience=patience, strict=False, min_delta=1e9)
    model = Forecaster(DLinear, learning_rate=0.01, schedule=schedule, paces=paces)
    rates = Rates()
    callbacks = [cooling, rates, *([more] if more else [])]
    run = L.Trainer(**{**QUIET, "max_steps": 5000, "callbacks": callbacks, **trainer})
    run.fit(model, data, ckpt_path=begin)
    return run, model, cooling, rates


def test_a_plateau_ends_after_a_fifth_more_steps_in_which_the_rate_goes_to_0():
    run, _, cooling, rates = trained()
    begin = 8 * 25  # looks
    assert cooling.end == run.global_step == begin + begin // SHARE
    assert rates.seen[begin - 1] > 0.0099
    assert rates.seen[-1] < 0.0001
    assert np.all(np.diff(rates.seen[begin:]) < 0)


def test_a_constant_rate_ends_at_once_and_a_run_that_gains_is_left_alone():
    run, _, cooling, rates = trained(schedule="constant")
    assert (cooling.end, run.global_step) == (None, 200)
    assert set(rates.seen[30:]) == {0.01}
    run, _, cooling, _ = trained(max_steps=175)
    assert (cooling.end, run.global_step) == (None, 175)


def test_a_replay_takes_the_same_steps():
    run, model, _, _ = trained()
    again, same, _, _ = trained(paces=model.budget.paces, max_steps=run.global_step)
    assert again.global_step == run.global_step
    alike(model, same)


def alike(one, other):
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name]), name


def test_a_run_that_is_resumed_while_it_anneals_ends_where_it_would_have(tmp_path):
    class Cut(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, index):
            ending = next(c.end for c in trainer.callbacks if isinstance(c, Cooling))
            if ending is not None and trainer.global_step == ending - 10:
                trainer.save_checkpoint(tmp_path / "cut.ckpt")

    _, model, cooling, _ = trained(more=Cut())
    run, resumed, again, rates = trained(begin=tmp_path / "cut.ckpt")
    assert again.end == cooling.end == run.global_step
    assert len(rates.seen) == 10 and rates.seen[-1] < 0.0001
    alike(model, resumed)
