"""Is the data balanced? Shares of rows and of the target by category and by series."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks.finding import Finding, few, plural, where
from loopcast.data.checks.life import Life

DOMINANT = 0.9
RARE, TENTH = 0.01, 0.1
"""A category is rare below RARE of the rows and below a TENTH of its even share."""
MOST = 200
"""Columns with more values than this are keys in all but name: no balance to speak of."""
CONCENTRATED, TOP, ENOUGH = 0.5, 0.01, 20
"""The TOP share of at least ENOUGH series holds CONCENTRATED of the target."""
HUGE = 100_000
IDENTIFIER = 0.9


def check(panel: Panel, task: Task, life: Life) -> list[Finding]:
    """Each grouping of the series by a column, then the series themselves."""
    found: list[Finding] = []
    for name, texts, code in groupings(panel):
        if 1 < len(texts) <= min(MOST, len(panel) - 1):
            found += _column(name, texts, code, life)
    return [*found, *_concentrated(panel, life), *_cardinality(panel, task)]


def groupings(panel: Panel) -> Iterator[tuple[str, NDArray, NDArray]]:
    """Name, texts [category] and code [series] of each key and static category."""
    for key, column in panel.keys.items():
        texts, code = np.unique(column.astype(str), return_inverse=True)
        yield key, texts, code
    for label, categories in panel.categories.items():
        name = label.removeprefix("static.")
        if name != label and name not in panel.keys:
            used, code = np.unique(categories.codes, return_inverse=True)
            yield name, categories.texts[used], code


def shares(code: NDArray, weight: NDArray) -> NDArray[np.float64]:
    """The part of the total that each category holds, [category]."""
    sums = np.bincount(code, weight)
    return sums / max(float(sums.sum()), np.finfo(float).tiny)


def _column(name: str, texts: NDArray, code: NDArray, life: Life) -> list[Finding]:
    found = []
    rows, target = shares(code, life.observed), shares(code, life.total)
    large = np.flatnonzero(np.maximum(rows, target) > DOMINANT)
    if len(large):
        detail = "; ".join(
            f"{texts[i]!r} of {name!r} holds {rows[i]:.1%} of the values and {target[i]:.1%} of the target"
            for i in large.tolist()
        )
        advice = (
            "the network learns it and little else: look at the scores by category, weigh the"
            " others (data.weight), or train on them alone"
        )
        found.append(
            Finding("dominant-category", "warning", len(large), few(texts[large]), detail, advice)
        )
    rare = np.flatnonzero(rows < min(RARE, TENTH / len(texts)))
    if len(rare):
        rare = rare[np.argsort(rows[rare], kind="stable")]
        detail = (
            f"{plural(len(rare), 'value')} of {name!r} (of {len(texts):,}) hold"
            f"{'s' if len(rare) == 1 else ''} less than"
            f" {min(RARE, TENTH / len(texts)):.2%} of the values each"
        )
        advice = "too little to learn what is special about them; merge them in the query if alike"
        found.append(
            Finding("rare-categories", "note", len(rare), few(texts[rare]), detail, advice)
        )
    return found


def _concentrated(panel: Panel, life: Life) -> list[Finding]:
    if len(panel) < ENOUGH or not life.total.any():
        return []
    top = np.zeros(len(panel), dtype=bool)
    top[np.argsort(-life.total, kind="stable")[: max(1, int(TOP * len(panel)))]] = True
    share = life.total[top].sum() / life.total.sum()
    if share < CONCENTRATED:
        return []
    told = where(panel, top, life.total, panel.origin)
    detail = f"{plural(len(told.series), 'series', 'series')} of {len(panel):,} hold {share:.0%} of the target"
    advice = (
        "scores that add up (WAPE, RMSE) speak of these; look at MASE and the scores by category"
    )
    return [told.finding("concentrated", "note", detail, advice)]


def _cardinality(panel: Panel, task: Task) -> list[Finding]:
    """Categories that name the single case instead of a kind."""
    found = []
    for name, categories in panel.categories.items():
        role, column = name.split(".", 1)
        if column in panel.keys:
            continue
        distinct = len(np.unique(categories.codes))
        cells = len(panel) if role == "static" else len(panel.target)
        identifier = distinct >= max(IDENTIFIER * cells, ENOUGH)
        if not identifier and distinct < HUGE:
            continue
        kind = "series" if role == "static" else "rows"
        detail = f"{column!r} has {distinct:,} different values in {cells:,} {kind}"
        advice = f"leave it out of data.{role}: it names the single case, and new ones are unknown"
        shown = few(text for text in categories.texts[:20] if text)
        found.append(Finding("many-categories", "warning", distinct, shown, detail, advice))
    return found
