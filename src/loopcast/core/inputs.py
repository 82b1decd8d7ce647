"""A panel and origins -> the artifact's inputs by name; training, tests and the predictor share it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Task

Indices = NDArray[np.int64]


def names(task: Task) -> list[str]:
    """What the inputs of the task's artifact can be called; a graph may leave some out."""
    roles = {"static": task.static, "past": task.past, "future": task.future}
    numeric = [role for role, columns in roles.items() if columns.numeric]
    texts = [f"{role}.{name}" for role, columns in roles.items() for name in columns.categorical]
    return ["target", "origin", *numeric, *texts]


def outputs(task: Task) -> tuple[str, ...]:
    """What the outputs of the task's artifact are called, in their order."""
    return ("quantiles", "mean") if task.mean else ("quantiles",)


def inputs(panel: Panel, task: Task, series: Indices, origins: Indices) -> dict[str, NDArray[Any]]:
    """Cut the windows of `series` at `origins`, [batch] each; steps outside are NaN or ""."""
    steps = np.arange(1 - task.history, task.horizon + 1)
    within = (origins - panel.start[series])[:, None] + steps
    inside = (within >= 0) & (within < panel.lengths[series][:, None])
    rows = np.where(inside, within + panel.offsets[series][:, None], 0)
    past = (slice(None), slice(None, task.history))
    named: dict[str, NDArray[Any]] = {
        "target": _numeric(panel.target, rows[past], inside[past]),
        "origin": origins.astype(np.int64),
    }
    if task.past.numeric:
        named["past"] = _numeric(panel.past, rows[past], inside[past])
    if task.future.numeric:
        named["future"] = _numeric(panel.future, rows, inside)
    if task.static.numeric:
        named["static"] = panel.static[series]
    for name, column in panel.categories.items():
        part = past if name.startswith("past.") else (slice(None), slice(None))
        static = name.startswith("static.")
        named[name] = column.cells[series] if static else _text(column, rows[part], inside[part])
    return named


def _numeric(
    flat: NDArray[np.float32], rows: Indices, inside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    if not len(flat):
        return np.full((*rows.shape, *flat.shape[1:]), np.nan, np.float32)
    keep = inside.reshape(*inside.shape, *(1,) * (flat.ndim - 1))
    return np.where(keep, flat[rows], np.float32(np.nan))


def _text(column: Categories, rows: Indices, inside: NDArray[np.bool_]) -> NDArray[np.object_]:
    if not len(column.codes):
        return np.full(rows.shape, "", dtype=object)
    return np.where(inside, column.texts[column.codes[rows]], "")
