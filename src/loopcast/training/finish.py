"""The end of a fit: the last weights have their say, the best are judged and exported."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch

from loopcast.training.datamodule import DataModule
from loopcast.training.export import export
from loopcast.training.forecaster import Forecaster
from loopcast.training.judging import judge


def keep_last_if_better(
    trainer: L.Trainer, model: Forecaster, data: DataModule, folder: Path
) -> None:
    """A budget ends between two looks at the validation part: look once more."""
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    last = _validation_loss(model, data)
    if best is None or last is None or last < float(best):
        trainer.save_checkpoint(folder / "best.ckpt")


def _validation_loss(model: Forecaster, data: DataModule) -> float | None:
    loader = list(data.val_dataloader())
    if not loader:
        return None
    model.eval()
    resident = replace(
        data.resident().to(model.device),
        limit=torch.from_numpy(data.splits.validation.copy()).to(model.device),
    )
    with torch.no_grad():
        parts = [
            (
                float(model.loss_of(resident.gather(*batch.to(model.device)[:, 1:].unbind(1)))),
                len(batch),
            )
            for batch in loader
        ]
    return sum(loss * size for loss, size in parts) / sum(size for _, size in parts)


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
    chunks = zip(
        torch.from_numpy(series).split(4096), torch.from_numpy(origin).split(4096), strict=True
    )
    with torch.no_grad():
        return torch.cat([model(resident.gather(s, o)) for s, o in chunks]).numpy()


def _described(data: DataModule) -> dict[str, Any]:
    assert data.panel is not None
    return {
        "source": data.reading.source.describe(),
        "series": len(data.panel),
        "rows": len(data.panel.target),
        "first": int(data.panel.start.min()),
        "last": int(data.panel.origin.max()),
    }
