"""Do the covariates say anything? Missing, constant, and categories that only come later."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks.finding import Finding, few, plural, warning_if
from loopcast.data.splits import Splits

MOSTLY, SOME = 0.5, 0.05
LATER = 0.05
"""Categories that only come after the train part are a warning from this share of rows on."""


@dataclass(frozen=True)
class Covariate:
    """One column where it counts: static ones by series, others where the target is known."""

    label: str
    missing: float  # share of the cells
    value: str  # the only one the train part shows, "" if there are several


def check(panel: Panel, task: Task, splits: Splits | None) -> list[Finding]:
    """Columns together, so that forty flags make one finding."""
    known = ~np.isnan(panel.target)
    after = panel.indices > (panel.origin if splits is None else splits.train)[panel.owners]
    columns = [*_numeric(panel, task, known, after), *_categorical(panel, known, after)]
    found = _missing(columns) + _constant(columns)
    for name, categories in panel.categories.items():
        if not name.startswith("static."):
            found += _later(
                name.split(".", 1)[1], categories.codes[known], after[known], categories.texts
            )
    return found


def _numeric(panel: Panel, task: Task, known: NDArray, after: NDArray) -> Iterator[Covariate]:
    for role in ("past", "future"):
        for i, name in enumerate(getattr(task, role).numeric):
            column = getattr(panel, role)[:, i]
            yield _covariate(role, name, column[known], column[known & ~after])
    for i, name in enumerate(task.static.numeric):
        yield _covariate("static", name, panel.static[:, i], panel.static[:, i])


def _covariate(role: str, name: str, cells: NDArray, train: NDArray) -> Covariate:
    missing = float(np.isnan(cells).mean()) if len(cells) else 0.0
    said = train[~np.isnan(train)]
    # a column that is 1 or missing says something by being missing
    single = len(said) > 1 and len(said) == len(train) and said.min() == said.max()
    return Covariate(f"{name} ({role})", missing, f"{said[0]:g}" if single else "")


def _categorical(panel: Panel, known: NDArray, after: NDArray) -> Iterator[Covariate]:
    for name, categories in panel.categories.items():
        role, column = name.split(".", 1)
        if role == "static" and column in panel.keys:
            continue
        codes = categories.codes if role == "static" else categories.codes[known]
        train = codes if role == "static" else categories.codes[known & ~after]
        blank = np.array([text == "" for text in categories.texts], dtype=bool)
        missing = float(blank[codes].mean()) if len(codes) else 0.0
        single = len(train) > 1 and train.min() == train.max() and not blank[train[0]]
        yield Covariate(
            f"{column} ({role})", missing, str(categories.texts[train[0]]) if single else ""
        )


def _missing(columns: list[Covariate]) -> list[Finding]:
    found = []
    advice = "the network sees that cells are missing; leave out a column where that says nothing"
    for low, high in ((MOSTLY, 1.1), (SOME, MOSTLY)):
        there = [column for column in columns if low <= column.missing < high]
        there.sort(key=lambda column: -column.missing)
        if there:
            detail = f"{plural(len(there), 'covariate')} without a value in {low:.0%} of the cells or more"
            shown = few(f"{column.label}: {column.missing:.1%}" for column in there)
            found.append(
                Finding(
                    "missing-covariate",
                    warning_if(low == MOSTLY),
                    len(there),
                    shown,
                    detail,
                    advice,
                )
            )
    return found


def _constant(columns: list[Covariate]) -> list[Finding]:
    there = [column for column in columns if column.value]
    if not there:
        return []
    detail = f"{plural(len(there), 'covariate')} with one value throughout the train part"
    shown = few(f"{column.label}: {column.value}" for column in there)
    advice = "leave them out: nothing can be learned from them"
    return [Finding("constant-covariate", "note", len(there), shown, detail, advice)]


def _later(name: str, codes: NDArray, after: NDArray, texts: NDArray) -> list[Finding]:
    """Texts of the validation and test parts that the train part never shows."""
    learned = np.zeros(len(texts), dtype=bool)
    learned[codes[~after]] = True
    fresh = after & ~learned[codes] & (texts != "")[codes]
    if not fresh.any():
        return []
    share = fresh.sum() / after.sum()
    new = texts[np.unique(codes[fresh])]
    detail = (
        f"{plural(len(new), 'value')} of {name!r} first appear after the train part, in"
        f" {share:.1%} of its rows; to the network they are unknown"
    )
    severity = warning_if(share >= LATER)
    advice = "expect little from this column there; a coarser grouping would carry over"
    return [Finding("later-categories", severity, int(fresh.sum()), few(new), detail, advice)]
