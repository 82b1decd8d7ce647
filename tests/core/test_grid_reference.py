"""The grid against a slow one made of pandas' groupby and reindex, on random rows with trouble in them."""

import numpy as np
import pandas as pd
import pytest

from loopcast.core.grid import grid
from loopcast.core.task import Columns, Task

SPANS = {
    "15min": ("2024-03-01", "2024-03-03"),
    "h": ("2024-02-27", "2024-03-05"),
    "D": ("2023-12-20", "2024-03-05"),
    "W-WED": ("2023-01-01", "2024-04-01"),
    "MS": ("2019-01-15", "2024-03-01"),
    "ME": ("2019-01-15", "2024-03-01"),
    "QS": ("1995-01-01", "2004-05-05"),
    "YE": ("1961-01-01", "2004-12-31"),
}
STEPS = {"MS": "M", "ME": "M", "QS": "Q", "YE": "Y"}
HOWS = {"sum": "sum", "mean": "mean", "last": "last", "count": "size"}


def rows(rng: np.random.Generator, frequency: str, count: int) -> pd.DataFrame:
    """Transactions of up to nine series, in any order, with unknown targets and hidden rows."""
    first, last = (pd.Timestamp(day).value // 10**9 for day in SPANS[frequency])
    times = np.sort(rng.integers(first, last, count)).astype("M8[s]")
    frame = pd.DataFrame(
        {
            "shop": rng.choice(["a", "b", "10"], count),
            "item": rng.choice([1, 2, 3], count),
            "time": times,
            "sold": rng.normal(100, 50, count).round(3),
            "open": (rng.random(count) > 0.1).astype(int),
            "size": 1.0,
            "visits": np.where(rng.random(count) < 0.2, np.nan, rng.normal(0, 1, count)),
            "weather": rng.choice(["sun", "rain", ""], count),
        }
    )
    frame.loc[rng.random(count) < 0.1, "sold"] = np.nan
    frame["size"] = frame.shop.map({"a": 1.5, "b": 2.5, "10": np.nan})
    return frame.drop_duplicates(["shop", "item", "time"])


def periods(times: pd.Series, frequency: str) -> pd.Series:
    if frequency == "15min":  # pandas' own periods of 15 minutes may begin at any minute
        times = times.dt.floor(frequency)
    return times.dt.to_period(STEPS.get(frequency, frequency))


def slow(frame: pd.DataFrame, frequency: str, how: str, gaps: str, last: pd.Period) -> dict:
    """(shop, item) -> columns by period, from the first row's period to `last`."""
    frame = frame.assign(period=periods(frame.time, frequency))
    frame["seen"] = frame["open"].eq(1) & (how == "count" or frame.sold.notna())
    frame = frame[frame.period <= last].sort_values("time", kind="stable")
    found = {}
    for key, own in frame.groupby(["shop", "item"]):
        steps = pd.period_range(own.period.min(), last, freq=last.freq)
        by = own[own.seen].groupby("period").sold
        target = by.agg(HOWS[how]).astype(float).reindex(steps)
        if gaps == "zero":
            target[~steps.isin(own.period)] = 0.0
        found[key] = {
            "target": target.to_numpy(),
            "visits": own.groupby("period").visits.mean().reindex(steps).to_numpy(),
            "weather": own.groupby("period").weather.last().reindex(steps).fillna("").to_numpy(),
            "label": [steps[0], steps[-1]],
            "size": own["size"].iloc[-1],
        }
    return found


@pytest.mark.parametrize("frequency", SPANS)
@pytest.mark.parametrize("seed", range(6))
def test_random_transactions_land_where_pandas_puts_them(frequency, seed):
    rng = np.random.default_rng([seed, *frequency.encode()])
    how, gaps = rng.choice(list(HOWS)), rng.choice(["missing", "zero"])
    frame = rows(rng, frequency, int(rng.integers(40, 1500)))
    task = Task(
        "sold", "time", ("shop", "item"), frequency, 2, aggregate=str(how), gaps=str(gaps),
        observed="open", past=Columns(("visits",), ("weather",)),
        static=Columns(("size",), ("shop",)),
    )  # fmt: skip
    origin = frame.time.iloc[-1] if seed % 2 else frame.time.iloc[len(frame) * 3 // 4]
    panel = grid(frame.sample(frac=1, random_state=seed), task, origin=origin)
    last = periods(pd.Series([origin]), frequency)[0]
    want = slow(frame, frequency, how, gaps, last)
    names = list(zip(panel.keys["shop"], panel.keys["item"], strict=True))
    assert [n for i, n in enumerate(names) if panel.lengths[i]] == [
        (shop, str(item)) for shop, item in sorted(want)
    ]
    for (shop, item), one in want.items():
        i = names.index((shop, str(item)))
        part = slice(panel.offsets[i], panel.offsets[i + 1])
        np.testing.assert_allclose(panel.target[part], one["target"], rtol=1e-6)
        np.testing.assert_allclose(panel.past[part, 0], one["visits"], rtol=1e-5, atol=1e-6)
        assert panel.categories["past.weather"].cells[part].tolist() == one["weather"].tolist()
        assert panel.static[i, 0] == one["size"] or np.isnan(one["size"])
        assert panel.categories["static.shop"].cells[i] == shop


@pytest.mark.parametrize("frequency", ["h", "D", "B", "W-MON", "MS", "QE", "YS"])
@pytest.mark.parametrize("duplicates", ["sum", "last"])
def test_labelled_rows_with_gaps_and_copies_land_where_pandas_puts_them(frequency, duplicates):
    rng = np.random.default_rng([*frequency.encode()])
    calendar = pd.date_range("2015-02-01", periods=60, freq=frequency)
    frame = pd.DataFrame(
        {"t": rng.choice(calendar, 300), "k": rng.choice(list("xyz"), 300), "y": np.arange(300.0)}
    )
    task = Task("y", "t", ("k",), frequency, 2, duplicates=duplicates)
    panel = grid(frame, task)
    for i, key in enumerate("xyz"):
        own = frame[frame.k == key].groupby("t").y.agg(duplicates)
        steps = calendar[(calendar >= own.index.min()) & (calendar <= frame.t.max())]
        np.testing.assert_allclose(
            panel.target[panel.offsets[i] : panel.offsets[i + 1]], own.reindex(steps).to_numpy()
        )
