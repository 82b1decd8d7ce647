"""What moved a run's forecasts, as a part of its page."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from loopcast.evaluation.charts import Axis, Chart, numbers
from loopcast.evaluation.explain import stretch, told

SHOWN = 12


def section(found: Mapping[str, Any]) -> str:
    """Bars by column, a chart over the history, and the network's own weights."""
    features = found["features"][:SHOWN]
    most = max((one["moved"] for one in features), default=0) or 1
    rows = "".join(
        _bar(one["name"], one["role"], one["moved"], most, told(one.get("direction")))
        for one in features
    )
    own = "".join(_weights(part, named) for part, named in (found["network"] or {}).items())
    origin = escape(found["origin"].removesuffix("T00:00:00"))
    return (
        "<h2>What moved the forecasts</h2>"
        f'<p class="facts">{found["series"]:,} series, after {origin}. A column is swapped'
        " for what it was in other windows, a stretch of history hidden like a gap; how far the forecast then"
        " moves is shown. What the network looks at, not what causes the target.</p>"
        f'<div class="wide"><table><thead><tr><th>column</th><th>role</th><th>moves by</th>'
        f'<th class="words">more of it</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f'<div class="grid three">{_history(found["history"])}</div>{own}'
    )


def _bar(name: str, role: str, moved: float, most: float, words: str) -> str:
    width = 100 * moved / most
    return (
        f'<tr><th>{escape(name)}</th><td>{escape(role)}</td><td class="bar"><span class="gauge">'
        f'<i style="width:{width:.0f}%"></i></span><b>{moved:.1%}</b></td>'
        f'<td class="words">{words}</td></tr>'
    )


def _history(stretches: list[Mapping[str, Any]]) -> str:
    x = [sum(one["steps"]) / 2 for one in stretches]
    y = [one["moved"] for one in stretches]
    low, high = stretches[0]["steps"][0], stretches[-1]["steps"][1]
    ticks = tuple((float(place), f"{place}") for place in sorted({low, (low + high) // 2, high}))
    pad = 0.5 if low == high else 0.0
    chart = Chart(
        "Hidden steps of history, before the origin (0)",
        Axis((low - pad, high + pad), ticks),
        numbers([y], zero=True, percent=True),
    )
    parts = [chart.line(x, y, "ours"), chart.dots(x, y, "ours"), chart.told(x, _words(stretches))]
    return chart.figure(parts)


def _words(stretches: list[Mapping[str, Any]]) -> Iterator[str]:
    for one in stretches:
        yield f"step {stretch(*one['steps'])}: moves the forecast by {one['moved']:.1%}"


def _weights(part: str, named: Mapping[str, float]) -> str:
    most = max(named.values(), default=0) or 1
    rows = "".join(_bar(name, "", weight, most, "") for name, weight in named.items())
    return (
        f'<div class="wide"><table><thead><tr><th>the network\'s own weights: {escape(part)}</th><th></th>'
        f"<th>weight</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
