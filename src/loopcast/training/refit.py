"""After the run that is judged: the same recipe again, on everything up to the newest step.

The recipe is what the best weights of the honest run took: so many steps, by the same learning
rates. Its scores and calibration stay those of the honest run, for nothing is left to judge this one.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from loopcast.core.errors import ConfigError
from loopcast.data.splits import Splits
from loopcast.training.callbacks import StopOnInterrupt
from loopcast.training.card import described, summary
from loopcast.training.checkpoint import loaded
from loopcast.training.datamodule import DataModule
from loopcast.training.export import export
from loopcast.training.finish import Exported, export_checkpoint, fingerprint
from loopcast.training.forecaster import Forecaster

NAME = "refit.ckpt"
OTHERWISE = {
    "max_epochs": -1,
    "min_epochs": None,
    "min_steps": None,
    "max_time": None,
    "limit_val_batches": 0,
    "enable_checkpointing": False,
    "logger": False,
    "num_sanity_val_steps": 0,
}
"""Options of the trainer that belong to the honest run alone."""


@dataclass(frozen=True)
class Recipe:
    """What the best weights took."""

    steps: int
    seconds: float
    checkpoint: str  # its fingerprint

    @classmethod
    def of(cls, trainer: L.Trainer, model: Forecaster, folder: Path) -> "Recipe":
        """Of the run that has just ended; its best.ckpt is complete."""
        began, first = model.budget.began
        pace = (model.budget.ended - began) / max(trainer.global_step - first, 1)
        content = (folder / "best.ckpt").read_bytes()
        steps = int(loaded(content, folder / "best.ckpt")["global_step"])
        return cls(steps, steps * pace, fingerprint(content))

    def told(self) -> str:
        """For people."""
        return (
            f"refit: the {self.steps:,} steps that the best weights took, on everything up to the"
            f" newest step; about {self.seconds:,.0f} s"
        )


def share(max_time: Any) -> timedelta | None:
    """Half of a run's time: the other half is the refit's, which needs no more than the run did."""
    whole = duration(max_time)
    return None if whole is None else whole / 2


def duration(max_time: Any) -> timedelta | None:
    """Of the trainer's forms of it: DD:HH:MM:SS, or a mapping such as {minutes: 5}."""
    try:
        if isinstance(max_time, str):
            days, hours, minutes, seconds = (int(part) for part in max_time.split(":"))
            return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return timedelta(**max_time) if isinstance(max_time, dict) else max_time
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"trainer.max_time is {max_time!r}; write {{minutes: 5}}, or DD:HH:MM:SS"
        ) from error


def whole(data: DataModule) -> DataModule:
    """The same data with nothing held out, and as many windows a step."""
    assert data.panel is not None
    batch = data.plan()["batch_size"]
    found = copy.copy(data)
    found.trainer, found.windows, found.batch_size = None, None, batch
    found.splits = Splits(data.panel.origin, data.panel.origin)
    found.train = data.panel.until(data.panel.origin)
    found.encoder = data.encoder.again(found.train, data.task, data.features).train()
    return found


def refit(
    recipe: Recipe,
    model: Forecaster,
    data: DataModule,
    folder: Path,
    options: dict[str, Any],
    callbacks: Sequence[Callback],
) -> bool:
    """Train and write refit.ckpt, on all ranks; False where Ctrl-C ended it before its last step.

    `options`: of the honest run's trainer. `model` holds the honest weights and calibration.
    """
    stop = StopOnInterrupt()
    began = monotonic()
    model.train()  # its loss is shared
    L.seed_everything(model.seed or 0, verbose=False)
    again = Forecaster(**{**model.options, "paces": model.budget.paces})
    again.earlier = model.earlier  # its file may be this run's own, written since
    assert model.recipe is not None
    again.choose(model.recipe)
    own = {"max_steps": recipe.steps, "callbacks": [*callbacks, stop]}
    trainer = L.Trainer(**{**options, **OTHERWISE, **own})
    everything = whole(data)
    data.windows = None  # the device need not hold both
    trainer.fit(again, everything)
    if trainer.strategy.broadcast(stop.asked and trainer.global_step < recipe.steps):
        return False
    with torch.no_grad():
        again.ranges.offset.copy_(model.ranges.offset)
        again.ranges.knots.copy_(model.ranges.knots)
        if again.trust.share is not None and model.trust.share is not None:
            again.trust.share.copy_(model.trust.share)
    path = folder / NAME
    trainer.save_checkpoint(path, weights_only=True)
    if trainer.is_global_zero:
        checkpoint = loaded(path.read_bytes(), path)
        checkpoint["loopcast"]["refit"] = {
            "of": recipe.checkpoint,
            "steps": recipe.steps,
            "seconds": round(monotonic() - began, 1),
            "last": int(everything.splits.train.max()),
        }
        torch.save(checkpoint, path)
    return True


def refitted(folder: Path) -> Path | None:
    """The refit.ckpt that belongs to the best.ckpt of `folder`, if any."""
    path, best = folder / NAME, folder / "best.ckpt"
    if not path.is_file() or not best.is_file():
        return None
    facts = loaded(path.read_bytes(), path)["loopcast"]["refit"]
    return path if facts["of"] == fingerprint(best.read_bytes()) else None


def export_refitted(
    model: Forecaster, data: DataModule, folder: Path, name: str, out: Path
) -> Exported:
    """Export refit.ckpt; scores, errors and calibration in its card are those of best.ckpt."""
    assert data.panel is not None
    honest = export_checkpoint(model, data, folder / "best.ckpt", name, out)
    checkpoint = loaded((folder / NAME).read_bytes(), folder / NAME)
    facts = checkpoint["loopcast"]["refit"]
    model.restore(checkpoint["loopcast"], data.features, data.scaling)
    model.load_state_dict(checkpoint["state_dict"])
    model.eval()
    everything = whole(data)
    assert model.task is not None
    card = {
        **honest.card,
        "data": {**honest.card["data"], **described(data.panel, everything.splits)},
        "monitoring": {**honest.card["monitoring"], **summary(everything.train, model.task)},
        "refit": {
            **{name: facts[name] for name in ("steps", "seconds", "last")},
            "scores": "of the run before, which did not see its validation and test parts",
        },
    }
    return Exported(export(model, data.panel, out, card), honest.validation, card)
