"""Before a version may serve: does it run, and could its clients go on as before?"""

import numpy as np

from loopcast.core.errors import ArtifactError
from loopcast.core.inputs import inputs
from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Task
from loopcast.serving.predictor import Predictor


def of_one_kind(new: Task, old: Task) -> str | None:
    """Why the two do not forecast the same thing; None where they do."""
    for name in ("target", "time", "series", "frequency", "zone"):
        if getattr(new, name) != getattr(old, name):
            return f"its {name} is {getattr(new, name)!r}, that of the one before {getattr(old, name)!r}"
    return None


def compatible(new: Task, old: Task) -> str | None:
    """Why clients of the old version could not use the new one; None where they can."""
    if other := of_one_kind(new, old):
        return other
    if more := sorted(_covariates(new) - _covariates(old)):
        return f"it reads {', '.join(more)}, which nobody sends to the one before"
    if new.horizon < old.horizon:
        return f"it forecasts {new.horizon} steps, the one before {old.horizon}"
    if lost := sorted(set(old.quantiles) - set(new.quantiles)):
        return f"it lacks the quantile {lost[0]:g} of the one before"
    return "it lacks the mean of the one before" if old.mean and not new.mean else None


def _covariates(task: Task) -> set[str]:
    named = {name for role in ("static", "past", "future") for name in getattr(task, role).names}
    return (named - set(task.series)) | ({task.observed} if task.observed else set())


def self_test(predictor: Predictor, name: str) -> None:
    """Run made-up series of ordinary, short, gappy and absent history; raises ArtifactError.

    What comes must be finite and in order, and a series alone as it is among others.
    """
    panel = _panel(predictor.task)
    prepared = inputs(panel, predictor.task, np.arange(len(panel)), panel.origin)
    try:
        quantiles = predictor.run(prepared)
        alone = predictor.run({name: column[:1] for name, column in prepared.items()})
    except Exception as error:  # onnxruntime raises many types of its own
        raise ArtifactError(f"{name} fails its self-test ({type(error).__name__})") from error
    wanted = (len(panel), predictor.task.horizon, len(predictor.task.quantiles))
    if quantiles.shape != wanted:
        raise ArtifactError(
            f"{name} fails its self-test: its output is {quantiles.shape}, {wanted} was wanted"
        )
    if not np.isfinite(quantiles).all():
        raise ArtifactError(f"{name} fails its self-test: values are not finite")
    if (np.diff(quantiles, axis=2) < 0).any():
        raise ArtifactError(f"{name} fails its self-test: quantiles cross")
    room = 1e-3 * max(float(np.abs(quantiles[0]).max()), 1.0)
    if np.abs(alone[0] - quantiles[0]).max() > room:
        raise ArtifactError(f"{name} fails its self-test: a series' forecast depends on others")


def _panel(task: Task) -> Panel:
    """Four series: whole, short, with gaps, without history."""
    count, span = 4, task.history + (task.horizon if task.future.names else 0)
    total = count * span
    wave = 10 + np.sin(np.arange(span) / 3)
    target = np.tile(wave, (count, 1)).astype(np.float32)
    target[1, : task.history - max(task.history // 4, 1)] = np.nan
    target[2, ::3] = np.nan
    target[3] = np.nan
    roles = {
        "static": (task.static, count),
        "past": (task.past, total),
        "future": (task.future, total),
    }
    categories = {
        f"{role}.{name}": Categories(np.zeros(rows, np.int32), np.array([""], object))
        for role, (columns, rows) in roles.items()
        for name in columns.categorical
    }
    start = np.full(count, 600)
    return Panel(
        {},
        start,
        start + task.history - 1,
        np.arange(count + 1) * span,
        target.ravel(),
        np.zeros((total, len(task.past.numeric)), np.float32),
        np.zeros((total, len(task.future.numeric)), np.float32),
        np.zeros((count, len(task.static.numeric)), np.float32),
        categories,
    )
