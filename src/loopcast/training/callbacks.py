"""What happens around the steps of a fit: stopping by hand, and what a run keeps of itself."""

import json
import os
import signal
import sys
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import lightning as L
import yaml
from lightning.pytorch.callbacks import (
    Callback,
    ModelCheckpoint,
    Timer,
    TQDMProgressBar,
)
from lightning.pytorch.utilities import rank_zero_only

from loopcast.core.errors import ConfigError
from loopcast.training.cooling import Cooling
from loopcast.training.defaults import DEFAULT_NETWORK, Recipe
from loopcast.training.export import libraries
from loopcast.training.forecaster import Forecaster

MONITORED = "validation_loss"
PATIENCE = 30
"""Looks at the validation part without gain, after which a fit anneals and ends."""
INTERRUPTED = 130
"""The exit status of a process that Ctrl-C ended."""
INTERRUPT = "Ctrl-C"
OUTDATED = (
    "validation.json", "test.json", "test.parquet", "history.parquet", "explain.json",
    "forecast.parquet",
)  # fmt: skip
"""What other commands left in a run's folder: a new fit's weights have not said it."""
ASKING = 10
"""Steps between two times that ranks ask each other whether to stop."""


def keeping(folder: Path, patience: int, judged: bool) -> list[Callback]:
    """Best and last checkpoint in `folder`, and an early end; `judged`: is there a validation part?"""
    if not judged:
        return [ModelCheckpoint(folder, "best", enable_version_counter=False), Forget(folder)]
    best = ModelCheckpoint(
        folder, "best", monitor=MONITORED, save_last=True,
        enable_version_counter=False, save_on_train_epoch_end=False,
    )  # fmt: skip
    return [best, Cooling(MONITORED, patience=patience, strict=False), Forget(folder)]


class StopOnInterrupt(Callback):
    """The first Ctrl-C ends the run cleanly after the step under way; a second one at once."""

    def __init__(
        self,
        told: str = "stopping after this step; the best so far is exported"
        " (Ctrl-C again: stop at once)",
    ) -> None:
        self.told = told
        self.asked = False
        self.before: Any = None

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the signal, which only the main thread gets."""
        self.asked = False
        if current_thread() is main_thread():
            self.before = signal.signal(signal.SIGINT, self._stop)

    def _stop(self, number: int, frame: Any) -> None:
        if self.asked:
            os._exit(INTERRUPTED)  # whatever is under way: a step may take minutes
        self.asked = True
        _tell(f"\n{self.told}")

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Ranks stop together; asking the others costs time, so they do it now and then."""
        asked = self.asked
        if trainer.world_size > 1:
            due = trainer.global_step % ASKING == 0
            asked = due and trainer.strategy.reduce_boolean_decision(asked, all=False)
        if asked:
            trainer.should_stop = True

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Give it back: the export may be interrupted too."""
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """See on_train_end."""
        self.on_train_end(trainer, pl_module)


def _planned(trainer: L.Trainer, model: L.LightningModule, facts: dict[str, Any]) -> str:
    """What was derived, in three lines."""
    plan, data = facts["plan"], trainer.datamodule  # type: ignore[attr-defined]
    network = type(getattr(model, "network", model)).__name__
    count = named(model).get("members", 1)
    network = f"{count} x {network}" if count > 1 else network
    roles = [
        f"{role}: {', '.join((*columns['numeric'], *columns['categorical']))}"
        for role, columns in plan["roles"].items()
        if any(columns.values())
    ]
    budget = f"{trainer.max_steps:,} steps" if trainer.max_steps > 0 else _clock(trainer)
    return "\n".join(
        [
            f"plan: history {plan['history']} · horizon {data.task.horizon} · season"
            f" {plan['season']} · scaling {data.scaling.kind}, {data.scaling.transform}"
            + "".join(f" · {role}" for role in roles),
            f"train: {network}, {facts['parameters']:,} weights · {plan['windows']:,} windows,"
            f" {plan['batch_size'] * count:,} a step · a look at the validation part every"
            f" {plan['steps_per_epoch']} steps · {budget} on {model.device.type}",
        ]
    )


def _clock(trainer: L.Trainer) -> str:
    timers = [c for c in trainer.callbacks if isinstance(c, Timer)]  # type: ignore[attr-defined]
    left = timers[0].time_remaining() if timers else None
    if left is not None:
        return f"{left:,.0f} s"
    endless = (trainer.max_epochs or -1) < 0
    return "until there is no gain" if endless else f"{trainer.max_epochs} epochs"


@rank_zero_only
def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Bar(TQDMProgressBar):
    """Shows the losses, not the number of the log."""

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """See Bar."""
        metrics = dict(super().get_metrics(trainer, pl_module))
        metrics.pop("v_num", None)
        return metrics


def named(model: L.LightningModule) -> dict[str, Any]:
    """What a forecaster chose, as keys of the `model:` section."""
    if not isinstance(model, Forecaster) or model.recipe is None:
        return {}
    recipe = model.recipe
    chosen = ("members", "learning_rate", "volume")
    found: dict[str, Any] = {name: getattr(recipe, name) for name in chosen}
    if model.make is None:
        options = {"layers": recipe.layers, "width": recipe.width}
        found["network"] = {"class_path": DEFAULT_NETWORK, "init_args": options}
    return found


def writes(trainer: L.Trainer) -> bool:
    """Is this the process that keeps files, of a run that leaves weights (`fast_dev_run` does not)?"""
    return trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False)


class Forget(Callback):
    """Takes away what was said of the weights that a fit replaces, once it begins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """See Forget."""
        if writes(trainer):
            for name in OUTDATED:
                (self.folder / name).unlink(missing_ok=True)


