"""The findings about a data set as one HTML page that needs nothing else."""

from collections.abc import Iterator
from html import escape

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks import balance
from loopcast.data.checks.finding import Finding, moment
from loopcast.data.checks.life import Life, lives
from loopcast.data.checks.report import Report
from loopcast.data.splits import Splits
from loopcast.evaluation.check_drawings import Axis, bars, line, number, shares

BINS = 40
DRAWN = 3
"""Example series drawn for a finding."""
COLUMNS, VALUES = 8, 12
"""How many columns, and values of each, the balance shows."""
SKEWED = 50
LEGEND = (
    '<p class="facts">In the pictures: <span class="key validation">validation part</span>'
    ' <span class="key test">test part</span></p>'
)
STYLE = """
:root{color-scheme:light dark;--ink:#1c2733;--soft:#5b6875;--back:#fff;--card:#f5f7f9;--rule:#dde3e8;
--blue:#1769aa;--second:#c98a1b;--error:#b3261e;--warning:#a05a00;--note:#46637f}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#9aa7b3;--back:#12171c;--card:#1b222a;
--rule:#313b45;--blue:#6cb2ee;--second:#e6b45c;--error:#ff8a80;--warning:#ffb74d;--note:#9db8d2}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--back);
color:var(--ink);font:16px/1.5 system-ui,sans-serif}h1{font-size:1.5rem;margin:.5rem 0}
h2{font-size:1.15rem;margin:2rem 0 .5rem}p.facts{color:var(--soft);margin:.25rem 0}
article{background:var(--card);border-left:.3rem solid var(--tone);border-radius:.3rem;
padding:.6rem .9rem;margin:.6rem 0}article p{margin:.2rem 0;overflow-wrap:anywhere}
article h3{font-size:1rem;margin:0;display:flex;gap:.6rem;flex-wrap:wrap;align-items:baseline}
.error{--tone:var(--error)}.warning{--tone:var(--warning)}.note{--tone:var(--note)}
.severity{color:var(--tone);font-weight:700}.count,.examples{color:var(--soft);font-weight:400}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:1rem}
figure{margin:.4rem 0;min-width:0}figcaption{font-size:.85rem;overflow-wrap:anywhere}
.plot{position:relative}svg{display:block;width:100%;height:7.5rem;background:var(--back);
border:1px solid var(--rule)}.high,.low{position:absolute;left:.3rem;font-size:.7rem;
color:var(--soft);background:var(--back);opacity:.85;pointer-events:none}.high{top:.1rem}.low{bottom:.1rem}.ends{display:flex;
justify-content:space-between;font-size:.7rem;color:var(--soft)}
path{fill:none;vector-effect:non-scaling-stroke;stroke-linecap:round;stroke-linejoin:round}
.line{stroke:var(--blue);stroke-width:1.4}.dot{stroke:var(--blue);stroke-width:4}.mark{stroke:var(--error);stroke-width:1.4;
stroke-dasharray:4 3}.bar{fill:var(--blue)}rect.validation{fill:var(--second);opacity:.18}
rect.test{fill:var(--note);opacity:.25}.key{font-size:.7rem;color:var(--soft);white-space:nowrap}
.key::before{content:"";display:inline-block;width:.7em;height:.7em;margin-right:.3em;
background:var(--blue)}.key.validation::before,.key.k1::before{background:var(--second)}
.key.test::before{background:var(--note)}dl{margin:.3rem 0;font-size:.8rem}
dt{margin-top:.3rem;overflow-wrap:anywhere}dd{margin:0;display:grid;
grid-template-columns:1fr 3.5rem;align-items:center}dd b{font-weight:400;text-align:right;
color:var(--soft)}.share{height:.55rem;background:var(--blue);min-width:1px}
.share.k1{background:var(--second)}
"""


def check_page(
    report: Report, panel: Panel | None, task: Task, splits: Splits | None = None
) -> str:
    """Without a panel (the rows could not be put on the grid) the findings alone."""
    pictures = "" if panel is None or not len(panel.target) else _pictures(panel, task, splits)
    findings = "".join(_finding(f, panel, task, splits) for f in report.findings)
    title = f"Data check: {task.target}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>"
        f'<p class="facts">{escape(report.shape())}</p><p class="facts">{_settings(task)}</p>'
        f"<h2>{escape(report.verdict())}</h2>{'' if splits is None else LEGEND}"
        f"{findings}{pictures}</body></html>\n"
    )


def _settings(task: Task) -> str:
    keys = ", ".join(task.series) or "none (one series)"
    words = [f"series: {keys}", f"time: {task.time}", f"frequency: {task.frequency}"]
    words += [f"horizon: {task.horizon}"]
    words += [f"history: {task.history}"] if task.history else []
    words += [f"season: {task.season}"] if task.season else []
    return escape(" · ".join(words))


