"""A scoreboard in words: the verdict, what stands out, and the table for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMES = {
    "mase": "MASE",
    "smape": "sMAPE",
    "wape": "WAPE",
    "rmse": "RMSE",
    "mae": "MAE",
    "bias": "bias",
    "pinball": "pinball",
    "wql": "WQL",
    "spl": "SPL",
}
SHARES = ("wape", "bias", "wql")
"""Kept as shares, shown in percent; so is every coverage."""
BIASED, NARROW = 0.05, 0.15
"""From which bias, and from how much less coverage than promised, a group stands out."""
STEPS, GROUPS, ORIGINS = 6, 6, 12
"""How many steps, groups and origins the terminal shows."""


@dataclass(frozen=True)
class Group:
    """The windows of one category that are judged worse than the rest; `remarks` say how."""

    column: str
    text: str
    scores: Mapping[str, Any]
    remarks: tuple[str, ...]
    harm: tuple[float, float]


def table(board: Mapping[str, Any], part: str = "test part") -> str:
    """For the terminal: all scores beside naive, some steps, what stands out, and the verdict."""
    told = "\n".join(remarks(board["counts"]))
    parts = [_overall(board, part), _origins(board), _steps(board), _groups(board), told]
    return "\n\n".join([*filter(None, parts), verdict(board)])


def verdict(board: Mapping[str, Any]) -> str:
    """One sentence: does the network beat the seasonal naive forecast?"""
    name = deciding(board)
    if name is None:
        return "No test step is known: nothing could be judged."
    ours, naive = board["overall"][name], board["naive"][name]
    against = f"{title(name)} {number(ours)} against {number(naive)}"
    if board["beats_naive"]:
        return f"beats seasonal naive by {1 - ours / naive:.0%}: {against}{_but(board)}"
    return (
        f"!!! does NOT beat seasonal naive: {against}. Do not use this forecast as it is: "
        "train longer, give it more history or columns, or forecast with seasonal naive. !!!"
    )


def deciding(board: Mapping[str, Any]) -> str | None:
    """The score that decides against naive: MASE, or MAE where no series has a scale."""
    for name in ("mase", "mae"):
        if board["overall"][name] is not None and board["naive"][name] is not None:
            return name
    return None


def standing_out(board: Mapping[str, Any]) -> list[Group]:
    """Categories that lose to naive, or whose forecasts lean or reach too short; worst first."""
    found = [
        Group(column, text, scores, told, _harm(board, scores))
        for column, texts in board["by_category"].items()
        if len(texts) > 1
        for text, scores in texts.items()
        if (told := _oddities(board, scores))
    ]
    return sorted(found, key=lambda group: group.harm, reverse=True)


def remarks(counts: Mapping[str, int]) -> list[str]:
    """How much was judged, and what was left out."""
    lines = [f"{counts['windows']:,} windows, {counts['steps']:,} steps"]
    if counts["unknown_steps"]:
        lines.append(f"{counts['unknown_steps']:,} steps without an actual are not counted")
    if dropped := counts["zero_scale"] + counts["undefined_scale"]:
        lines.append(
            f"MASE leaves out {dropped:,} windows whose train part repeats itself exactly "
            f"({counts['zero_scale']:,}) or is too short ({counts['undefined_scale']:,})"
        )
    return lines


def title(name: str) -> str:
    """How a score's name is shown."""
    return NAMES.get(name) or name.replace("coverage_", "coverage ") + " %"


def value(name: str, score: float | None) -> str:
    """A score as people read it: shares in percent, a bias with its sign."""
    if score is None:
        return "-"
    if name == "bias":
        percent = f"{100 * score:+,.1f} %"
        return percent[1:] if percent[1:] == "0.0 %" else percent
    if name.startswith("coverage"):
        return f"{100 * score:.1f} %"
    if name in SHARES:
        return f"{number(100 * score)} %"
    return number(score)


def number(score: float) -> str:
    """Three digits that count."""
    if score == 0 or 1e-3 <= abs(score) < 999.5:
        return f"{score:#.3g}".rstrip(".") if score else "0"
    return f"{score:,.0f}" if abs(score) >= 999.5 else f"{score:.2e}"


def compared(name: str) -> bool:
    """Whether less is better, so that ours over naive says something."""
    return name != "bias" and not name.startswith("coverage")


def widest(scores: Mapping[str, Any]) -> str | None:
    """The name of the coverage of the outermost range."""
    names = [name for name in scores if name.startswith("coverage_")]
    return max(names, key=_nominal, default=None)


