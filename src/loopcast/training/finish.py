"""The end of a fit: the last weights have their say, the best are judged and exported."""

import json
import os
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import onnx
import torch
from onnx import helper

from loopcast.core.artifact import Artifact
from loopcast.core.dependence import dependence
from loopcast.core.judging import actuals, categories, judge
from loopcast.core.naive import naive_scale
from loopcast.core.scores import median
from loopcast.training.calibration import calibrate
from loopcast.training.callbacks import MONITORED
from loopcast.training.card import errors, parts, summary
from loopcast.training.checkpoint import loaded, unlearned
from loopcast.training.datamodule import DataModule
from loopcast.training.export import export
from loopcast.training.forecaster import Forecaster
from loopcast.training.selection import selection
from loopcast.training.windows import chunks


def keep_last(trainer: L.Trainer, model: Forecaster, data: DataModule, folder: Path) -> None:
    """Write last.ckpt, and best.ckpt too where the last weights are better.

    A budget ends between two looks at the validation part, so there is one more; rank 0 decides.
    """
    ours = [c for c in trainer.checkpoint_callbacks if getattr(c, "monitor", "") == MONITORED]
    best = getattr(ours[-1], "best_model_score", None) if ours else None
    last = _validation_loss(trainer, model, data)
    better = best is None or last is None or last < float(best)
    trainer.save_checkpoint(folder / "last.ckpt")
    if trainer.strategy.broadcast(better):
        trainer.save_checkpoint(folder / "best.ckpt")


def _validation_loss(trainer: L.Trainer, model: Forecaster, data: DataModule) -> float | None:
    """Over all windows that choose the best weights, whatever the number of ranks."""
    series, origin, until = data.part("stopping")
    if not len(series):
        return None
    model.eval()
    resident = data.resident().to(model.device).until(until)
    total = torch.zeros(len(model.trust.shares), dtype=torch.float64)
    with torch.no_grad(), trainer.precision_plugin.val_step_context():
        for chosen in chunks(series, origin, data.judging):
            batch = resident.gather(*(part.to(model.device) for part in chosen))
            total += model.losses_of(batch)[0].cpu() * len(chosen[0])
    return float(model.trust.best(total / len(series)))


@dataclass(frozen=True)
class Exported:
    """The artifact, and the scoreboard of the validation part (None without one)."""

    path: Path
    validation: dict[str, Any] | None
    card: dict[str, Any]


def export_best(model: Forecaster, data: DataModule, folder: Path, name: str) -> Exported:
    """Calibrate and export best.ckpt of `folder`, which keeps the scores of its validation part."""
    _keep_calibration(model, data, folder / "best.ckpt")
    done = export_checkpoint(
        model, data, folder / "best.ckpt", name, Path("export") / f"{name}.onnx"
    )
    if done.validation:
        text = json.dumps(done.validation, indent=1)
        (folder / "validation.json").write_text(text, encoding="utf-8")
    return done


def export_checkpoint(
    model: Forecaster, data: DataModule, path: Path, name: str, out: Path
) -> Exported:
    """Load the checkpoint (weights only), judge its validation part, write the artifact `out`."""
    calibration, mark = _calibrated(model, data, path)
    assert data.panel is not None and model.task is not None
    board, seen = _judged(model, data)
    kept = ("overall", "naive", "by_horizon", "by_category")
    card = {
        "name": name,
        "version": 1,
        "data": data.described(),
        "checkpoint": mark,
        "calibration": calibration,
        "scores": {"validation": {key: board[key] for key in kept}} if board else {},
        "monitoring": {**summary(data.train, model.task), **seen},
        "selection": selection(model, data),
        **({} if model.trust.share is None else {"trust": float(model.trust.share)}),
    }
    return Exported(export(model, data.panel, out, card), board, card)


def _calibrated(model: Forecaster, data: DataModule, path: Path) -> tuple[dict[str, Any], str]:
    """Load a checkpoint and fit its ranges, unless it has them; what came of it, and fingerprint."""
    content = path.read_bytes()
    checkpoint = loaded(content, path)
    model.cpu().restore(checkpoint["loopcast"], data.features, data.scaling)
    data.coded_by(model.encoder)
    model.load_state_dict(checkpoint["state_dict"])
    model.eval()
    known = checkpoint["loopcast"].get("calibration")
    if known is None:
        assert data.panel is not None
        unlearned(path, checkpoint["loopcast"], parts(data.panel, data.splits), data.task)
        known = calibrate(model, data)
    return known, fingerprint(content)


def _keep_calibration(model: Forecaster, data: DataModule, path: Path) -> None:
    """Fitted ranges become part of the checkpoint, so that `test` judges what is exported."""
    checkpoint = loaded(path.read_bytes(), path)
    if "calibration" in checkpoint["loopcast"]:
        return
    checkpoint["loopcast"]["calibration"], _ = _calibrated(model, data, path)
    checkpoint["state_dict"] = model.state_dict()
    part = path.with_suffix(".part")
    torch.save(checkpoint, part)
    os.replace(part, path)  # noqa: PTH105 - atomic


def _judged(model: Forecaster, data: DataModule) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The validation part's scoreboard, and its scaled errors for the card."""
    assert data.panel is not None and model.task is not None
    series, origin, limit = data.part("validation")
    if not len(series):
        return None, {}
    quantiles = _forecasts(model, data, series, origin, limit)
    windows = (series, origin, limit)
    board, _ = judge(data.panel, data.train, model.task, windows, quantiles)
    actual = actuals(data.panel, model.task, *windows)
    scale = naive_scale(data.train, model.task.season)[series]
    by = categories(data.panel, model.task, series)
    together = dependence(actual, quantiles, model.task.quantiles, origin, by)
    return board, {
        "errors": errors(actual, median(quantiles, model.task.quantiles), scale, by),
        **({} if together is None or model.task.origins == "own" else {"dependence": together}),
    }


def fingerprint(content: bytes) -> str:
    """Tells whether an artifact came from a checkpoint."""
    return sha256(content).hexdigest()[:16]


def add_test_scores(path: Path, checkpoint: Path, board: dict[str, Any]) -> bool:
    """Write the test part's scores into the card of an artifact that came from `checkpoint`."""
    if not path.exists():
        return False
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    artifact = Artifact.from_metadata(metadata)
    if artifact.card.get("checkpoint") != fingerprint(checkpoint.read_bytes()):
        return False
    kept = {key: board[key] for key in ("overall", "naive", "by_horizon", "by_category")}
    card = {**artifact.card, "scores": {**artifact.card.get("scores", {}), "test": kept}}
    helper.set_model_props(model, {**metadata, **replace(artifact, card=card).to_metadata()})
    part = path.with_suffix(".part")
    part.write_bytes(model.SerializeToString())
    os.replace(part, path)  # noqa: PTH105 - atomic
    return True


def _forecasts(
    model: Forecaster,
    data: DataModule,
    series: np.ndarray,
    origin: np.ndarray,
    limit: np.ndarray,
) -> np.ndarray:
    resident = data.resident().to("cpu").until(limit)
    with torch.no_grad():
        return torch.cat(
            [model(resident.gather(*part)) for part in chunks(series, origin, data.judging)]
        ).numpy()
