"""The model card: what a version is, from which data, how it did, and why it was promoted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from loopcast.core.frequency import Frequency
from loopcast.core.verdict import title, value
from loopcast.store.clock import iso

SHOWN = ("mase", "wape", "bias", "pinball")
GROUPS = 5
"""The categories with the largest errors that are named."""


def model_card(
    name: str, version: int, digest: str, task: Mapping[str, Any], card: Mapping[str, Any],
    scores: Mapping[str, Any], promoted_at: int, why: str, who: str,
) -> str:  # fmt: skip
    """Markdown for people; `card` is the artifact's own, `scores` what a comparison found."""
    parts = [
        f"# {name}, version {version}",
        f"Promoted {iso(promoted_at)}{f' by {who}' if who else ''}: {why or 'no reason was given'}.",
        _facts(digest, task, card),
        *_judged(card.get("scores") or {}),
    ]
    if gates := scores.get("gates"):
        parts += ["## Against the version before", gate_table(gates)]
    return "\n\n".join(parts) + "\n"


def _facts(digest: str, task: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    data = card.get("data") or {}
    rows = [
        ("SHA-256", f"`{digest}`"),
        ("forecasts", _ahead(task)),
        ("data", _window(task, data)),
        ("source", data.get("source")),
        ("trained", card.get("created")),
        ("libraries", ", ".join(f"{k} {v}" for k, v in (card.get("libraries") or {}).items())),
    ]
    return rows_of(("", ""), [(name, str(text)) for name, text in rows if text])


def _ahead(task: Mapping[str, Any]) -> str:
    key = ", ".join(task.get("series") or ())
    of = f" of each {key}" if key else ""
    return f"{task.get('target')}{of}, {task.get('horizon')} steps of {task.get('frequency')} ahead"


def _window(task: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    if "first" not in data or "frequency" not in task:
        return ""
    times = Frequency.parse(str(task["frequency"])).time(np.array([data["first"], data["last"]]))
    first, last = (str(one).removesuffix("T00:00:00") for one in times)
    return f"{data.get('series'):,} series, {data.get('rows'):,} rows, {first} to {last}"


def _judged(scores: Mapping[str, Any]) -> list[str]:
    """Each part's scores beside the seasonal naive ones, by step, and where it fails."""
    found = []
    for part, board in scores.items():
        overall, naive = board.get("overall"), board.get("naive")
        if not overall or not naive:
            continue
        names = [n for n in (*SHOWN, *(m for m in overall if m.startswith("coverage")))]
        rows = [
            (title(n), value(n, overall.get(n)), value(n, naive.get(n)))
            for n in names
            if overall.get(n) is not None
        ]
        found += [f"## On the {part} part", rows_of(("", "ours", "seasonal naive"), rows)]
        found += _steps(board.get("by_horizon") or []) + _weak(board.get("by_category") or {})
    return found


def _steps(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [n for n in steps[0] if n == "mase" or n.startswith("coverage")] if steps else []
    rows = [(str(s["step"]), *(value(n, s.get(n)) for n in names)) for s in steps]
    return [rows_of(("step", *map(title, names)), rows)] if names else []


def _weak(columns: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    known = [
        (scores["mase"], f"{column} = {text}", scores)
        for column, texts in columns.items()
        for text, scores in texts.items()
        if scores.get("mase") is not None
    ]
    worst = sorted(known, key=lambda one: -one[0])[:GROUPS]
    rows = [
        (name, value("mase", mase), value("mase", (scores.get("naive") or {}).get("mase")))
        for mase, name, scores in worst
    ]
    return [rows_of(("weakest", "MASE", "seasonal naive"), rows)] if rows else []


def gate_table(gates: Sequence[Mapping[str, Any]]) -> str:
    """What was wanted of a challenger, and what was seen."""
    rows = [
        (str(g["name"]), str(g["seen"]), str(g["wanted"]), "yes" if g["passed"] else "no")
        for g in gates
    ]
    return rows_of(("gate", "seen", "wanted", "passed"), rows)


def rows_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
