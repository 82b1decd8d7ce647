from dataclasses import asdict

import numpy as np
import pandas as pd
import polars as pl
import pytest

from loopcast.core.errors import (
    DataError,
    DuplicateRows,
    MissingColumn,
    NoRows,
    WrongTime,
    WrongType,
)
from loopcast.core.grid import grid, missing_future
from loopcast.core.inputs import inputs
from loopcast.core.panel import Panel
from loopcast.core.season import detect
from loopcast.core.task import Columns, Task

TASK = Task("y", "t", ("k",), "MS", 3, season=12, history=6, static=Columns((), ("k",)))
SINGLE = Task("y", "t", (), "MS", 3, season=12, history=6)
NAN = float("nan")
BERLIN = "Europe/Berlin"
CLOCKS = [
    (BERLIN, "2024-03-31", "2024-10-27", 2),
    ("America/New_York", "2024-03-10", "2024-11-03", 1),
]
"""Zone, the days of the clock changes, the hour that autumn has twice."""


def with_(task: Task, **changes: object) -> Task:
    return Task.from_dict({**asdict(task), **changes})


def months(*steps: int) -> list[str]:
    """Month 0 is January 2024."""
    return [str(np.datetime64("2024-01") + step) + "-01" for step in steps]


def target(rows: object, task: Task = SINGLE, **options: object) -> list:
    return grid(rows, task, **options).target.tolist()


def same(one: Panel, other: Panel) -> bool:
    plain = ("start", "origin", "offsets", "target", "past", "future", "static")
    numeric = all(np.array_equal(getattr(one, n), getattr(other, n), equal_nan=True) for n in plain)
    texts = all(
        one.categories[n].cells.tolist() == other.categories[n].cells.tolist()
        for n in one.categories
    )
    keys = all(one.keys[n].tolist() == other.keys[n].tolist() for n in one.keys)
    return numeric and texts and keys


@pytest.fixture(scope="module")
def retail(root):
    return pd.read_csv(root / "data" / "aus_retail.csv.gz")


def test_the_bundled_table_lands_on_the_grid_as_pandas_says(retail):
    task = Task("Turnover", "Month", ("State", "Industry"), "MS", 12, time_format="%Y %b")
    panel = grid(retail, task)
    assert len(panel) == 152
    assert panel.target[~np.isnan(panel.target)].sum() == pytest.approx(
        retail.Turnover.sum(), rel=1e-5
    )
    state, industry = panel.keys["State"][7], panel.keys["Industry"][7]
    chosen = retail[(retail.State == state) & (retail.Industry == industry)]
    rows = panel.target[panel.offsets[7] : panel.offsets[8]]
    np.testing.assert_allclose(rows[: len(chosen)], chosen.Turnover.to_numpy(), rtol=1e-6)
    assert detect(panel) == 12


def test_rows_in_any_order_and_of_any_kind_give_the_same_panel(retail):
    task = Task("Turnover", "Month", ("State", "Industry"), "MS", 12, time_format="%Y %b")
    some = retail[retail.State.isin(["Tasmania", "Victoria"])]
    mixed = some.sample(frac=1, random_state=1)
    one = grid(some, task)
    assert same(one, grid(mixed, task))
    assert same(one, grid(pl.from_pandas(mixed), task))
    assert same(one, grid(mixed.to_dict("records"), task))
    assert same(one, grid({name: list(mixed[name]) for name in mixed}, task))
    assert same(one, grid({name: mixed[name].to_numpy() for name in mixed}, task))
    assert one.keys["State"].tolist() == sorted(one.keys["State"])


def test_aware_times_of_polars_are_turned_into_the_zone():
    times = pl.datetime_range(
        pl.datetime(2024, 7, 1), pl.datetime(2024, 7, 2), "1h", time_zone="UTC", eager=True
    )
    task = Task("y", "t", (), "h", 3, zone=BERLIN)
    panel = grid(pl.DataFrame({"t": times, "y": [1.0] * len(times)}), task)
    assert panel.start[0] == np.datetime64("2024-07-01T02").astype("M8[h]").astype(int)


# Aggregation, duplicates, gaps


