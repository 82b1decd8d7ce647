"""A step counts once most series have it."""

from dataclasses import replace

import numpy as np
import pytest

from loopcast.core.grid import grid
from loopcast.core.task import Task
from loopcast.lifecycle.settled import settled

TASK = Task(target="y", time="t", series=("s",), frequency="D", horizon=7, season=7, history=14)
DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-02-10")).astype("M8[s]")


def table(missing=()):
    """Ten series; `missing`: (series, day) without a row."""
    cells = [(f"s{i}", day) for i in range(10) for day in DAYS if (i, day) not in missing]
    return {
        "s": np.array([name for name, _ in cells], object),
        "t": np.array([day for _, day in cells]),
        "y": np.ones(len(cells)),
    }


def end(rows, task=TASK):
    return int(grid(settled(rows, task), task).origin.max() - grid(table(), task).origin.max())


def test_nothing_is_left_out_where_all_have_come():
    rows = table()
    assert all((settled(rows, TASK)[name] == rows[name]).all() for name in rows)


@pytest.mark.parametrize("gaps", ["missing", "zero"])
@pytest.mark.parametrize(("few", "left_out"), [(9, -1), (3, -1), (1, 0)])
def test_the_newest_step_waits_for_most_series(few, left_out, gaps):
    rows = table({(i, DAYS[-1]) for i in range(few)})
    assert end(rows, replace(TASK, gaps=gaps)) == left_out


def test_rows_of_the_future_without_values_stay():
    rows = table({(i, DAYS[-1]) for i in range(9)})
    ahead = np.array([DAYS[-1] + np.timedelta64(1, "D")])
    rows = {
        "s": np.append(rows["s"], "s1"),
        "t": np.r_[rows["t"], ahead],
        "y": np.r_[rows["y"], np.nan],
    }
    assert settled(rows, TASK)["t"][-1] == ahead[0]


def test_sundays_with_few_sales_are_complete():
    sundays = {d for d in DAYS if (d.astype("M8[D]").astype(int) + 3) % 7 == 6}
    last = max(sundays)
    rows = table({(i, d) for i in range(6) for d in sundays})
    until = rows["t"] <= last
    rows = {name: column[until] for name, column in rows.items()}
    assert settled(rows, TASK)["t"].max() == last


def test_series_that_have_ended_hold_up_nothing_for_long():
    ended = {(i, day) for i in range(5) for day in DAYS[-4:]}
    assert end(table(ended)) == 0
