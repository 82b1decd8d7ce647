"""Pictures of forecasts: the past, the median and the ranges; scenarios side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure  # needs no screen, unlike pyplot
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from loopcast.core.errors import ConfigError
from loopcast.core.forecast import Forecast
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid
from loopcast.core.panel import Panel
from loopcast.core.scores import intervals, median
from loopcast.core.task import Task
from loopcast.evaluation.charts import short

SHOWN = 6
PAST = 2
"""Horizons of history that are drawn, but a season at least."""
INK, SOFT, RULE = "#1c2733", "#5b6875", "#dde3e8"
COLOURS = ("#1769aa", "#c4572a", "#2f8f5b", "#8a4fa3", "#b08a1e", "#4b5d6b")
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.grid.axis": "y",
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "ytick.left": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a key may hold $
}


@dataclass(frozen=True)
class Past:
    """The rows before (and, where an earlier origin was named, after) the origin, by key."""

    panel: Panel
    places: Mapping[tuple[str, ...], int]
    task: Task

    @classmethod
    def of(cls, history: Any, task: Task) -> "Past":
        """On the grid, as the predictor sees them."""
        panel = grid(history, task)
        return cls(panel, {key: i for i, key in enumerate(_keys(panel.keys, len(panel)))}, task)

    def of_series(self, key: tuple[str, ...], until: Any) -> tuple[Any, Any]:
        """Times and values, ending with the horizon after `until`."""
        if key not in self.places:
            return np.array([], dtype=np.asarray(until).dtype), np.array([])
        series, panel = self.places[key], self.panel
        frequency = Frequency.parse(self.task.frequency)
        rows = panel.target[panel.offsets[series] : panel.offsets[series + 1]]
        index = panel.start[series] + np.arange(len(rows))
        origin = frequency.index(np.asarray([until]))[0]
        kept = max(PAST * self.task.horizon, self.task.season)
        near = (index > origin - kept) & (index <= origin + self.task.horizon)
        return frequency.time(index[near]), rows[near]


def picture(forecast: Forecast, history: Any, task: Task, path: Path) -> None:
    """Up to six series spread over the keys, as fan charts after their history; .png, .svg, .pdf."""
    known = Past.of(history, task)
    keys = _keys(forecast.keys, len(forecast))
    chosen = np.unique(np.linspace(0, len(forecast) - 1, SHOWN).round().astype(int))
    with mpl.rc_context(STYLE):
        figure, axes = _axes(len(chosen))
        for ax, i in zip(axes, chosen, strict=True):
            _history(ax, *known.of_series(keys[i], forecast.origin[i]), forecast.origin[i])
            _fan(ax, forecast, i, COLOURS[0])
            _titled(ax, ", ".join(keys[i]))
        _finish(figure, axes, path, f"{task.target}: {len(chosen)} of {len(forecast):,} series")


def compare(forecasts: Mapping[str, Forecast], history: Any, task: Task, path: Path) -> None:
    """Scenarios in one picture: the total, then the series in which they differ most."""
    known = Past.of(history, task)
    names = list(forecasts)
    medians = {name: by_key(forecast) for name, forecast in forecasts.items()}
    shared = [key for key in medians[names[0]] if all(key in other for other in medians.values())]
    apart = [differences(key, medians) for key in shared]
    order = np.argsort(-np.abs(apart).max(1), kind="stable")
    total = len(shared) > 1 and task.origins == "shared"
    chosen = [shared[i] for i in order[: SHOWN - total]]
    with mpl.rc_context(STYLE):
        figure, axes = _axes(len(chosen) + total)
        if total:
            _total(axes[0], forecasts, medians, shared, known)
        for ax, key in zip(axes[int(total) :], chosen, strict=True):
            _scenarios(ax, key, forecasts, known)
            _titled(ax, ", ".join(key), _told(names, differences(key, medians), medians, [key]))
        words = _told(names, np.sum(apart, axis=0), medians, shared)
        _finish(figure, axes, path, f"{task.target} by scenario; {words or 'no difference'}")


def by_key(forecast: Forecast) -> dict[tuple[str, ...], NDArray[Any]]:
    """The median [horizon] of each series."""
    points = median(forecast.quantiles, forecast.levels)
    return dict(zip(_keys(forecast.keys, len(forecast)), points, strict=True))


def differences(key: tuple[str, ...], medians: Mapping[str, Mapping[Any, Any]]) -> NDArray[Any]:
    """How much more the later scenarios forecast than the first, over the horizon, [scenario - 1]."""
    sums = np.array([scenario[key].sum(dtype=np.float64) for scenario in medians.values()])
    return sums[1:] - sums[0]


def _told(
    names: Sequence[str],
    more: NDArray[Any],
    medians: Mapping[str, Mapping[Any, Any]],
    keys: Sequence[tuple[str, ...]],
) -> str:
    """'B +3.2 % over A'."""
    base = float(np.sum([np.abs(medians[names[0]][key]).sum() for key in keys]))
    if not base:
        return ""
    shares = [f"{n} {100 * m / base:+.1f} %" for n, m in zip(names[1:], more.tolist(), strict=True)]
    return f"{', '.join(shares)} against {names[0]}"


def _total(
    ax: Any,
    forecasts: Mapping[str, Forecast],
    medians: Mapping[str, Mapping[Any, Any]],
    shared: Sequence[tuple[str, ...]],
    known: Past,
) -> None:
    first = next(iter(forecasts.values()))
    _history(ax, *_summed(known, shared, first.origin[0]), first.origin[0])
    for colour, (name, scenario) in zip(_colours(len(medians)), medians.items(), strict=True):
        total = np.sum([scenario[key] for key in shared], axis=0)
        ax.plot(first.times[0], total, color=colour, lw=1.7, label=name)
    _titled(ax, f"all {len(shared):,} series: sum of the medians")


def _summed(known: Past, keys: Sequence[tuple[str, ...]], until: Any) -> tuple[Any, Any]:
    rows = [known.of_series(key, until) for key in keys]
    times = np.unique(np.concatenate([when for when, _ in rows]))
    total = np.zeros(len(times))
    for when, values in rows:
        total[np.searchsorted(times, when)] += np.nan_to_num(values)
    return times, total


def _scenarios(
    ax: Any, key: tuple[str, ...], forecasts: Mapping[str, Forecast], known: Past
) -> None:
    for number, (colour, (name, forecast)) in enumerate(
        zip(_colours(len(forecasts)), forecasts.items(), strict=True)
    ):
        i = _keys(forecast.keys, len(forecast)).index(key)
        if not number:
            _history(ax, *known.of_series(key, forecast.origin[i]), forecast.origin[i])
        _fan(ax, forecast, i, colour, name=name, all_ranges=False)


def _fan(
    ax: Any,
    forecast: Forecast,
    i: Any,
    colour: str,
    *,
    name: str = "forecast",
    all_ranges: bool = True,
) -> None:
    """Symmetric pairs of quantiles as bands, the median as a line."""
    times, quantiles = forecast.times[i], forecast.quantiles[i]
    pairs = sorted(intervals(forecast.levels).items(), key=lambda pair: -float(pair[0]))
    for nominal, (low, high) in pairs if all_ranges else pairs[:1]:
        label = f"{nominal} % range" if all_ranges else None
        depth = (0.18 if nominal == pairs[0][0] else 0.3) if all_ranges else 0.13
        ax.fill_between(
            times,
            quantiles[:, low],
            quantiles[:, high],
            color=colour,
            alpha=depth,
            lw=0,
            label=label,
        )
        if len(times) == 1:  # an area needs two
            ends = quantiles[:, low], quantiles[:, high]
            ax.vlines(times, *ends, color=colour, alpha=depth, lw=8)
    point = median(quantiles, forecast.levels)
    marker = "o" if len(times) == 1 else None
    ax.plot(times, point, color=colour, lw=1.7, marker=marker, ms=4, label=name)


def _history(ax: Any, times: Any, values: Any, origin: Any) -> None:
    """A line up to the origin, dots after it: actuals that the forecast did not see."""
    before = times <= origin
    ax.plot(times[before], values[before], color=INK, lw=1.1, label="history")
    if (~before).any():
        ax.plot(times[~before], values[~before], "o", color=INK, ms=3, label="actual", zorder=5)
    ax.axvline(origin, color=SOFT, lw=0.8, ls=(0, (2, 3)))


def _axes(count: int) -> tuple[Any, list[Any]]:
    """One wide picture, or two columns of them."""
    columns = min(count, 2)
    rows = -(-count // columns)
    size = (6.4 * columns if count > 1 else 9, 0.8 + 3.0 * rows)
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1, hspace=0.04, wspace=0.02)
    figure = Figure(figsize=size, layout=layout)
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count]


def _titled(ax: Any, title: str, more: str = "") -> None:
    text = title if len(title) <= 64 else f"{title[:61]}..."
    ax.set_title("\n".join(filter(None, (text, more))) or "the series")


def _finish(figure: Any, axes: Sequence[Any], path: Path, title: str) -> None:
    for ax in axes:
        if ax.xaxis.have_units():
            locator = AutoDateLocator(minticks=3, maxticks=7)
            ax.xaxis.set_major_locator(locator)
            ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        ax.margins(x=0.01)
        ax.yaxis.set_major_formatter(lambda value, _: short(value))
    labels = dict(
        reversed(pair) for ax in axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)
    )
    figure.legend(labels.values(), labels.keys(), loc="outside lower left", ncols=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the picture {path} cannot be written ({error}); name a .png, .svg or .pdf"
        ) from error


def _colours(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _keys(keys: Mapping[str, Any], count: int) -> list[tuple[str, ...]]:
    columns = [[str(text) for text in texts] for texts in keys.values()]
    return list(zip(*columns, strict=True)) if columns else [()] * count