@pytest.mark.parametrize(("how", "want"), [("sum", 60), ("mean", 20), ("last", 20), ("count", 3)])
def test_transactions_of_a_step_come_to_what_the_task_says(how, want):
    days = ["2024-01-05", "2024-01-31", "2024-01-09", "2024-02-29"]
    rows = {"t": days, "y": [10, 20, 30, 4]}
    assert target(rows, with_(SINGLE, aggregate=how))[0] == want


def test_counting_needs_no_target():
    rows = {"t": ["2024-01-05", "2024-01-31", "2024-02-28", "2024-03-31"]}
    assert target(rows, with_(SINGLE, aggregate="count")) == [2, 1, 1]


def test_large_sums_are_exact_to_the_last_digit_of_float32():
    rows = {"t": ["2024-01-31"] * 100_001, "y": np.r_[1e8, np.full(100_000, 0.5)]}
    assert target(rows, with_(SINGLE, aggregate="sum")) == [np.float32(1e8 + 50_000)]


@pytest.mark.parametrize(("how", "want"), [("sum", 3.0), ("last", 2.0)])
def test_a_repeated_step_is_summed_or_replaced_where_the_task_says_so(how, want):
    rows = {"t": months(0, 0, 1), "y": [1, 2, 5]}
    assert target(rows, with_(SINGLE, duplicates=how)) == [want, 5]


def test_a_repeated_step_names_its_series_and_what_to_do():
    rows = {"k": ["b", "a", "a", "a"], "t": months(0, 0, 0, 1), "y": [1, 2, 3, 4]}
    with pytest.raises(DuplicateRows, match=r"1 rows .*2 rows of a in 2024-01-01.*duplicates"):
        grid(rows, TASK)


def test_copies_after_the_named_origin_do_not_matter():
    rows = {"t": months(0, 1, 2, 2), "y": [1, 2, 3, 3]}
    assert target(rows, origin="2024-02-01") == [1, 2]


def test_single_events_without_an_aggregate_are_told_to_set_one():
    rows = {"t": np.arange("2024-01-01", "2024-03-01", dtype="M8[D]"), "y": range(60)}
    with pytest.raises(
        WrongTime, match=r"most steps hold several rows.*frequency is MS.*aggregate"
    ):
        grid(rows, SINGLE)


@pytest.mark.parametrize("name", ["W-FRI", "ME", "QS", "YE"])
def test_one_row_a_step_lies_on_the_grid_wherever_in_the_step_it_is(name):
    labels = pd.date_range("2020-01-01", periods=8, freq=name)
    near = labels - pd.Timedelta(days=2) if name in ("W-FRI", "ME", "YE") else labels
    task = with_(SINGLE, frequency=name)
    assert target({"t": near.to_numpy(), "y": range(8)}, task) == list(range(8))


def test_a_gap_is_missing_or_zero_as_the_task_says():
    rows = {"t": months(0, 1, 3), "y": [1, 2, 4]}
    np.testing.assert_array_equal(target(rows), [1, 2, NAN, 4])
    assert target(rows, with_(SINGLE, gaps="zero")) == [1, 2, 0, 4]


def test_an_unknown_value_is_no_gap():
    rows = {"t": months(0, 1, 3), "y": [1, None, 4]}
    np.testing.assert_array_equal(target(rows, with_(SINGLE, gaps="zero")), [1, NAN, 0, 4])


def test_a_series_that_ended_earlier_is_filled_to_the_shared_origin():
    rows = {"k": ["a", "a", "b"], "t": months(0, 1, 0), "y": [1, 2, 3]}
    panel = grid(rows, TASK)
    assert panel.lengths.tolist() == [2, 2]
    assert np.isnan(panel.target[3])
    assert grid(rows, with_(TASK, gaps="zero")).target.tolist() == [1, 2, 3, 0]


def test_positions_without_dates_end_each_series_at_its_own_last_step():
    rows = {"k": list("aaab"), "t": [1, 2, 3, 7], "y": [1, 2, 3, 4]}
    panel = grid(rows, with_(TASK, frequency="1", origins="own"))
    assert panel.start.tolist() == [1, 7]
    assert panel.origin.tolist() == [3, 7]
    assert panel.target.tolist() == [1, 2, 3, 4]


