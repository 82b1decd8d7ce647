"""Are the columns there, and do they hold what they should?"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from loopcast.core.task import Task
from loopcast.core.text import text
from loopcast.data.checks.finding import Finding, few, listing, plural
from loopcast.data.checks.table import Array, Table, loose, unreadable_numbers

ROLES = ("static", "past", "future")


def presence(rows: Any, task: Task, weight: str | None) -> tuple[list[Finding], list[str]]:
    """What is missing, and the names of all columns that are there."""
    there = _names(rows)
    missing = [name for name in _wanted(task, weight) if name not in there]
    if not missing:
        return [], there
    near = [f"did you mean {n[0]!r}?" for m in missing if (n := get_close_matches(m, there, 1))]
    detail = f"{plural(len(missing), 'column')} named by the config {_are(missing)} not there"
    advice = f"name columns of the source ({listing(there, 20)})"
    return [
        Finding(
            "missing-column",
            "error",
            len(missing),
            few(missing),
            detail,
            "; ".join([advice, *near[:1]]),
        )
    ], there


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _names(rows: Any) -> list[str]:
    if isinstance(rows, list | tuple):
        return list(dict.fromkeys(name for record in rows for name in record))
    return [str(name) for name in (rows.columns if hasattr(rows, "columns") else rows)]


def _wanted(task: Task, weight: str | None) -> list[str]:
    roles = [name for role in ROLES for name in getattr(task, role).names]
    target = [] if task.aggregate == "count" else [task.target]
    extra = [name for name in (task.observed, weight) if name]
    return list(dict.fromkeys([*task.series, task.time, *target, *roles, *extra]))


def types(cells: Mapping[str, Array], task: Task, weight: str | None) -> list[Finding]:
    """Columns that must hold numbers and do not, and weights that cannot weigh."""
    numeric = [name for role in ROLES for name in getattr(task, role).numeric]
    target = [] if task.aggregate == "count" else [task.target]
    extra = [name for name in (task.observed, weight) if name]
    found = []
    for name in dict.fromkeys([*target, *numeric, *extra]):
        if name in cells and (wrong := unreadable_numbers(cells[name])).any():
            found.append(_not_numeric(name, cells[name], wrong, name in numeric))
    if weight is not None and weight in cells and not found:
        found += _weights(weight, loose(cells[weight]))
    return found


def _not_numeric(name: str, column: Array, wrong: Array, covariate: bool) -> Finding:
    instead = f", or list {name!r} under data.categorical" if covariate else ""
    return Finding(
        "not-numeric",
        "error",
        int(wrong.sum()),
        few(repr(value) for value in text(column[wrong][:1000])),
        f"{wrong.mean():.1%} of the cells of {name!r} are not numbers",
        f"clean the column (decimal comma? currency sign?), name another one{instead}",
    )


def _weights(name: str, values: Array) -> list[Finding]:
    wrong = ~(values >= 0) | np.isinf(values)
    if not wrong.any() and values.any():
        return []
    if not wrong.any():
        detail = f"every weight in {name!r} is 0"
    else:
        detail = f"{wrong.mean():.1%} of the weights in {name!r} are negative, infinite or missing"
    advice = "give every row a weight of 0 or more (data.weight), some of them above 0"
    count = int(wrong.sum()) or len(values)
    return [Finding("bad-weight", "error", count, few(values[wrong]), detail, advice)]


def hidden(table: Table) -> list[Finding]:
    """How much of the target the `observed` column hides."""
    name = table.task.observed
    if not name:
        return []
    seen = loose(table.cells[name])
    odd = ~np.isin(seen, (0, 1))
    found = []
    if odd.any():
        detail = f"{odd.mean():.1%} of the cells of {name!r} are neither 0 nor 1"
        advice = "only 0 hides a step; make the column 0 or 1 (data.observed)"
        found.append(
            Finding("odd-observed", "warning", int(odd.sum()), few(seen[odd]), detail, advice)
        )
    share = float((seen == 0).mean())
    if share > 0.5:
        detail = f"{name!r} is 0 in {share:.1%} of the rows: the network learns from the rest only"
        advice = "check that 0 means 'not observed' (data.observed), not the other way round"
        found.append(
            Finding("mostly-hidden", "warning", int((seen == 0).sum()), (), detail, advice)
        )
    return found
