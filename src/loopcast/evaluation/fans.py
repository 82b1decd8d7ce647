"""The series of a test part, from the best to the worst, and their forecasts as fan charts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopcast.core.judging import FIXED
from loopcast.core.scores import intervals
from loopcast.core.verdict import number
from loopcast.evaluation.charts import Chart, moments, numbers, seconds

LEGEND = (
    '<span class="key actual">actual</span> <span class="key ours">forecast</span>'
    ' <span class="key range">ranges</span> <span class="key naive">seasonal naive</span>'
)
HORIZONS, SEASONS = 2, 4
"""How much of the past is drawn: horizons, but one of the seasons that were kept."""


@dataclass(frozen=True)
class Tested:
    """The forecasts of a test part; `error` [series] is in naive scales, or a share without them."""

    table: pd.DataFrame
    keys: tuple[str, ...]
    time: str
    owner: NDArray[np.int64]  # [row]
    error: NDArray[np.float64]  # [series], NaN where nothing is known
    scaled: bool

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Tested":
        """Keys are the columns before "origin", the time column follows it."""
        names = list(table.columns)
        place = names.index("origin")
        keys = tuple(names[:place])
        owner = _owner(table, keys)
        count = int(owner.max(initial=-1)) + 1
        miss = (table["actual"] - table["forecast"]).abs().to_numpy(np.float64)
        size = table["actual"].abs().to_numpy(np.float64)
        scale = table["scale"].to_numpy(np.float64) if "scale" in table else np.full(len(miss), 0.0)
        usable = np.isfinite(miss) & np.isfinite(scale) & (scale > 0)
        if scaled := bool(usable.any()):
            miss, size = miss / np.where(usable, scale, 1), np.ones(len(miss))
        else:
            usable = np.isfinite(miss)
        sums = np.bincount(owner[usable], miss[usable], minlength=count)
        sizes = np.bincount(owner[usable], size[usable], minlength=count)
        error = np.divide(sums, sizes, out=np.full(count, np.nan), where=sizes > 0)
        return cls(table, keys, names[place + 1], owner, error, scaled)

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantiles that were forecast."""
        columns = list(self.table.columns)
        names = [n for n in columns[columns.index("actual") :] if n not in FIXED and n[:1] == "q"]
        return tuple(float(n[1:]) for n in names if n[1:].replace(".", "", 1).isdigit())

    def picked(self) -> dict[int, str]:
        """Series to draw, and why each is drawn: once, and with enough steps to see something."""
        steps = np.bincount(self.owner, self.table["actual"].notna())
        known = np.flatnonzero(np.isfinite(self.error) & (2 * steps >= steps.max(initial=0)))
        order = known[np.argsort(self.error[known], kind="stable")]
        if not len(order):
            return {}
        size = np.bincount(self.owner, self.table["actual"].abs().fillna(0))
        reasons: dict[int, str] = {}
        for series, why in (
            (order[0], "best"),
            (order[len(order) // 2], "median"),
            (order[-1], "worst"),
            (known[np.argmax(size[known])], "largest"),
        ):
            told = reasons.get(int(series))
            reasons[int(series)] = f"{told}, {why}" if told else why
        return reasons if len(order) > 1 else {int(order[0]): "the series"}

    def name(self, series: int) -> str:
        """The series' key."""
        first = self.table.iloc[int(np.argmax(self.owner == series))]
        return ", ".join(str(first[key]) for key in self.keys)


def fans(tested: Tested, history: pd.DataFrame | None) -> Iterator[str]:
    """One chart for each of the series `picked`."""
    for series, why in tested.picked().items():
        rows = tested.table[tested.owner == series]
        past = None if history is None else _past(tested, rows.iloc[0], history)
        error = f"{number(tested.error[series])}" + (" scales" if tested.scaled else " of its size")
        title = f"{why}: {tested.name(series)} ".replace(": the series ", "").rstrip(" :")
        yield _fan(f"{title} (error {error})", tested, _apart(rows), past)


def _fan(title: str, tested: Tested, windows: list[pd.DataFrame], past: Any) -> str:
    shown = pd.concat(windows)
    names = [f"q{level:g}" for level in tested.levels]
    before = shown.iloc[:0] if past is None else past
    times = np.r_[before[tested.time].to_numpy(), shown[tested.time].to_numpy()]
    actual = np.r_[before["actual"].to_numpy(np.float64), shown["actual"].to_numpy(np.float64)]
    y = numbers([actual, shown[[*names, "forecast"]].to_numpy()])
    chart = Chart(title, moments(times), y)
    parts = [chart.upright(seconds(w[tested.time])[0], "origin") for w in windows]
    for window in windows:
        parts += _window(chart, tested, window, names)
    parts.append(chart.line(seconds(times), actual, "actual"))
    if len(before) + len(shown) <= 150:
        parts.append(chart.dots(seconds(shown[tested.time]), shown["actual"], "actual"))
    parts.append(chart.told(seconds(shown[tested.time]), _told(tested, shown)))
    return chart.figure(parts)


def _window(chart: Chart, tested: Tested, window: pd.DataFrame, names: list[str]) -> Iterator[str]:
    x = seconds(window[tested.time])
    for low, high in intervals(tested.levels).values():
        yield chart.band(x, window[names[low]], window[names[high]])
    yield chart.line(x, window["naive"], "naive")
    yield chart.line(x, window["forecast"], "ours")


def _told(tested: Tested, rows: pd.DataFrame) -> Iterator[str]:
    names = [f"q{level:g}" for level in tested.levels]
    times = rows[tested.time].astype(str)
    for time, (_, row) in zip(times, rows.iterrows(), strict=True):
        ranges = f" ({number(row[names[0]])} to {number(row[names[-1]])})" if names else ""
        actual = "unknown" if np.isnan(row["actual"]) else number(row["actual"])
        yield (
            f"{time.removesuffix(' 00:00:00')}: actual {actual}, forecast"
            f" {number(row['forecast'])}{ranges}, naive {number(row['naive'])}"
        )


def _apart(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The windows of one series that do not overlap, earliest first."""
    chosen: list[pd.DataFrame] = []
    time = rows.columns[list(rows.columns).index("origin") + 1]
    for _, window in rows.groupby("origin"):
        if not chosen or window["origin"].iloc[0] >= chosen[-1][time].iloc[-1]:
            chosen.append(window)
    return chosen


def _past(tested: Tested, first: pd.Series, history: pd.DataFrame) -> pd.DataFrame:
    same = np.ones(len(history), dtype=bool)
    for key in tested.keys:
        same &= (history[key] == first[key]).to_numpy()
    shown = max(HORIZONS * int(tested.table["horizon"].max()), int(same.sum()) // SEASONS)
    return history[same].iloc[-shown:]


def _owner(table: pd.DataFrame, keys: tuple[str, ...]) -> NDArray[np.int64]:
    if not keys:
        return np.zeros(len(table), dtype=np.int64)
    return table.groupby(list(keys), sort=False, dropna=False).ngroup().to_numpy(np.int64)