def test_a_hidden_step_is_not_observed():
    rows = {"t": months(0, 1, 2, 3), "y": [1, 0, 3, 4], "open": [1, 0, True, None]}
    task = with_(SINGLE, observed="open", gaps="zero")
    np.testing.assert_array_equal(target(rows, task), [1, NAN, 3, 4])


def test_a_hidden_transaction_does_not_count_among_others():
    rows = {"t": ["2024-01-05", "2024-01-06", "2024-01-31"], "y": [1, 10, 100], "open": [1, 0, 1]}
    assert target(rows, with_(SINGLE, observed="open", aggregate="sum")) == [101]


def test_a_weight_belongs_to_its_step():
    rows = {"k": list("aab"), "t": months(0, 2, 2), "y": [1, 2, 3], "w": [0.5, 2, 3]}
    found = grid(rows, TASK, weight="w").weight
    np.testing.assert_array_equal(found, np.float32([0.5, NAN, 2, 3]))
    assert grid(rows, TASK).weight is None


def test_infinite_and_enormous_values_are_missing():
    rows = {"t": months(0, 1, 2, 3, 4), "y": [np.inf, -np.inf, 1e39, NAN, 5]}
    np.testing.assert_array_equal(target(rows), [NAN, NAN, NAN, NAN, 5])


def test_numbers_may_be_text_or_blank():
    rows = {"t": months(0, 1, 2, 3), "y": ["1.5", "", "NA", "2e3"]}
    np.testing.assert_array_equal(target(rows), [1.5, NAN, NAN, 2000])
    frame = pd.DataFrame({"t": months(0, 1), "y": pd.array([1, None], dtype="Int64")})
    np.testing.assert_array_equal(target(frame, origin="2024-02-01"), [1, NAN])


def test_a_date_is_no_number():
    rows = {"t": months(0, 1), "y": np.array(["2024-01-01", "2024-01-02"], "M8[ns]")}
    with pytest.raises(WrongType, match="'y' should hold numbers"):
        grid(rows, SINGLE)


# The origin


def weekly(last: str, **changes: object) -> Panel:
    """A row a day from Monday 2024-01-01 to `last`, summed by weeks."""
    days = np.arange("2024-01-01", np.datetime64(last) + 1, dtype="M8[D]")
    task = with_(SINGLE, frequency="W-SUN", aggregate="sum", **changes)
    return grid({"t": days, "y": np.ones(len(days))}, task)


@pytest.mark.parametrize(("last", "weeks"), [("2024-03-10", 10), ("2024-03-13", 10), ("2024-03-16", 10), ("2024-03-17", 11)])  # fmt: skip
def test_the_partial_last_week_is_left_out(last, weeks):
    assert weekly(last).target.tolist() == [7.0] * weeks


def test_a_shop_that_is_closed_on_weekends_ends_its_weeks_on_friday():
    days = pd.bdate_range("2024-01-01", "2024-03-15").to_numpy()
    task = with_(SINGLE, frequency="W-SUN", aggregate="sum")
    assert target({"t": days, "y": np.ones(len(days))}, task) == [5.0] * 11
    assert target({"t": days[:-1], "y": np.ones(len(days) - 1)}, task) == [5.0] * 10


@pytest.mark.parametrize("name", ["MS", "ME", "QS", "QE", "YS", "YE", "W-MON", "D", "h", "15min"])
@pytest.mark.parametrize("length", [3, 4, 5, 12, 13, 14])
def test_rows_that_are_sums_of_a_step_already_are_complete(name, length):
    """Their labels lie at one end of the step; steps differ in length."""
    for begin in pd.date_range("2023-01-01", periods=4, freq="QS"):
        labels = pd.date_range(begin, periods=length, freq=name)
        rows = {"t": labels.to_numpy(), "y": np.ones(length)}
        task = with_(SINGLE, frequency=name, aggregate="sum")
        assert target(rows, task) == [1.0] * length, labels[-1]


