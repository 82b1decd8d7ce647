"""Do the ranges of totals hold? Coverage and error of sums over series in the test part, by level.

    python benchmarks/totals.py ARTIFACT CONFIG WINDOWS LEVEL...

Beside them, what adding up quantiles, and series that err on their own, would have promised.
"""

import sys
from dataclasses import replace

import numpy as np

from loopcast.core.dependence import dependence
from loopcast.core.forecast import Forecast
from loopcast.core.grid import grid
from loopcast.core.inputs import inputs
from loopcast.core.judging import actuals, categories
from loopcast.core.scores import intervals, median
from loopcast.core.totals import grouped, totals
from loopcast.data.config import read, rows_for
from loopcast.serving.predictor import Predictor


def main(artifact, config, windows, *levels):
    """Print a line for each level and way."""
    predictor = Predictor(artifact, chunk=1024)
    task = predictor.task
    panel = grid(rows_for(task, read([config])), task)
    card = predictor.card
    if "dependence" not in card["monitoring"]:
        card = {"monitoring": {"dependence": measured(predictor, panel)}}
    shares = card["monitoring"]["dependence"]
    print("shares of correlation:", shares)
    alone = {"monitoring": {"dependence": {"overall": 0.0, "by": {}}}}
    for name, facts in (
        ("copula", card),
        ("as if each erred on its own", alone),
        ("added up", None),
    ):
        for level in levels:
            print(f"{level:20} {name:30}", *judged(predictor, panel, int(windows), level, facts))


def measured(predictor, panel):
    """The dependence of the validation part, for an artifact whose card lacks it."""
    task, data = predictor.task, predictor.card["data"]
    series = np.arange(len(panel))
    origin = np.full(len(panel), data["train"])
    prepared = inputs(panel, task, series, origin)
    limit = np.full(len(panel), data["validation"])
    actual = actuals(panel, task, series, origin, limit)
    by = categories(panel, task, series)
    return dependence(actual, predictor.run(prepared), task.quantiles, origin, by)


def judged(predictor, panel, windows, level, card):
    """Coverage of each range, WAPE and bias of the totals' medians, over windows a horizon apart."""
    task = predictor.task
    series, found, sums = np.arange(len(panel)), [], []
    for back in range(1, windows + 1):
        origin = panel.origin - back * task.horizon
        quantiles = predictor.run(inputs(panel, task, series, origin))
        static = {n: panel.categories[f"static.{n}"].cells for n in task.static.categorical}
        times = np.zeros((len(panel), task.horizon))
        forecast = Forecast(panel.keys, task.time, np.zeros(len(panel)), times, quantiles,
                            task.quantiles, static=static)  # fmt: skip
        actual = actuals(panel, task, series, origin, panel.origin)
        known = ~np.isnan(actual).any(1)  # a total of known parts
        forecast = subset(forecast, known)
        groups = grouped(forecast, level)
        if card is None:
            total = np.zeros((groups.count, *quantiles.shape[1:]))
            np.add.at(total, groups.group, forecast.quantiles)
        else:
            total = totals(forecast, [level], card)[0][1].quantiles
        found.append(total)
        true = np.zeros((groups.count, task.horizon))
        np.add.at(true, groups.group, actual[known])
        sums.append(true)
    quantiles, actual = np.concatenate(found), np.concatenate(sums)
    point = median(quantiles, task.quantiles)
    for nominal, (low, high) in intervals(task.quantiles).items():
        inside = (actual >= quantiles[..., low]) & (actual <= quantiles[..., high])
        wide = (quantiles[..., high] - quantiles[..., low]).sum() / actual.sum()
        yield f"{nominal} %: {inside.mean():.1%} (width {wide:.2%})"
    yield f"WAPE {np.abs(point - actual).sum() / actual.sum():.2%}"
    yield f"bias {(point - actual).sum() / actual.sum():+.2%}"


def subset(forecast, chosen):
    """Only these series."""
    return replace(
        forecast,
        keys={n: t[chosen] for n, t in forecast.keys.items()},
        static={n: t[chosen] for n, t in forecast.static.items()},
        origin=forecast.origin[chosen],
        times=forecast.times[chosen],
        quantiles=forecast.quantiles[chosen],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
