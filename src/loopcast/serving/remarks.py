"""What a reader of each series' forecast should know about the rows it rests on."""

from collections.abc import Iterable, Iterator, Mapping, Set

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Task

Remark = tuple[int, str]


def remarks(
    panel: Panel,
    task: Task,
    target: NDArray[np.float32],
    vocabularies: Mapping[str, Set[str]],
) -> list[list[str]]:
    """One list of sentences a series; `target` [series, history] is what the graph saw."""
    found: list[list[str]] = [[] for _ in range(len(panel))]
    for series, remark in (*_course(target, task), *_unknown(panel, task, vocabularies)):
        found[series].append(remark)
    return found


def _course(target: NDArray[np.float32], task: Task) -> Iterator[Remark]:
    """Short, gappy, ended or absent histories."""
    seen = target == target  # noqa: PLR0124 - NaN is what was not observed
    if seen.all():
        return
    whole = min(task.season, task.history)
    wanted = f"a season of {whole}" if whole == task.season else f"the {whole} it could look at"
    count = seen.sum(1)
    first = np.where(count > 0, seen.argmax(1), task.history)
    after = np.where(count > 0, seen[:, ::-1].argmax(1), 0)
    span = task.history - first - after
    for i in _where(count == 0):
        yield (
            i,
            (
                f"no history: nothing was observed in the {_steps(task.history)} up to the origin;"
                " the forecast rests on the static and future columns"
            ),
        )
    for i in _where((count > 0) & (span < whole)):
        yield i, f"short history: {_steps(span[i])}, less than {wanted}"
    for i in _where(span > count):
        yield i, f"gaps: {span[i] - count[i]} of the {_steps(span[i])} of history are missing"
    for i in _where(after > 0):
        yield i, f"ended: nothing was observed in the last {_steps(after[i])} up to the origin"


def _steps(count: int) -> str:
    return f"{count} step" if count == 1 else f"{count} steps"


def _unknown(panel: Panel, task: Task, vocabularies: Mapping[str, Set[str]]) -> Iterator[Remark]:
    for name, column in panel.categories.items():
        new = _new(column, vocabularies.get(name))
        if new is None:
            continue
        role, _, plain = name.partition(".")
        if role == "static":
            remark = [
                f"{plain} {text!r} was not seen in training" for text in column.texts.tolist()
            ]
            for i in _where(new[column.codes]):
                yield i, remark[column.codes[i]]
            continue
        rows = np.flatnonzero(new[column.codes] & _in_window(panel, task))
        owners, first = np.unique(panel.owners[rows], return_index=True)
        for i, row in zip(owners.tolist(), rows[first], strict=True):
            example = str(column.texts[column.codes[row]])
            yield i, f"{plain} holds values that were not seen in training, e.g. {example!r}"


def _new(column: Categories, known: Set[str] | None) -> NDArray[np.bool_] | None:
    """Which texts the graph does not tell apart; None where it knows all or lacks the column."""
    if known is None:
        return None
    new = [text not in known for text in column.texts.tolist()]
    if True not in new:
        return None
    return np.array(new) & (column.texts != "") if "" not in known else np.array(new)


def _in_window(panel: Panel, task: Task) -> NDArray[np.bool_]:
    return panel.indices > panel.origin[panel.owners] - task.history


def _where(which: NDArray[np.bool_]) -> Iterable[int]:
    return np.flatnonzero(which).tolist()