def test_few_steps_are_complete_when_their_last_day_is_there():
    task = with_(SINGLE, aggregate="sum")
    days = np.arange("2024-01-01", "2024-03-01", dtype="M8[D]")
    assert target({"t": days, "y": np.ones(60)}, task) == [31, 29]
    assert target({"t": days[:-5], "y": np.ones(55)}, task) == [31]


def test_later_rows_than_the_named_origin_do_not_count():
    rows = {"t": months(0, 1, 2, 3), "y": [1, 2, 3, 4]}
    for origin in (
        "2024-02-01",
        "2024-02-15",
        np.datetime64("2024-02-01"),
        pd.Timestamp("2024-02-01"),
    ):
        assert target(rows, origin=origin) == [1, 2]
    np.testing.assert_array_equal(target(rows, origin="2024-06-01")[-2:], [NAN, NAN])
    with pytest.raises(WrongTime, match="someday"):
        grid(rows, SINGLE, origin="someday")


def test_rows_without_a_target_do_not_move_the_origin():
    rows = {"t": months(0, 1, 2, 3), "y": [1, 2, None, None]}
    assert target(rows) == [1, 2]
    assert np.isnan(target({"t": months(0, 1), "y": [None, None]})).all()


# Keys


def test_keys_are_text_and_one_is_one():
    rows = [
        {"k": 1, "t": "2024-01-01", "y": 1},
        {"k": "1", "t": "2024-02-01", "y": 2},
        {"k": 1.0, "t": "2024-03-01", "y": 3},
        {"k": "01", "t": "2024-03-01", "y": 4},
        {"k": None, "t": "2024-03-01", "y": 5},
    ]
    panel = grid(rows, TASK)
    assert panel.keys["k"].tolist() == ["", "01", "1"]
    assert panel.target[panel.offsets[2] :].tolist() == [1, 2, 3]


def test_many_key_columns_do_not_overflow():
    rng = np.random.default_rng(0)
    names = tuple(f"k{i}" for i in range(12))
    cells = {name: rng.integers(0, 300, 400) for name in names}
    rows = {**cells, "t": ["2024-01-01"] * 400, "y": np.arange(400)}
    panel = grid(rows, Task("y", "t", names, "MS", 1))
    order = pd.DataFrame(cells).astype(str).sort_values(list(names)).index
    assert panel.target.tolist() == order.tolist()
    assert all(panel.keys[n].tolist() == [str(v) for v in cells[n][order]] for n in names)


def test_a_series_without_rows_is_asked_for_by_key():
    rows = {"k": ["b", "b"], "t": months(0, 1), "y": [1, 2]}
    panel = grid(rows, TASK, series=[{"k": 7}, {"k": "b"}])
    assert panel.keys["k"].tolist() == ["7", "b"]
    assert panel.lengths.tolist() == [0, 2]
    assert panel.categories["static.k"].cells.tolist() == ["7", "b"]
    assert panel.origin[0] == panel.origin[1]