def _but(board: Mapping[str, Any]) -> str:
    """Scores on which naive is better all the same."""
    pairs = {name: (ours, board["naive"][name]) for name, ours in board["overall"].items()}
    lost = [
        title(name)
        for name, (ours, naive) in pairs.items()
        if compared(name) and ours is not None and naive is not None and ours > naive
    ]
    return f"; but naive is better on {', '.join(lost)}" if lost else ""


def _nominal(name: str) -> float:
    return float(name.removeprefix("coverage_")) / 100


def _oddities(board: Mapping[str, Any], scores: Mapping[str, Any]) -> tuple[str, ...]:
    told, name, outer = [], deciding(board), widest(scores)
    if name and _loses(scores, name):
        told.append("worse than naive")
    usual = abs(board["overall"]["bias"] or 0.0)
    if scores["bias"] is not None and abs(scores["bias"]) > max(BIASED, 2 * usual):
        told.append("too high" if scores["bias"] > 0 else "too low")
    if outer and scores[outer] is not None and scores[outer] < _nominal(outer) - NARROW:
        told.append("ranges too narrow")
    return tuple(told)


def _loses(scores: Mapping[str, Any], name: str) -> bool:
    ours, naive = scores[name], scores["naive"][name]
    return ours is not None and naive is not None and (ours > naive or ours == naive > 0)


def _harm(board: Mapping[str, Any], scores: Mapping[str, Any]) -> tuple[float, float]:
    """What losing to naive cost over all windows, then how far the forecast leans."""
    name = deciding(board) or "mae"
    lost = (scores[name] - scores["naive"][name]) if _loses(scores, name) else 0.0
    return lost * scores["windows"], abs(scores["bias"] or 0.0) * scores["windows"]


def _overall(board: Mapping[str, Any], part: str) -> str:
    rows = [(part, "ours", "seasonal naive", "ratio")]
    for name, ours in board["overall"].items():
        naive = board["naive"][name]
        known = compared(name) and ours is not None and naive
        ratio = f"{ours / naive:.2f}" if known else ""
        rows.append((title(name), value(name, ours), value(name, naive), ratio))
    return aligned(rows)


def _origins(board: Mapping[str, Any]) -> str:
    """Of a backtest: some origins, the first and the last among them."""
    name, origins = deciding(board), board.get("by_origin", [])
    if name is None or len(origins) < 2:
        return ""
    outer = widest(origins[0])
    scores = [name, "bias", *([outer] if outer else [])]
    rows = [("origin", "windows", title(name), "naive", *map(title, scores[1:]))]
    for one in _spread(origins, ORIGINS):
        others = (value(score, one[score]) for score in scores[1:])
        naive = value(name, one["naive"][name])
        windows = f"{one['windows']:,}"
        rows.append((str(one["origin"]), windows, value(name, one[name]), naive, *others))
    return aligned(rows)


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many, evenly, with the first and the last."""
    count = min(most, len(items))
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _steps(board: Mapping[str, Any]) -> str:
    name, steps = deciding(board), board["by_horizon"]
    if name is None or len(steps) < 2:
        return ""
    shown = _spread(steps, STEPS)
    rows = [("step of the horizon", *(str(step["step"]) for step in shown))]
    rows.append((title(name), *(value(name, step[name]) for step in shown)))
    rows.append((f"{title(name)} naive", *(value(name, step["naive"][name]) for step in shown)))
    outer = widest(steps[0])
    for other in ("bias", *([outer] if outer else [])):
        rows.append((title(other), *(value(other, step[other]) for step in shown)))
    return aligned(rows)


def _groups(board: Mapping[str, Any]) -> str:
    name, found = deciding(board), standing_out(board)
    if name is None or not found:
        return ""
    rows = [("stands out", "windows", title(name), "naive", "bias", "")]
    for group in found[:GROUPS]:
        scores = group.scores
        rows.append(
            (
                _short(f"{group.column} = {group.text or '(blank)'}"),
                f"{scores['windows']:,}",
                value(name, scores[name]),
                value(name, scores["naive"][name]),
                value("bias", scores["bias"]),
                ", ".join(group.remarks),
            )
        )
    rest = len(found) - GROUPS
    more = f"\nand {rest:,} more: all are in the report" if rest > 0 else ""
    return aligned(rows, left=(0, 5)) + more


def aligned(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Columns as wide as their longest cell, a rule below the first row."""
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, wide, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _short(text: str, most: int = 34) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
