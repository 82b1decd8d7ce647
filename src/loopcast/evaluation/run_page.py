"""A run as one HTML page that needs nothing else: `loopcast report`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from loopcast.core.verdict import deciding, remarks, standing_out, title, value, verdict, widest
from loopcast.evaluation import explained, run_charts, run_tables
from loopcast.evaluation.fans import LEGEND, Tested, fans
from loopcast.evaluation.run import Run, hidden
from loopcast.evaluation.run_style import STYLE

CLOSE = 0.05
"""By how much a range may hold more or less than it promises."""


def report(run: Run, out: Path | None = None) -> Path:
    """Write the page, by default into the run's folder, and say where."""
    path = out or run.folder / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(run), encoding="utf-8")
    return path


def page(run: Run) -> str:
    """The whole page; what is missing is named with the command that makes it."""
    sections = (_scores(run), _fans(run), _steps(run), _categories(run), _explained(run),
                _training(run),
                _plan(run), _findings(run), _config(run))  # fmt: skip
    name = escape(run.name)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{name}: report</title><style>{STYLE}</style></head><body>"
        f"<header><h1>{name}</h1>{_facts(run)}</header>{_verdict(run)}"
        f"{''.join(sections)}<footer>{_versions(run)}</footer></body></html>\n"
    )


def _facts(run: Run) -> str:
    words = []
    if run.plan:
        plan = run.plan["plan"]
        words += [f"history {plan['history']:,} steps", f"season {plan['season']:,}"]
        words.append(f"{run.plan['parameters']:,} parameters")
    if run.steps:
        words.append(f"{run.steps:,} steps of training")
    if run.findings:
        words.insert(0, run.findings.shape())
    best = run.folder / "best.ckpt"
    if best.exists():
        made = datetime.fromtimestamp(best.stat().st_mtime, UTC)
        words.append(f"trained until {made:%Y-%m-%d %H:%M} UTC")
    return f'<p class="facts">{escape(" · ".join(words))}</p>'


def _verdict(run: Run) -> str:
    board = run.board
    if board is None:
        return _missing("There are no scores yet", run, "test")
    kind = "unknown" if deciding(board) is None else "good" if board["beats_naive"] else "bad"
    tiles = "".join(_tile(name, board) for name in _headline(board))
    text = verdict(board).strip("! ")
    return (
        f'<div class="verdict {kind}">{escape(text[:1].upper() + text[1:])}</div>'
        f'<div class="tiles">{tiles}</div>'
    )


def _headline(board: Mapping[str, Any]) -> list[str]:
    names = [deciding(board), "wape", "bias", widest(board["overall"])]
    return [name for name in names if name]


def _tile(name: str, board: Mapping[str, Any]) -> str:
    ours, naive = board["overall"][name], board["naive"][name]
    return (
        f'<div class="tile"><span>{title(name)}</span><b>{value(name, ours)}</b>'
        f"<span>seasonal naive {value(name, naive)}</span></div>"
    )


def _scores(run: Run) -> str:
    if run.board is None:
        return ""
    counts = escape("; ".join(remarks(run.board["counts"])))
    rows = "".join(run_tables.score(name, run.board) for name in run.board["overall"])
    calibration = run_charts.ranges(run.board)
    if run.forecasts is not None:
        calibration += run_charts.quantiles(Tested.of(run.forecasts))
    return (
        '<h2>Scores of the test part</h2><div class="wide"><table><thead><tr><th></th><th>ours</th>'
        '<th>seasonal naive</th><th>ratio</th><th class="words"></th></tr></thead>'
        f'<tbody>{rows}</tbody></table></div><p class="facts">{counts}</p>'
        f'<h2>Do the ranges hold?</h2><div class="grid three">{calibration}{_calibration(run.board)}</div>'
    )


def _calibration(board: Mapping[str, Any]) -> str:
    """What the two pictures say, in words."""
    outer = widest(board["overall"])
    if outer is None or (inside := board["overall"][outer]) is None:
        return ""
    promised = float(outer[9:]) / 100
    apart = inside - promised
    told = (
        "as wide as promised" if abs(apart) < CLOSE else "too wide" if apart > 0 else "too narrow"
    )
    return (
        f'<div class="said"><b>The ranges are {told}.</b><p>The {promised:.0%} range holds'
        f" {inside:.1%} of the actuals. On the dotted line a range holds what it promises; above it"
        " ranges are wider than they need be, below it too narrow to rely on. A quantile above the"
        " line lies too high, one below it too low.</p></div>"
    )


