"""Missing, infinite and negative targets in the rows."""

import numpy as np

from loopcast.data.checks.finding import Finding, few, plural, warning_if
from loopcast.data.checks.table import Array, Table

MANY_MISSING = 0.2
MANY_INFINITE = 0.01
FEW_NEGATIVE = 0.05
PERSISTENT = 0.5


def check(table: Table, non_negative: bool | None) -> list[Finding]:
    """Rows after the last known target are the future and do not count as missing."""
    values = table.target
    finite = np.isfinite(values)
    if not finite.any():
        detail = f"not one of {plural(len(values), 'row')} has a value in {table.task.target!r}"
        return [
            Finding("no-target", "error", len(values), (), detail, "name the right data.target")
        ]
    before = table.step <= table.step[finite].max()
    return [
        *_missing(table, np.isnan(values) & before, int(before.sum())),
        *_infinite(table, np.isinf(values)),
        *_negative(table, (values < 0) & finite, int(finite.sum()), non_negative),
    ]


def _missing(table: Table, missing: Array, rows: int) -> list[Finding]:
    if not missing.any():
        return []
    share = missing.sum() / rows
    return [
        Finding(
            "missing-target",
            warning_if(share > MANY_MISSING),
            int(missing.sum()),
            _names(table, missing),
            f"{share:.1%} of the rows up to the last known one have no {table.task.target!r}",
            "fine where it is unknown; where it means nothing sold, fill in 0",
        )
    ]


def _infinite(table: Table, wrong: Array) -> list[Finding]:
    if not wrong.any():
        return []
    return [
        Finding(
            "infinite-target",
            "error" if wrong.mean() > MANY_INFINITE else "warning",
            int(wrong.sum()),
            _names(table, wrong),
            f"{wrong.mean():.2%} of {table.task.target!r} is infinite and counts as missing",
            "look for a division by zero where the column is made",
        )
    ]


def _negative(table: Table, negative: Array, rows: int, non_negative: bool | None) -> list[Finding]:
    share = negative.sum() / rows
    if not share or non_negative is False or (non_negative is None and share >= FEW_NEGATIVE):
        return []
    if non_negative is None and table.task.aggregate is None and _persistent(table, negative):
        return []
    lowest = table.target[negative].min()
    seen = f"{share:.2%} of {table.task.target!r} is negative, down to {lowest:,.6g}"
    if non_negative:
        advice = "correct these rows, leave them out, or set data.non_negative to false"
        return [
            Finding(
                "negative-target",
                "error",
                int(negative.sum()),
                _names(table, negative),
                seen,
                advice,
            )
        ]
    advice = (
        "returns or cancellations? leave them out (the source's `where` or query) to forecast what"
        " was sold, keep them to forecast the balance; data.non_negative: false silences this"
    )
    return [
        Finding(
            "negative-target", "warning", int(negative.sum()), _names(table, negative), seen, advice
        )
    ]


def _persistent(table: Table, negative: Array) -> bool:
    """Below zero a returned item stays for a step, a temperature for many."""
    ordered = negative[table.order]
    again = ordered[1:] & ordered[:-1]
    return bool(again.sum() > PERSISTENT * ordered.sum())


def _names(table: Table, rows: Array) -> tuple[str, ...]:
    affected = np.flatnonzero(rows)
    _, first = np.unique(table.owner[affected], return_index=True)
    return few(table.name(int(affected[i])) for i in np.sort(first)[:20])
