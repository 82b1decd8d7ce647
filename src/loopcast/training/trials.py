"""How a trial of `loopcast tune` is judged, when it is ended early, and the table of all."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

import lightning as L
import numpy as np
import optuna
import torch
from lightning.pytorch.callbacks import Callback, Timer
from optuna.trial import FrozenTrial, TrialState

from loopcast.core import scores
from loopcast.core.judging import actuals
from loopcast.core.naive import naive_scale
from loopcast.core.verdict import aligned, number
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster
from loopcast.training.windows import Batch, chunks

LOOKS = 10
"""Trials are compared at so many equal shares of their budget."""


class Judge(Callback):
    """The best look at the validation part so far; asks at each share of the budget to go on.

    Judged by the mean quantile loss in units of each series' naive scale: the validation loss is in
    units of the window's scaling, which trials change.
    """

    def __init__(self, trial: optuna.Trial, data: DataModule) -> None:
        self.trial, self.data = trial, data
        self.best, self.pruned, self.reported = float("inf"), False, 0
        self.began = monotonic()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The trial's clock."""
        self.began = monotonic()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After each look."""
        if trainer.sanity_checking or not isinstance(pl_module, Forecaster):
            return
        found = judged(pl_module, self.data)
        self.best = min(self.best, found)
        place = int(LOOKS * self._share(trainer))
        if place > self.reported and place < LOOKS:
            self.reported = place
            self.trial.report(self.best, place)
            self.pruned = self.trial.should_prune()
            trainer.should_stop = trainer.should_stop or self.pruned

    def _share(self, trainer: L.Trainer) -> float:
        timers = [c for c in trainer.callbacks if isinstance(c, Timer)]  # type: ignore[attr-defined]
        spent = monotonic() - self.began
        left = timers[0].time_remaining() if timers else None
        of_time = spent / (spent + left) if left is not None and spent + left > 0 else 0.0
        of_steps = trainer.global_step / trainer.max_steps if trainer.max_steps > 0 else 0.0
        return max(of_time, of_steps)


def judged(model: Forecaster, data: DataModule) -> float:
    """Mean quantile loss on the validation part, in naive scales where series have one."""
    assert model.task is not None
    assert data.panel is not None
    series, origin, limit = data.part("validation")
    resident = data.resident().until(limit)
    there = resident.start.device  # the panel may be too large for the model's
    model.eval()
    with torch.no_grad():
        parts = [
            model(_on(model.device, resident.gather(*(part.to(there) for part in chosen))))
            .float()
            .cpu()
            for chosen in chunks(series, origin, data.judging)
        ]
    quantiles = torch.cat(parts).numpy()
    actual = actuals(data.panel, model.task, series, origin, limit)
    scale = naive_scale(data.train, model.task.season)[series]
    usable = scores.scaled(scale)
    if not usable.any():
        return scores.pinball(actual, quantiles, model.task.quantiles)
    unit = scale[usable][:, None]
    return scores.pinball(
        actual[usable] / unit, quantiles[usable] / unit[..., None], model.task.quantiles
    )


def _on(device: torch.device, batch: Batch) -> Batch:
    return {name: tensor.to(device) for name, tensor in batch.items()}


def table(trials: Sequence[FrozenTrial], keys: Sequence[str]) -> str:
    """Finished ones first, the best above."""
    kinds = {"COMPLETE": "", "PRUNED": "ended early", "FAIL": "failed", "WAITING": "waits"}
    order = sorted(trials, key=lambda t: (t.state != TrialState.COMPLETE, _value(t), t.number))
    rows = [("trial", "validation", "seconds", *(key.split(".")[-1] for key in keys), "")]
    for trial in order:
        spent = f"{trial.duration.total_seconds():,.0f}" if trial.duration else ""
        value = number(_value(trial)) if np.isfinite(_value(trial)) else "-"
        told = [short(trial.params.get(key, "")) for key in keys]
        rows.append((str(trial.number + 1), value, spent, *told, kinds.get(trial.state.name, "")))
    return aligned(rows, left=(0, len(rows[0]) - 1))


def _value(trial: FrozenTrial) -> float:
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        return trial.value
    return min(trial.intermediate_values.values(), default=float("inf"))


def short(value: Any) -> str:
    """Of a setting, for people."""
    return number(value) if isinstance(value, float) else str(value)