def test_parts_of_different_types_meet_in_one_series():
    """Numbers as keys and pandas' times in one part, text in the others."""
    task = with_(TASK, future={"numeric": ["p"], "categorical": []})
    history = pd.DataFrame(
        {"k": [1, 1], "t": pd.to_datetime(months(0, 1)), "y": [1, 2], "p": [1, 2]}
    )
    future = [{"k": "1", "t": t, "p": str(i)} for i, t in enumerate(months(2, 3, 4), 3)]
    panel = grid(history, task, future=future, series=[{"k": 1.0}, {"k": 2}])
    assert panel.keys["k"].tolist() == ["1", "2"]
    assert panel.future[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert missing_future(panel, task).tolist() == [False, True]


# Columns


def test_a_static_value_is_the_latest_known_one_in_any_order():
    task = with_(TASK, static={"numeric": ["size"], "categorical": ["k", "type"]})
    rows = pd.DataFrame({"k": "a", "t": months(0, 1, 2), "y": 1.0, "size": [1, 2, NAN], "type": ["x", "y", ""]})  # fmt: skip
    for frame in (rows, rows[::-1]):
        panel = grid(frame, task)
        assert panel.static.tolist() == [[2]]
        assert panel.categories["static.type"].cells.tolist() == ["y"]


def test_known_ahead_rows_reach_beyond_the_origin():
    task = with_(TASK, future={"numeric": ["p"], "categorical": []})
    rows = {"k": ["a"] * 5, "t": months(0, 1, 2, 3, 4), "y": [1, 2, None, None, None], "p": [1, 2, 3, 4, 5]}  # fmt: skip
    panel = grid(rows, task)
    found = inputs(panel, task, np.array([0]), panel.origin)
    np.testing.assert_array_equal(found["future"][0, -5:, 0], [1, 2, 3, 4, 5])
    assert found["target"][0, -1] == 2


def test_known_ahead_rows_end_with_the_horizon():
    task = with_(TASK, future={"numeric": ["p"], "categorical": ["q"]})
    future = {"k": ["a"] * 9, "t": months(*range(9)), "p": range(9), "q": list("abcdefghi")}
    rows = {"k": ["a"] * 2, "t": months(0, 1), "y": [1, 2], "p": [0, 1], "q": list("ab")}
    panel = grid(rows, task, future=future)
    assert panel.future[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert panel.categories["future.q"].cells.tolist() == list("abcde")
    assert np.isnan(panel.target[2:]).all()


def test_past_columns_stop_at_the_origin():
    task = with_(TASK, past={"numeric": ["p"], "categorical": ["q"]}, future={"numeric": ["f"], "categorical": []})  # fmt: skip
    rows = {"k": ["a"] * 3, "t": months(0, 1, 2), "y": [1, 2, 3], "p": [1, 2, 3], "q": list("abc"), "f": [1, 2, 3]}  # fmt: skip
    panel = grid(rows, task, origin="2024-02-01")
    np.testing.assert_array_equal(panel.past[:, 0], np.float32([1, 2, NAN]))
    assert panel.categories["past.q"].cells.tolist() == ["a", "b", ""]
    assert panel.future[:, 0].tolist() == [1, 2, 3]


# The two days of the clock change


@pytest.mark.parametrize(("zone", "spring", "autumn", "hour"), CLOCKS)
@pytest.mark.parametrize(("name", "per_hour"), [("h", 1), ("30min", 2), ("15min", 4)])
@pytest.mark.parametrize("aware", [True, False])
def test_the_skipped_hour_is_missing_and_the_repeated_one_aggregated(
    zone, spring, autumn, hour, name, per_hour, aware
):
    def day(which: str) -> np.ndarray:
        times = pd.date_range(which, periods=2, freq="D", tz=zone)
        times = pd.date_range(times[0], times[1], freq=name, inclusive="left")
        times = times if aware else times.tz_localize(None)
        rows = {"t": times, "y": np.arange(len(times))}
        return grid(rows, Task("y", "t", (), name, 3, zone=zone)).target

    short, long = day(spring), day(autumn)
    assert len(short) == len(long) == 24 * per_hour
    assert np.isnan(short).sum() == per_hour
    assert np.isnan(short[2 * per_hour : 3 * per_hour]).all()
    repeated = np.arange(hour * per_hour, (hour + 1) * per_hour)
    np.testing.assert_array_equal(long[repeated], repeated + per_hour / 2)
    assert long[repeated[-1] + 1] == repeated[-1] + 1 + per_hour


def test_two_rows_in_the_skipped_hour_are_duplicates():
    times = ["2024-03-31 00:00", "2024-03-31 01:00", "2024-03-31 02:00", "2024-03-31 02:00"]
    with pytest.raises(DuplicateRows, match="2024-03-31T02:00"):
        grid({"t": times, "y": [1, 2, 3, 4]}, Task("y", "t", (), "h", 3, zone=BERLIN))


def test_the_repeated_hour_does_not_hide_real_duplicates():
    times = [f"2024-10-27 {hour:02}:00" for hour in (0, 1, 2, 2, 3, 4, 5, 5, 6)]
    task = Task("y", "t", (), "h", 3, zone=BERLIN)
    with pytest.raises(DuplicateRows, match=r"1 rows .*2024-10-27T05:00"):
        grid({"t": times, "y": range(9)}, task)
    thrice = [f"2024-10-27 {hour:02}:00" for hour in (0, 1, 2, 2, 2, 3, 4)]
    with pytest.raises(DuplicateRows, match="2024-10-27T02:00"):
        grid({"t": thrice, "y": range(7)}, task)


@pytest.mark.parametrize(("zone", "spring", "autumn", "hour"), CLOCKS)
def test_a_day_of_the_zone_holds_23_or_25_hours(zone, spring, autumn, hour):
    for day, hours in ((spring, 23), (autumn, 25)):
        around = pd.Timestamp(day, tz=zone)
        begin, end = around - pd.DateOffset(days=3), around + pd.DateOffset(days=3)
        times = pd.date_range(begin, end, freq="h", inclusive="left").tz_convert("UTC")
        task = Task("y", "t", (), "D", 3, zone=zone, aggregate="sum")
        assert target({"t": list(times), "y": np.ones(len(times))}, task) == [
            24,
            24,
            24,
            hours,
            24,
            24,
        ]


# Rows that cannot be used


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ({"k": ["a"], "t": ["2024-01-01"]}, MissingColumn, "'y'"),
        ({"k": ["a"], "t": ["2024-01-01"], "Y": [1]}, MissingColumn, "did you mean 'Y'"),
        ({"k": [], "t": [], "y": []}, NoRows, "no rows"),
        ([], NoRows, "no rows"),
        ({"k": ["a"], "t": ["soon"], "y": [1]}, WrongTime, "soon"),
        ({"k": ["a"], "t": ["2024-01-01"], "y": ["many"]}, WrongType, "many"),
        ({"k": ["a", "b"], "t": ["2024-01-01"], "y": [1]}, DataError, "differ in length"),
        ("rows", DataError, "list of rows|rows are a str"),
        ([1, 2], DataError, "records"),
        ({"k": ["a", "a"], "t": ["0001-01-01", "2024-01-01"], "y": [1, 2]}, None, ""),
    ],
)
def test_bad_rows_say_what_to_do(rows, error, words):
    if error is None:
        assert grid(rows, TASK).lengths[0] == 2023 * 12 + 1
        return
    with pytest.raises(error, match=words):
        grid(rows, TASK)


