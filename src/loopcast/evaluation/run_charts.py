"""The charts of a run: its losses, its scores by step, and whether its ranges hold."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from loopcast.core.verdict import compared, deciding, title, value, widest
from loopcast.evaluation.charts import Axis, Chart, counted, numbers
from loopcast.evaluation.fans import Tested

PAIR = '<span class="key ours">ours</span> <span class="key naive">seasonal naive</span>'
SIZE = (400, 220)
SQUARE = tuple((place / 100, f"{place} %") for place in (0, 25, 50, 75, 100))


def losses(log: pd.DataFrame) -> Iterator[str]:
    """Train and validation loss and the learning rate by step, as far as they were logged."""
    train, validation = _logged(log, "train_loss"), _logged(log, "validation_loss")
    if len(train) or len(validation):
        yield _losses(train, validation)
    rate = _logged(log, "learning_rate")
    if len(rate) > 1:
        chart = Chart("Learning rate", counted(rate.index), numbers([rate], zero=True), *SIZE)
        yield chart.figure([chart.line(rate.index, rate, "ours")])
    mae = _logged(log, "validation_mae")
    if len(mae) > 1:
        chart = Chart(
            "Validation MAE, in the target's units", counted(mae.index), numbers([mae]), *SIZE
        )
        yield chart.figure([chart.line(mae.index, mae, "ours")])


def _losses(train: pd.Series, validation: pd.Series) -> str:
    steps = np.r_[train.index, validation.index]
    y = numbers([train, validation])
    chart = Chart("Loss by step, in scaled units", counted(steps), y, *SIZE)
    legend = '<span class="key naive">train</span> <span class="key ours">validation</span>'
    parts = [
        chart.line(train.index, train, "naive"),
        chart.line(validation.index, validation, "ours"),
    ]
    if len(validation):
        best = float(validation.idxmin())
        parts += [chart.upright(best, "origin"), chart.dots([best], [validation.min()], "ours")]
        legend += f" best at step {best:,.0f}"
    return chart.figure(parts, legend)


def _logged(log: pd.DataFrame, name: str) -> pd.Series:
    """By step; the step after is what the log's counter from 0 means."""
    if name not in log:
        return pd.Series(dtype=float)
    known = log[["step", name]].dropna()
    return known.groupby("step")[name].last().rename(lambda step: int(step) + 1)


def by_step(board: Mapping[str, Any]) -> Iterator[str]:
    """The deciding score, bias and coverage over the horizon; nothing for a horizon of one step."""
    steps, name = board["by_horizon"], deciding(board)
    if len(steps) < 2 or name is None:
        return
    x = [step["step"] for step in steps]
    for score in (name, "bias", widest(steps[0])):
        if score:
            yield _by_step(score, x, steps)


def _by_step(name: str, x: list[int], steps: list[Mapping[str, Any]]) -> str:
    ours = np.array([step[name] for step in steps], dtype=np.float64)
    naive = np.array([step["naive"][name] for step in steps], dtype=np.float64)
    promised = float(name[9:]) / 100 if name.startswith("coverage") else None
    held = [ours, naive] if promised is None else [ours, naive, [promised]]
    y = numbers(held, zero=promised is None, percent=not compared(name))
    chart = Chart(f"{title(name)} by step of the horizon", counted(x), y, *SIZE)
    parts = [
        chart.line(x, naive, "naive"),
        chart.line(x, ours, "ours"),
        chart.dots(x, ours, "ours"),
    ]
    told = (
        f"step {n}: {value(name, step[name])}, naive {value(name, step['naive'][name])}"
        for n, step in zip(x, steps, strict=True)
    )
    if promised is not None or name == "bias":
        parts.insert(0, chart.level(promised or 0.0, "aim"))
    return chart.figure([*parts, chart.told(x, told)], PAIR)


def ranges(board: Mapping[str, Any]) -> str:
    """Nominal against actual share of values in each range; "" where there is no range."""
    overall, naive = board["overall"], board["naive"]
    names = [n for n in overall if n.startswith("coverage_") and overall[n] is not None]
    if not names:
        return ""
    nominal = [float(name[9:]) / 100 for name in names]
    chart = _square("Share of actuals in each range")
    parts = [
        chart.dots(nominal, [naive[n] for n in names], "naive"),
        chart.dots(nominal, [overall[n] for n in names], "ours"),
    ]
    wide = [f"{title(n)}: {value(n, overall[n])}, naive {value(n, naive[n])}" for n in names]
    return chart.figure([_diagonal(chart), *parts, chart.told(nominal, wide)], PAIR)


def quantiles(tested: Tested) -> str:
    """Share of actuals at or below each quantile, against its level; "" where nothing is known."""
    table = tested.table[tested.table["actual"].notna()]
    levels = [level for level in tested.levels if f"q{level:g}" in table]
    if not levels or not len(table):
        return ""
    below = [float((table["actual"] <= table[f"q{level:g}"]).mean()) for level in levels]
    chart = _square("Share of actuals at or below each quantile")
    told = [
        f"q{level:g}: {share:.1%} of actuals" for level, share in zip(levels, below, strict=True)
    ]
    parts = [chart.line(levels, below, "ours"), chart.dots(levels, below, "ours")]
    return chart.figure([_diagonal(chart), *parts, chart.told(levels, told)])


def _square(name: str) -> Chart:
    return Chart(name, Axis((0, 1), SQUARE), Axis((0, 1), SQUARE), 420, 280)


def _diagonal(chart: Chart) -> str:
    return chart.line([0, 1], [0, 1], "aim")
