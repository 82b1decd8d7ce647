"""The end of a fit: the last weights have their say, the best are judged and exported."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from loopcast.training.datamodule import JUDGING, DataModule
from loopcast.training.export import export
from loopcast.training.forecaster import Forecaster
from loopcast.training.judging import judge


def keep_last(trainer: L.Trainer, model: Forecaster, data: DataModule, folder: Path) -> None:
    """Write last.ckpt, and best.ckpt too where the last weights are better.

    A budget ends between two looks at the validation part, so there is one more; rank 0 decides.
    """
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    last = _validation_loss(trainer, model, data)
    better = best is None or last is None or last < float(best)
    trainer.save_checkpoint(folder / "last.ckpt")
    if trainer.strategy.broadcast(better):
        trainer.save_checkpoint(folder / "best.ckpt")


def _validation_loss(trainer: L.Trainer, model: Forecaster, data: DataModule) -> float | None:
    """Over all windows, whatever the number of ranks."""
    series, origin, until = data.part("validation")
    if not len(series):
        return None
    model.eval()
    resident = data.resident().to(model.device)
    resident = replace(resident, limit=torch.from_numpy(until.copy()).to(model.device))
    total = 0.0
    with torch.no_grad(), trainer.precision_plugin.val_step_context():
        for chosen in chunks(series, origin):
            batch = resident.gather(*(part.to(model.device) for part in chosen))
            total += float(model.loss_of(batch)) * len(chosen[0])
    return total / len(series)


def chunks(series: np.ndarray, origin: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """Windows in batches of judging size."""
    both = torch.from_numpy(series).split(JUDGING), torch.from_numpy(origin).split(JUDGING)
    return zip(*both, strict=True)


def export_best(model: Forecaster, data: DataModule, folder: Path, name: str) -> Path:
    """Load best.ckpt of `folder` (weights only), judge its validation part, export."""
    checkpoint = torch.load(folder / "best.ckpt", weights_only=True, map_location="cpu")
    model.cpu().restore(checkpoint["loopcast"], data.features, data.scaling)
    model.load_state_dict(checkpoint["state_dict"])
    model.eval()
    assert data.panel is not None and model.task is not None
    card = {"name": name, "version": 1, "data": _described(data), "scores": {}}
    if (data.splits.validation > data.splits.train).any():
        series, origin, limit = data.part("validation")
        board, _ = judge(
            data.panel,
            data.train,
            model.task,
            (series, origin, limit),
            _forecasts(model, data, series, origin),
        )
        card["scores"] = {"validation": {k: board[k] for k in ("overall", "naive", "by_horizon")}}
    return export(model, data.panel, Path("export") / f"{name}.onnx", card)


def _forecasts(
    model: Forecaster, data: DataModule, series: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    resident = data.resident().to("cpu")
    with torch.no_grad():
        return torch.cat([model(resident.gather(*part)) for part in chunks(series, origin)]).numpy()


def _described(data: DataModule) -> dict[str, Any]:
    assert data.panel is not None
    return {
        "source": data.reading.source.describe(),
        "series": len(data.panel),
        "rows": len(data.panel.target),
        "first": int(data.panel.start.min()),
        "last": int(data.panel.origin.max()),
    }