def test_placeholder_dates_do_not_fill_the_memory():
    rows = {"t": ["2024-01-01T00:00", "9999-12-31T00:00"], "y": [1, 2]}
    with pytest.raises(WrongTime, match=r"9999.*placeholder"):
        grid(rows, with_(SINGLE, frequency="15min"))
    with pytest.raises(WrongTime, match="steps for 2 rows"):
        grid({"t": [1, 1_700_000_000], "y": [1, 2]}, with_(SINGLE, frequency="1"))


# The windows that are cut from a grid


def test_inputs_cut_the_named_window_and_pad_on_the_left():
    panel = grid({"k": ["a"] * 4, "t": months(0, 1, 2, 3), "y": [1, 2, 3, 4]}, TASK)
    found = inputs(panel, TASK, np.array([0]), panel.origin - 1)
    np.testing.assert_array_equal(found["target"], [[NAN, NAN, NAN, 1, 2, 3]])
    assert found["static.k"].tolist() == ["a"]


def test_the_parts_of_a_grid_by_time_are_the_grids_of_the_parts(retail):
    """What `until` leaves is what the rows up to there would have given."""
    task = Task("Turnover", "Month", ("State",), "MS", 12, time_format="%Y %b", aggregate="sum")
    some = retail[retail.State.isin(["Tasmania", "Victoria"])]
    whole, years = grid(some, task), some.Month.str[:4].astype(int)
    for year in (2000, 2010):
        part = grid(some[years <= year], task, origin=f"{year} Dec")
        assert same(whole.until(int(part.origin[0])), part)


def test_the_skipped_hour_is_no_zero():
    clock = pd.date_range("2024-03-30", "2024-04-01", freq="h", tz=BERLIN, inclusive="left")
    times = clock.tz_localize(None).delete([5, 30])  # 05:00, and 07:00 of the short day
    rows = {"t": times, "y": np.ones(len(times))}
    target = grid(rows, Task("y", "t", (), "h", 3, zone=BERLIN, gaps="zero")).target
    assert np.flatnonzero(np.isnan(target)).tolist() == [26]
    assert np.flatnonzero(target == 0).tolist() == [5, 31]


