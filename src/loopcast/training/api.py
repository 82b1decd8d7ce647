"""The five-line training call."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd

from loopcast.core.judging import judge, keep, past
from loopcast.data.frame import Frame
from loopcast.serving.predictor import Predictor
from loopcast.training.callbacks import INTERRUPT, PATIENCE, StopOnInterrupt, keeping, why
from loopcast.training.cli import DEFAULTS
from loopcast.training.datamodule import DataModule
from loopcast.training.finish import export_best, keep_last
from loopcast.training.forecaster import Forecaster
from loopcast.training.messages import quiet
from loopcast.training.refit import Recipe, export_refitted, share
from loopcast.training.refit import refit as refit_


@dataclass(frozen=True)
class Run:
    """What a fit leaves: the artifact, and the scores of its test part (None without one)."""

    artifact: Path
    scores: dict[str, Any] | None


def fit(
    frame: pd.DataFrame,
    *,
    name: str = "loopcast",
    data: dict[str, Any],
    model: dict[str, Any] | None = None,
    trainer: dict[str, Any] | None = None,
    refit: bool = False,
    seed: int = 1,
) -> Run:
    """Train on a data frame; `data`, `model` and `trainer` are the YAML's sections without the source.

    Writes checkpoints/NAME/ and export/NAME.onnx below the working directory. `refit`: once judged,
    train again on everything up to the newest step; the time is shared between both.
    """
    L.seed_everything(seed, verbose=False)
    folder = Path("checkpoints") / name
    folder.mkdir(parents=True, exist_ok=True)
    module, forecaster = DataModule(source=Frame(frame), **data), Forecaster(**(model or {}))
    module.folder = folder
    options = {**DEFAULTS, **(trainer or {})}
    if options.get("max_steps", -1) > 0 and "max_time" not in (trainer or {}):
        options["max_time"] = None
    if refit:
        options["max_time"] = share(options["max_time"])
    own = [
        *(options.get("callbacks") or []),
        *keeping(folder, PATIENCE, data.get("validation") != 0),
    ]
    options = {"logger": False, **options, "callbacks": [*own, StopOnInterrupt()]}
    with quiet():
        run = L.Trainer(**options)
        run.fit(forecaster, module)
        keep_last(run, forecaster, module, folder)
    artifact, scores = Path("export") / f"{name}.onnx", None
    if run.is_global_zero:
        artifact = export_best(forecaster, module, folder, name).path
        scores = _test(module, artifact, folder)
    run.strategy.barrier()  # best.ckpt is complete
    if refit and why(run) != INTERRUPT:
        with quiet():
            recipe = Recipe.of(run, forecaster, folder)
            done = refit_(recipe, forecaster, module, folder, options, [])
            if done and run.is_global_zero:
                export_refitted(forecaster, module, folder, name, artifact)
    return Run(artifact, scores)


def _test(module: DataModule, artifact: Path, folder: Path) -> dict[str, Any] | None:
    """What is judged is what is served: the artifact. Kept in `folder` for `loopcast report`."""
    from loopcast.core.inputs import inputs  # noqa: PLC0415

    assert module.panel is not None
    series, origin, limit = module.part("test")
    if not len(series):
        return None
    predictor = Predictor(artifact)
    quantiles = predictor.run(inputs(module.panel, predictor.task, series, origin))
    task, windows = predictor.task, (series, origin, limit)
    board, forecasts = judge(module.panel, module.train, task, windows, quantiles)
    keep(folder, board, forecasts, past(module.panel, task, series, origin))
    return board
