"""The tables of a run's page: all scores, and the scores of each category."""

from collections.abc import Mapping
from html import escape
from typing import Any

from loopcast.core.verdict import compared, title, value, widest

SHOWN = 12
"""Categories of a column that are shown before the rest is folded away."""
LEANING = 0.25
"""A bias whose bar is as long as bars get."""
MEANING = {
    "mase": "mean absolute error over that of seasonal naive in the train part; below 1 is better",
    "smape": "mean error as a share of size, 0 to 200",
    "wape": "sum of errors over sum of actuals",
    "rmse": "root of the mean squared error, in the target's units",
    "mae": "mean absolute error, in the target's units",
    "bias": "sum of forecasts minus actuals, over sum of actuals; above 0: too much",
    "pinball": "mean quantile loss, in the target's units",
    "wql": "quantile losses over sum of actuals",
    "spl": "quantile losses over the naive error of the train part: every series counts the same",
}


def score(name: str, board: Mapping[str, Any]) -> str:
    """A row: ours, seasonal naive, their ratio and what the score means."""
    ours, naive = board["overall"][name], board["naive"][name]
    ratio = ours / naive if compared(name) and ours is not None and naive else None
    bar = "" if ratio is None else _ratio(ratio)
    inside = "share of actuals inside the range; should be what its name says"
    return (
        f"<tr><th>{title(name)}</th><td>{value(name, ours)}</td><td>{value(name, naive)}</td>"
        f'<td class="bar">{bar}</td><td class="words">{MEANING.get(name, inside)}</td></tr>'
    )


def _ratio(ratio: float) -> str:
    return f'{_gauge(ratio)}<b class="{_kind(ratio)}">{ratio:.2f}</b>'


def _gauge(ratio: float) -> str:
    """A bar that ends at the mark where naive is as good."""
    width = min(ratio, 2) * 50
    return f'<span class="gauge"><i class="{_kind(ratio)}" style="width:{width:.0f}%"></i></span>'


def _kind(ratio: float) -> str:
    return "good" if ratio < 1 else "bad"


def column(
    column: str, texts: Mapping[str, Any], name: str, odd: Mapping[tuple[str, str], tuple[str, ...]]
) -> str:
    """The scores of each text of a category column; `odd`: how some of them stand out."""
    outer = widest(next(iter(texts.values())))
    lean = min(max((abs(s["bias"] or 0) for s in texts.values()), default=0) or 1, LEANING)
    rows = [
        f"<tr><th>{escape(text or '(blank)')}</th><td>{scores['windows']:,}</td>"
        f"{_size(name, scores)}{_lean(scores['bias'], lean)}"
        + (f"<td>{value(outer, scores[outer])}</td>" if outer else "")
        + f'<td class="words">{_tags(odd.get((column, text), ()))}</td></tr>'
        for text, scores in texts.items()
    ]
    head = (
        f"<thead><tr><th>{escape(column)}</th><th>windows</th><th>{title(name)}</th><th>naive</th>"
        f"<th>bias</th>{f'<th>{title(outer)}</th>' if outer else ''}<th></th></tr></thead>"
    )
    rest = rows[SHOWN:]
    more = (
        f'<details><summary>{len(rest):,} more</summary><div class="wide"><table>{head}<tbody>'
        f"{''.join(rest)}</tbody></table></div></details>"
        if rest
        else ""
    )
    first = "".join(rows[:SHOWN])
    return (
        f'<div class="wide"><table class="groups">{head}<tbody>{first}</tbody></table></div>{more}'
    )


def _size(name: str, scores: Mapping[str, Any]) -> str:
    ours, naive = scores[name], scores["naive"][name]
    bar = _gauge(ours / naive) if ours is not None and naive else ""
    return f'<td class="bar">{bar}<b>{value(name, ours)}</b></td><td>{value(name, naive)}</td>'


def _lean(bias: float | None, most: float) -> str:
    """A bar from the middle: to the right where too much is forecast."""
    share = 0.0 if bias is None else 50 * min(abs(bias) / most, 1)
    left = 50.0 if bias is None or bias >= 0 else 50 - share
    return (
        f'<td class="bar"><span class="gauge"><i style="left:{left:.0f}%;width:{share:.0f}%"></i>'
        f"</span><b>{value('bias', bias)}</b></td>"
    )


def _tags(told: tuple[str, ...]) -> str:
    return " ".join(f'<span class="tag">{escape(remark)}</span>' for remark in told)