AHEAD = Task("y", "t", ("k",), "D", 3, future=Columns(numeric=("p",)))


def priced(days, price, **more):
    return {"k": ["a"] * len(days), "t": [f"2024-01-{day:02}" for day in days], "p": price, **more}


def test_up_to_the_origin_the_history_s_own_row_counts_and_then_that_of_future():
    rows = priced([1, 2, 3, 4], [2, 2, 2, 7], y=[1, 1, 1, 1])
    future = priced([2, 3, 4, 5, 6], [100, 100, 3, 4, 5])
    panel = grid(rows, AHEAD, future=future, origin="2024-01-03")
    assert panel.future[:, 0].tolist() == [2, 2, 2, 3, 4, 5]


def test_a_step_that_is_known_ahead_twice_is_refused():
    rows = priced([1, 2, 3], [2, 2, 2], y=[1, 1, 1])
    twice = priced([4, 5, 5, 6], [3, 3, 9, 3])
    with pytest.raises(DuplicateRows, match=r"1 steps .*2024-01-05.*one row a series and step"):
        grid(rows, AHEAD, future=twice)


def test_what_is_said_of_a_key_without_a_time_is_the_newest():
    task = Task("y", "t", ("k",), "YS", 1, static=Columns(numeric=("size",)))
    for first in (1960, 2000):
        years = [str(first + n) for n in range(3)]
        rows = {"k": ["a"] * 3, "t": years, "y": [1, 2, 3], "size": [10] * 3}
        panel = grid(rows, task, series=[{"k": "a", "size": 99}])
        assert panel.static.tolist() == [[99.0]]


@pytest.mark.parametrize("nothing", [None, [], {"k": [], "t": [], "y": [], "p": []}])
def test_keys_alone_are_put_on_the_grid_of_a_named_origin(nothing):
    future = priced([4, 5, 6], [3, 4, 5])
    panel = grid(nothing, AHEAD, future=future, series=[{"k": "b"}], origin="2024-01-03")
    assert panel.keys["k"].tolist() == ["a", "b"]
    assert panel.future[: panel.lengths[0], 0][-3:].tolist() == [3, 4, 5]
    with pytest.raises(DataError):
        grid(nothing, AHEAD, origin="2024-01-03")


def test_a_blank_cell_of_the_history_is_filled_by_what_is_known_ahead():
    task = Task("y", "t", ("k",), "D", 3, future=Columns(("p",), ("e",)))
    rows = priced([1, 2, 3], [5, 5, None], y=[1, 1, 1], e=["a", "a", None])
    future = priced([3, 4, 5, 6], [7, 7, 7, 7], e=["x"] * 4)
    panel = grid(rows, task, future=future)
    assert panel.future[:, 0].tolist() == [5, 5, 7, 7, 7, 7]
    assert panel.categories["future.e"].cells.tolist() == ["a", "a", "x", "x", "x", "x"]


def test_the_repeated_hour_may_be_known_ahead_twice():
    clock = pd.date_range("2024-10-26 20:00", periods=10, freq="h", tz="UTC")
    task = Task("y", "t", (), "h", 6, zone=BERLIN, future=Columns(("p",)))
    rows = {"t": clock[:3], "y": [1, 2, 3], "p": [0, 0, 0]}
    panel = grid(rows, task, future={"t": clock[3:], "p": np.arange(7.0)})
    assert panel.future[-6:, 0].tolist() == [0, 1.5, 3, 4, 5, 6]


def test_a_history_of_generators_is_a_history():
    days = [f"2024-01-0{day}" for day in (1, 2, 3)]
    rows = {"k": (k for k in "aaa"), "t": (d for d in days), "y": (y for y in (1, 2, 3)),
            "p": (p for p in (0, 0, 0))}  # fmt: skip
    panel = grid(rows, AHEAD, future=priced([4, 5, 6], [1, 1, 1]), origin="2024-01-03")
    assert panel.target[:3].tolist() == [1, 2, 3]
