"""What the learning rate follows where a run's length is not counted in steps one by one."""

from types import SimpleNamespace

import lightning as L
import pytest
from training.conftest import parts
from training.test_datamodule import QUIET

from loopcast.training.budget import ENDLESS, WARM, Budget


def rates(frame, **options):
    """Learning rates of a fit as shares of the first full one, one a step."""
    found = {}

    class Watch(L.Callback):
        def on_train_batch_end(self, trainer, *rest):
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            found.setdefault(trainer.global_step, rate)  # as the step was taken

    data, model = parts(frame)
    L.Trainer(**{**QUIET, **options}, callbacks=[Watch()]).fit(model, data)
    return found


def test_a_run_without_an_end_keeps_its_learning_rate(frame):
    height = Budget(paces=[[0, ENDLESS]])
    assert [height.advance(step) for step in range(WARM, WARM + 500)][-1] > 0.999
    none = SimpleNamespace(
        max_steps=-1, max_epochs=-1, callbacks=[], global_step=0, num_training_batches=25
    )
    assert Budget()._estimate(none) == ENDLESS


def test_gathered_gradients_do_not_hasten_the_schedule(frame):
    plain = rates(frame, max_steps=40)
    gathered = rates(frame, max_steps=40, accumulate_grad_batches=4)
    for step in (30, 35, 40):
        assert gathered[step] == pytest.approx(plain[step])
