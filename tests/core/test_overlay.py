"""Actual values over rows: what they replace, what they continue, and when a step counts as over."""

from datetime import datetime
from math import nan

import numpy as np
import pytest

from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid
from loopcast.core.overlay import overlaid
from loopcast.core.task import Task

DAY = Frequency.parse("D")
BEGIN = np.datetime64("2024-01-01")


def step(day):
    return int(DAY.index(np.array([BEGIN + day]).astype("M8[s]"))[0])


def sold(days=9, half=None):
    """Two sales a day of two shops; of the day `half` only the first has come."""
    rows = {"s": [], "t": [], "y": []}
    for shop in "ab":
        for day in range(days):
            for hour in (9, 17):
                if day != half or hour == 9:
                    rows["s"].append(shop)
                    rows["t"].append(BEGIN.astype("M8[s]") + np.timedelta64(24 * day + hour, "h"))
                    rows["y"].append(2.0)
    return rows


def panel(rows, values, aggregate="sum"):
    task = Task(target="y", time="t", series=("s",), frequency="D", horizon=3, aggregate=aggregate)
    steps = DAY.index(np.array(rows["t"], "M8[s]")).tolist()
    owners = [(name,) for name in rows["s"]]
    found = overlaid(rows, values, task, owners, steps, list)
    cells = {name: np.array(column, None if name == "y" else "M8[s]" if name == "t" else object)
             for name, column in found.items()}  # fmt: skip
    return grid(cells, task)


def values_of(found, series=0):
    return found.target[found.offsets[series] : found.offsets[series + 1]].tolist()


def test_a_day_that_has_its_value_is_over():
    whole = panel(sold(half=8), {("a",): {step(8): 7.0}, ("b",): {step(8): 5.0}})
    assert whole.origin.tolist() == [step(8)] * 2
    assert values_of(whole)[-1] == 7 and values_of(whole, 1)[-1] == 5


def test_one_shops_value_does_not_end_the_day_of_the_other():
    half = panel(sold(half=8), {("a",): {step(8): 7.0}})
    assert half.origin.tolist() == [step(7)] * 2


def test_a_value_continues_where_nobody_has_rows_yet():
    found = panel(sold(), {("a",): {step(9): 7.0}, ("b",): {step(10): nan}})
    assert found.origin.tolist() == [step(9)] * 2


@pytest.mark.parametrize("aggregate", ["sum", "mean", "last"])
def test_a_withdrawn_value_is_unknown(aggregate):
    found = panel(sold(), {("a",): {step(4): nan}}, aggregate)
    assert np.isnan(values_of(found)[4]) and not np.isnan(values_of(found, 1)).any()


def test_times_are_written_once_however_many_rows_there_are():
    calls = []

    def written(times):
        calls.append(len(times))
        return [datetime(2024, 1, 9, 23, 59, 59)] * len(times)

    rows = sold(half=8)
    task = Task(target="y", time="t", series=("s",), frequency="D", horizon=3, aggregate="sum")
    owners = [(name,) for name in rows["s"]]
    steps = DAY.index(np.array(rows["t"], "M8[s]")).tolist()
    overlaid(rows, {(s,): {step(8): 7.0} for s in "ab"}, task, owners, steps, written)
    assert calls == [1]
