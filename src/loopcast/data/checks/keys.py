"""Do the keys name what they should?"""

from collections.abc import Callable

import numpy as np

from loopcast.core.text import codes
from loopcast.data.checks.finding import Finding, few, plural
from loopcast.data.checks.table import Array, Table

FORM, ENOUGH = 0.95, 50
"""Of at least ENOUGH values, FORM have one form before the others are told."""


def check(table: Table) -> list[Finding]:
    """Blank, look-alike and unusual keys, static columns that change."""
    found: list[Finding] = []
    for name, (code, distinct) in table.keys.items():
        found += _blank(name, code, distinct) + _look_alike(name, distinct)
        found += _unusual(name, code, distinct)
    return found + _changing(table)


def _blank(name: str, code: Array, distinct: Array) -> list[Finding]:
    empty = [i for i, text in enumerate(distinct) if not text.strip()]
    count = int(np.isin(code, empty).sum())
    if not count:
        return []
    detail = f"{plural(count, 'row')} ({count / len(code):.1%}) have no {name!r}: together they make a series"
    advice = "fill the key in, or leave these rows out (the source's `where` or query)"
    return [Finding("blank-key", "warning", count, (), detail, advice)]


def _look_alike(name: str, distinct: Array) -> list[Finding]:
    groups: dict[str, list[str]] = {}
    for text in distinct:
        groups.setdefault(" ".join(text.split()).casefold(), []).append(text)
    alike = [sorted(group) for group in groups.values() if len(group) > 1]
    if not alike:
        return []
    return [
        Finding(
            "look-alike-keys",
            "warning",
            sum(len(group) for group in alike),
            few(" / ".join(repr(text) for text in group) for group in alike),
            f"{plural(len(alike), 'value')} of {name!r} {'is' if len(alike) == 1 else 'are'} written"
            " in several ways that differ only by letter case or spaces; each makes its own series",
            "write them alike in the query (UPPER, TRIM) if they mean the same",
        )
    ]


def _unusual(name: str, code: Array, distinct: Array) -> list[Finding]:
    """Words among codes: postage, fees and corrections booked as if they were products."""
    for form in (str.isdigit, str.isalpha):
        coded = np.array([_coded(text, form) for text in distinct], dtype=bool)
        if len(distinct) < ENOUGH or not FORM <= coded.mean() < 1:
            continue
        rows = np.bincount(code, minlength=len(distinct))
        others = np.flatnonzero(~coded)
        others = others[np.argsort(-rows[others], kind="stable")]
        count = int(rows[others].sum())
        kind = "a digit" if form is str.isdigit else "a letter and holds digits"
        detail = (
            f"nearly every value of {name!r} begins with {kind}, {len(others):,} of"
            f" {len(distinct):,} do not ({plural(count, 'row')})"
        )
        advice = "postage, fees, corrections? leave such rows out (the source's `where` or query)"
        return [Finding("unusual-keys", "note", count, few(distinct[others]), detail, advice)]
    return []


def _coded(text: str, begins: Callable[[str], bool]) -> bool:
    return begins(text[:1]) and any(map(str.isdigit, text))


def _changing(table: Table) -> list[Finding]:
    """Static columns with several values in a series: the grid keeps only the last of them."""
    found = []
    for name in table.task.static.names:
        if name in table.task.series:
            continue
        code, distinct = codes(table.cells[name])
        said = np.array([text != "" for text in distinct], dtype=bool)[code]
        pair = table.owner[said] * max(len(distinct), 1) + code[said]
        pairs, row = np.unique(pair, return_index=True)
        many = np.bincount(pairs // max(len(distinct), 1)) > 1
        if not many.any():
            continue
        first = np.flatnonzero(said)[row]
        affected = first[many[table.owner[first]]]
        found.append(
            Finding(
                "changing-static",
                "warning",
                int(many.sum()),
                few(table.name(i) for i in affected[:20]),
                f"{name!r} is static, but changes within {plural(int(many.sum()), 'series', 'series')}"
                f" ({many.sum() / len(np.unique(table.owner)):.1%}); only the last value counts",
                f"move {name!r} to data.past (known up to the origin) or data.future (known ahead)",
            )
        )
    return found