def _finding(finding: Finding, panel: Panel | None, task: Task, splits: Splits | None) -> str:
    examples = ""
    if finding.examples:
        examples = f'<p class="examples">e.g. {escape("; ".join(finding.examples))}</p>'
    drawn = ""
    if panel is not None and finding.series:
        charts = "".join(_examples(finding, panel, task, splits))
        drawn = f'<div class="grid">{charts}</div>'
    return (
        f'<article class="{finding.severity}"><h3><span class="severity">{finding.severity}</span>'
        f'<span>{escape(finding.code)}</span><span class="count">{finding.count:,}</span></h3>'
        f"<p>{escape(finding.detail)}</p>{examples}<p>What to do: {escape(finding.advice)}</p>{drawn}</article>"
    )


def _examples(finding: Finding, panel: Panel, task: Task, splits: Splits | None) -> Iterator[str]:
    frequency = Frequency.parse(task.frequency)
    for series, step in list(zip(finding.series, finding.steps, strict=True))[:DRAWN]:
        if not series < len(panel):
            continue
        start, origin = int(panel.start[series]), int(panel.origin[series])
        rows = panel.target[panel.offsets[series] : panel.offsets[series + 1]][: origin - start + 1]
        if not len(rows):
            continue
        held = None if splits is None else (splits.train[series], splits.validation[series])
        ends = moment(frequency, start), moment(frequency, origin)
        axis = Axis(*ends, _held(start, origin, held))
        mark = step - start if step < origin else None
        yield line(panel.name(series), rows, axis, mark=mark)


def _held(
    first: int, origin: int, ends: tuple[np.int64, np.int64] | None
) -> tuple[tuple[str, int, int], ...]:
    """The parts that are held out, counted from the step `first`."""
    if ends is None:
        return ()
    train, validation, last = (max(int(end) - first + 1, 0) for end in (*ends, origin))
    return (("validation", train, validation), ("test", validation, last))


def _pictures(panel: Panel, task: Task, splits: Splits | None) -> str:
    life = lives(panel)
    charts = [*_over_time(panel, task, life, splits), *_distributions(panel, life)]
    balances = "".join(_balances(panel, life))
    section = f'<h2>Balance</h2><div class="grid">{balances}</div>' if balances else ""
    return f'<h2>The data</h2><div class="grid">{"".join(charts)}</div>{section}'


def _over_time(panel: Panel, task: Task, life: Life, splits: Splits | None) -> Iterator[str]:
    """Values, live series and the total by step, from the first series' begin on."""
    frequency = Frequency.parse(task.frequency)
    first, last = int(panel.start.min()), int(panel.origin.max())
    held = None
    if splits is not None and task.origins == "shared":
        held = (splits.train.max(), splits.validation.max())
    axis = Axis(moment(frequency, first), moment(frequency, last), _held(first, last, held))
    known = ~np.isnan(panel.target)
    step, steps = panel.indices[known] - first, last - first + 1
    values = np.bincount(step, minlength=steps)[:steps]
    some = life.observed > 0
    begun = np.bincount((panel.origin - life.first_ago - first)[some], minlength=steps + 1)
    ended = np.bincount((panel.origin - life.last_ago - first + 1)[some], minlength=steps + 1)
    active = np.cumsum(begun - ended)[:steps]
    total = np.bincount(step, panel.target[known], minlength=steps)[:steps]
    yield line("Values by step", values, axis, zero=True)
    yield line("Series between their first and last value", active, axis, zero=True)
    yield line(f"Total of {task.target}", np.where(values > 0, total, np.nan), axis, zero=True)


def _distributions(panel: Panel, life: Life) -> Iterator[str]:
    known = panel.target[~np.isnan(panel.target)].astype(np.float64)
    if len(known):
        yield _histogram(known)
    missing = 1 - life.observed / np.maximum(life.steps, 1)
    counts = np.histogram(missing, bins=20, range=(0, 1))[0]
    title = f"Series by share of steps without a value ({(missing > 0).sum():,} of {len(panel):,} lack some)"
    yield bars(title, counts, Axis("0 %", "100 %"))


def _histogram(values: NDArray[np.float64]) -> str:
    """The middle 99 %; on a log scale where a few values would squeeze the rest into one bar."""
    low, middle, high = np.quantile(values, [0.005, 0.5, 0.995])
    inside = values[(values >= low) & (values <= high)]
    title = "Distribution of the target, middle 99 %"
    if low >= 0 and high > SKEWED * max(middle, 1e-9):
        inside, title = np.log1p(inside), title + ", log scale"
    counts = np.histogram(inside, bins=BINS)[0]
    return bars(title, counts, Axis(number(low), number(high)))


def _balances(panel: Panel, life: Life) -> Iterator[str]:
    drawn = 0
    for name, texts, code in balance.groupings(panel):
        if len(texts) < 2 or drawn == COLUMNS:
            continue
        drawn += 1
        rows, target = balance.shares(code, life.observed), balance.shares(code, life.total)
        order = np.argsort(-np.maximum(rows, target), kind="stable")[:VALUES]
        title = f"{name}: {len(texts):,} values" + (
            f", the {VALUES} largest" if len(texts) > VALUES else ""
        )
        told = [(texts[i] or "(blank)", (rows[i], target[i])) for i in order.tolist()]
        yield shares(title, ("values", "target"), told)