class KeepPlan(Callback):
    """The run's own config.yaml, with what was derived, and the pace of a timed run."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder, self.config = folder, config

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Before the first step, so that a cut-off run has it too."""
        if trainer.is_global_zero:
            plan = trainer.datamodule.plan()  # type: ignore[attr-defined]
            derived = ("history", "season", "validation", "test", "batch_size")
            data = {**self.config.get("data", {}), **{name: plan[name] for name in derived}}
            model = {**self.config.get("model", {}), **named(pl_module)}
            given = {name for name in derived if self.config.get("data", {}).get(name) is not None}
            facts = {
                "plan": {**plan, "model": named(pl_module)},
                "derived": [name for name in derived if name not in given],
                "notes": list(trainer.datamodule.splits.notes),  # type: ignore[attr-defined]
                "parameters": sum(weight.numel() for weight in pl_module.parameters()),
                "libraries": libraries(),
                "data": trainer.datamodule.described(),  # type: ignore[attr-defined]
            }
            if writes(trainer):
                self._write({**self.config, "data": data, "model": model}, facts)
            _tell(_planned(trainer, pl_module, facts))

    def _write(self, config: dict[str, Any], facts: dict[str, Any]) -> None:
        text = yaml.safe_dump(config, sort_keys=False)
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")
        (self.folder / "plan.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Steps and paces: with them a timed run can be replayed."""
        if writes(trainer) and isinstance(pl_module, Forecaster):
            facts = {"steps": trainer.global_step, "paces": pl_module.budget.paces}
            if pl_module.recipe is not None:  # which the time allowed has a say in
                facts["recipe"] = pl_module.recipe.facts()
            (self.folder / "steps.json").write_text(json.dumps(facts), encoding="utf-8")


def recorded(path: Path) -> tuple[int, list[list[int]], Recipe | None]:
    """Steps and paces of a run that is replayed, and what was chosen for it."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        recipe = Recipe(**facts["recipe"]) if "recipe" in facts else None
        return int(facts["steps"]), [[int(n) for n in pace] for pace in facts["paces"]], recipe
    except OSError as error:
        raise ConfigError(
            f"--replay {path}: {error.strerror}; name the steps.json of a run's folder"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"--replay {path} is not the steps.json of a run") from error


def why(trainer: L.Trainer) -> str:
    """The end of a fit in words."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    if any(isinstance(c, StopOnInterrupt) and c.asked for c in callbacks):
        return INTERRUPT
    if 0 < trainer.max_steps <= trainer.global_step:
        return "max_steps was reached"
    timers = [c for c in callbacks if isinstance(c, Timer)]
    if timers and (timers[0].time_remaining() or 1.0) <= 0:
        return "the time was up"
    stopped = any(isinstance(c, Cooling) and c.stopped_epoch for c in callbacks)
    return "no gain for `patience` epochs" if stopped else "max_epochs was reached"
