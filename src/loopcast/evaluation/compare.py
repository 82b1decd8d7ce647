"""Runs side by side: what differs in config and data, and their scores."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from loopcast.core.verdict import aligned, compared, deciding, title, value
from loopcast.evaluation.run import Run, hidden

APART: tuple[Any, ...] = (None, [], {})
"""What says nothing in a config."""
FACTS = ("fingerprint", "source", "series", "rows", "first", "last", "train", "validation", "parts")
"""Of the data, as the card tells them."""
WIDE = 30


def comparison(runs: Sequence[Run]) -> dict[str, Any]:
    """Plain JSON: {"runs": names, "config": {key: [value a run]}, "data", "same_data", "scores"}.

    Only the keys of config and data that differ; a score that a run lacks is None.
    """
    configs = [_flat(yaml.safe_load(hidden(run.config or "")) or {}) for run in runs]
    data = [(run.plan or {}).get("data", {}) for run in runs]
    seen = {facts.get("fingerprint") for facts in data}
    return {
        "runs": _names(runs),
        "config": _differing(configs),
        "data": _differing([{k: f[k] for k in FACTS if k in f} for f in data]),
        "same_data": None if None in seen else len(seen) == 1,
        "scores": {
            part: found
            for part in ("validation", "test")
            if (found := _scores([_board(run, part) for run in runs]))
        },
    }


def _board(run: Run, part: str) -> Mapping[str, Any]:
    return (run.validation if part == "validation" else run.board) or {}


def _names(runs: Sequence[Run]) -> list[str]:
    """Folders of the same name are told by their paths."""
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder) for run in runs]


def _flat(section: Any, place: str = "") -> dict[str, Any]:
    """Dotted keys; arguments stand under their class."""
    if not isinstance(section, dict):
        return {} if section in APART else {place: section}
    found = {}
    for name, inner in section.items():
        if name == "class_path":
            found[place] = str(inner)
        else:
            deeper = place if name == "init_args" else f"{place}.{name}".lstrip(".")
            found |= _flat(inner, deeper)
    return found


def _differing(each: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    keys = dict.fromkeys(key for one in each for key in one)
    rows = {key: [one.get(key) for one in each] for key in keys if key != "name"}
    return {key: row for key, row in rows.items() if any(cell != row[0] for cell in row)}


def _scores(boards: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Ours of each run, and seasonal naive of the first that has it."""
    first = next((board for board in boards if board), None)
    if first is None:
        return {}
    return {
        name: [board.get("overall", {}).get(name) for board in boards] for name in first["overall"]
    } | {"naive": [_naive(board) for board in boards]}


def _naive(board: Mapping[str, Any]) -> float | None:
    """Of the score that decides."""
    name = deciding(board) if board else None
    return board["naive"][name] if name else None


def table(found: Mapping[str, Any]) -> str:
    """For the terminal."""
    parts = [_data(found), _config(found), *(_part(found, part) for part in found["scores"])]
    return "\n\n".join(filter(None, parts))


def _data(found: Mapping[str, Any]) -> str:
    if found["same_data"]:
        return (
            "the runs saw the same data, cut alike" if not found["data"] else _rows("data", found)
        )
    told = (
        "some run does not say what data it saw: fit it again to know"
        if found["same_data"] is None
        else "!!! the runs saw different data: their scores do not compare as they stand !!!"
    )
    return f"{_rows('data', found)}\n\n{told}" if found["data"] else told


def _config(found: Mapping[str, Any]) -> str:
    return _rows("config", found) if found["config"] else "their configs are the same"


def _rows(what: str, found: Mapping[str, Any]) -> str:
    lines = [
        (key, *("-" if cell is None else _short(cell) for cell in row))
        for key, row in found[what].items()
    ]
    return aligned([(what, *found["runs"]), *lines], left=range(len(found["runs"]) + 1))


def _part(found: Mapping[str, Any], part: str) -> str:
    """The best of a row has a star."""
    rows = [(f"{part} part", *found["runs"])]
    for name, row in found["scores"][part].items():
        if name == "naive":
            cells = ["-" if cell is None else value("mase", cell) for cell in row]
            rows.append(("seasonal naive", *cells))
            continue
        known = [cell for cell in row if cell is not None]
        best = min(known) if compared(name) and len(known) > 1 else None
        cells = [value(name, cell) + ("*" if cell == best is not None else " ") for cell in row]
        rows.append((title(name), *cells))
    return aligned(rows)


def _short(cell: Any) -> str:
    text = cell.rsplit(".", 1)[-1] if _dotted(cell) else cell
    text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    return text if len(text) <= WIDE else text[: WIDE - 3] + "..."


def _dotted(cell: Any) -> bool:
    return (
        isinstance(cell, str) and cell.replace(".", "").isidentifier() and not Path(cell).exists()
    )