def _fans(run: Run) -> str:
    if run.forecasts is None:
        return ""
    tested = Tested.of(run.forecasts)
    drawn = "".join(fans(tested, run.history))
    unit = "its naive scale" if tested.scaled else "the sum of its actuals"
    return (
        "<h2>Forecasts against actuals</h2>"
        f'<p class="facts">Series by mean absolute error in the test part over {unit}. {LEGEND}</p>'
        f'<div class="grid">{drawn}</div>'
    )


def _steps(run: Run) -> str:
    drawn = "" if run.board is None else "".join(run_charts.by_step(run.board))
    return f'<h2>By step of the horizon</h2><div class="grid three">{drawn}</div>' if drawn else ""


def _categories(run: Run) -> str:
    if run.board is None or (name := deciding(run.board)) is None:
        return ""
    odd = {(group.column, group.text): group.remarks for group in standing_out(run.board)}
    tables = "".join(
        run_tables.column(column, texts, name, odd)
        for column, texts in run.board["by_category"].items()
        if len(texts) > 1
    )
    return f"<h2>By category</h2>{tables}" if tables else ""


def _explained(run: Run) -> str:
    return "" if run.explained is None else explained.section(run.explained)


def _training(run: Run) -> str:
    drawn = [] if run.losses is None else list(run_charts.losses(run.losses))
    body = "".join(drawn) or '<p class="facts">This run kept no log of its losses.</p>'
    return f'<h2>Training</h2><div class="grid three">{body}</div>'


def _plan(run: Run) -> str:
    if run.plan is None:
        return ""
    derived = set(run.plan["derived"])
    items = []
    for name, told in run.plan["plan"].items():
        if name == "roles":
            items += [(f"{role} columns", _columns(kinds)) for role, kinds in told.items()]
        elif name == "model":
            items += [(key.replace("_", " "), _chosen(value)) for key, value in told.items()]
        else:
            items.append((name.replace("_", " "), f"{told:,}" + (" (derived)" * (name in derived))))
    listed = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in items)
    notes = "".join(f"<p>{escape(note)}</p>" for note in run.plan["notes"])
    return f'<h2>What was derived</h2><dl class="facts">{listed}</dl>{notes}'


def _chosen(value: Any) -> str:
    """A number, or a network with its options."""
    if not isinstance(value, Mapping):
        return f"{value:,}"
    options = ", ".join(f"{name} {told}" for name, told in value["init_args"].items())
    return f"{value['class_path'].rpartition('.')[2]}, {options}"


def _columns(kinds: Mapping[str, list[str]]) -> str:
    told = [f"{', '.join(names)} ({kind})" for kind, names in kinds.items() if names]
    return "; ".join(told) or "none"


def _findings(run: Run) -> str:
    if run.findings is None:
        return ""
    told = "".join(
        f'<article class="{f.severity}"><h3><span class="severity">{f.severity}</span>'
        f'<span>{escape(f.code)}</span><span class="count">{f.count:,}</span></h3>'
        f"<p>{escape(f.detail)}</p></article>"
        for f in run.findings.findings
    )
    return f"<h2>What was found in the data: {escape(run.findings.verdict())}</h2>{told}"


def _config(run: Run) -> str:
    if run.config is None:
        return ""
    experiment, rest = _sections(hidden(run.config))
    return (
        f"<h2>Configuration</h2><pre>{escape(experiment)}</pre>"
        f"<details><summary>trainer and the rest</summary><pre>{escape(rest)}</pre></details>"
    )


def _sections(config: str) -> tuple[str, str]:
    """The YAML's name, data and model, and the rest; lines that say nothing are left out."""
    parts: list[list[str]] = []
    for line in config.splitlines():
        if line.endswith((": null", ": []")):
            continue
        if line[:1] not in " -":
            parts.append([])
        if parts:
            parts[-1].append(line)
    first = ("name:", "data:", "model:")
    told = sorted(
        (p for p in parts if p[0].startswith(first)), key=lambda p: first.index(p[0].split()[0])
    )
    rest = [p for p in parts if p not in told]
    return ("\n".join(line for part in group for line in part) for group in (told, rest))  # type: ignore[return-value]


def _versions(run: Run) -> str:
    libraries = (run.plan or {}).get("libraries", {})
    return escape(" · ".join(f"{name} {version}" for name, version in libraries.items()))


def _missing(what: str, run: Run, command: str) -> str:
    config = run.folder / "config.yaml"
    return (
        f'<div class="verdict unknown">{what}: run <code>python train.py {command} --config'
        f" {escape(str(config) if run.config else 'CONFIG')}</code></div>"
    )
