"""Rows in whatever holds them -> the same forecast, and remarks on what it rests on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from loopcast.core.task import Columns, Task
from loopcast.serving.predictor import Predictor

TASK = Task(target="y", time="t", series=(), frequency="MS", horizon=3, season=12, history=24)
KEYED = replace(TASK, series=("shop",))
MONTHS = pd.date_range("2022-01-01", periods=30, freq="MS")


def sales(**columns):
    return {"t": MONTHS.strftime("%Y-%m-%d").tolist(), "y": list(range(30)), **columns}


@pytest.fixture
def single(last_value):
    return Predictor(last_value(TASK))


@pytest.fixture
def keyed(last_value):
    return Predictor(last_value(KEYED))


def records(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def backwards(columns):
    return {name: list(values)[::-1] for name, values in columns.items()}


FORMS = {
    "a mapping of arrays": lambda c: c,
    "a mapping of lists": lambda c: {name: values.tolist() for name, values in c.items()},
    "a mapping in any order": backwards,
    "records": records,
    "pandas": pd.DataFrame,
    "pandas with numbers": lambda c: pd.DataFrame(c).astype({"Sold": float, "Price": "Float64"}),
    "pandas with times": lambda c: pd.DataFrame(c).assign(Month=pd.to_datetime(c["Month"])),
    "polars": lambda c: pl.DataFrame({name: values.tolist() for name, values in c.items()}),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_same_rows_give_the_same_forecast_whatever_holds_them(predictor, rows, future, form):
    expected = predictor.predict(rows, future)
    ours = predictor.predict(form({n: rows[n] for n in rows}), future)
    np.testing.assert_array_equal(ours.quantiles, expected.quantiles)
    assert ours.keys["Shop"].tolist() == expected.keys["Shop"].tolist()


@pytest.mark.parametrize(
    "times",
    [
        MONTHS,
        MONTHS.to_numpy(),
        MONTHS.tz_localize("UTC"),
        MONTHS.strftime("%Y-%m"),
        MONTHS.strftime("%Y%m%d"),
        MONTHS.strftime("%Y-%m-%dT00:00:00Z"),
        [time.date() for time in MONTHS],
        [time.to_pydatetime() for time in MONTHS],
        MONTHS + pd.Timedelta("14D"),
    ],
    ids=["index", "datetime64", "UTC", "months", "compact", "Z", "dates", "datetimes", "midmonth"],
)
def test_times_are_read_in_the_ways_that_users_write_them(single, times):
    forecast = single.predict({"t": times, "y": np.arange(30.0)})
    assert forecast.times.astype("M8[M]").astype(str).tolist() == [
        ["2024-07", "2024-08", "2024-09"]
    ]
    assert (forecast.quantiles == 29).all()


def test_a_single_series_needs_no_key_column(single):
    forecast = single.predict(sales())
    assert forecast.keys == {}
    assert list(forecast.to_records()[0]) == ["t", "forecast", "q0.1", "q0.5", "q0.9"]
    assert forecast.to_records()[2]["t"] == "2024-09-01"
    assert forecast.to_pandas().shape == (3, 5)
    assert forecast.warnings == [[]]


def test_numbers_as_text_are_numbers_and_blank_cells_are_missing(single):
    text = [str(value) for value in range(29)] + [""]
    forecast = single.predict(sales() | {"y": text}, origin="2024-06")
    assert (forecast.quantiles == 0).all()
    assert forecast.warnings == [
        ["ended: nothing was observed in the last 1 step up to the origin"]
    ]
    nullable = pd.Series([*range(29), None], dtype="Int64")
    assert (single.predict(sales() | {"y": nullable}).quantiles == 28).all()


def test_the_origin_can_be_named_and_later_rows_are_not_looked_at(single):
    for origin in ("2023-12-01", "2023-12", pd.Timestamp("2023-12-31"), np.datetime64("2023-12")):
        forecast = single.predict(sales(), origin=origin)
        assert (forecast.quantiles == 23).all()
        assert str(forecast.origin[0])[:7] == "2023-12"


def test_keys_are_text_and_come_back_as_they_were_given(keyed):
    many = {"shop": ["007", "7", "ü"], "t": ["2024-01-01"] * 3, "y": [1, 2, 3]}
    forecast = keyed.predict(many)
    assert forecast.keys["shop"].tolist() == ["007", "7", "ü"]
    assert forecast.quantiles[:, 0, 0].tolist() == [1, 2, 3]
    numbers = keyed.predict({**many, "shop": [7, 1.0, 12]})
    assert numbers.keys["shop"].tolist() == ["1", "12", "7"]


def test_series_without_rows_are_asked_for_by_key(keyed):
    rows = sales(shop=["a"] * 30)
    forecast = keyed.predict(rows, series=[{"shop": "new"}])
    assert forecast.keys["shop"].tolist() == ["a", "new"]
    assert "no history" in forecast.warnings[1][0]
    only = keyed.predict(rows, series=[{"shop": "a"}])
    assert only.keys["shop"].tolist() == ["a"]


def remarked(predictor, y, **columns):
    return predictor.predict(sales(**columns) | {"y": y}, origin="2024-06").warnings[0]


def test_warnings_tell_short_gappy_ended_and_absent_histories(single):
    values = np.arange(30.0)
    assert remarked(single, values) == []
    assert remarked(single, np.where(values < 20, np.nan, values)) == [
        "short history: 10 steps, less than a season of 12"
    ]
    gaps = values.copy()
    gaps[[10, 20, 21]] = np.nan
    assert remarked(single, gaps) == ["gaps: 3 of the 24 steps of history are missing"]
    assert remarked(single, np.where(values > 25, np.nan, values)) == [
        "ended: nothing was observed in the last 4 steps up to the origin"
    ]
    assert "no history" in remarked(single, np.where(values > 3, np.nan, values))[0]


def test_warnings_name_the_keys_and_categories_that_training_did_not_see(predictor, rows, future):
    rows["Shop"][rows["Shop"] == "Nord"] = "Mars"
    future["Shop"][future["Shop"] == "Nord"] = "Mars"
    future["Promotion"][:] = "none"
    future["Promotion"][(future["Shop"] == "Süd") & (future["Ware"] == "ice")] = "blimp"
    forecast = predictor.predict(rows, future)
    said = {
        (shop, ware): [text for text in remarks if "training" in text]
        for shop, ware, remarks in zip(
            forecast.keys["Shop"], forecast.keys["Ware"], forecast.warnings, strict=True
        )
    }
    assert said["007", "ice"] == []
    assert said["Mars", "tea"] == ["Shop 'Mars' was not seen in training"]
    assert said["Süd", "ice"] == [
        "Promotion holds values that were not seen in training, e.g. 'blimp'"
    ]
    assert np.isfinite(forecast.quantiles).all()


def test_a_horizon_without_future_rows_is_refused_and_named(predictor, rows, future):
    from loopcast.core.errors import MissingFuture

    with pytest.raises(MissingFuture, match=r"Price, Promotion.*6 steps"):
        predictor.predict(rows)
    some = {name: column[future["Ware"] != "tea"] for name, column in future.items()}
    with pytest.raises(MissingFuture, match=r"3 of 6 series, e\.g\. '007, tea'"):
        predictor.predict(rows, some)


def test_future_columns_change_the_forecast_and_history_after_the_origin_does_not(
    predictor, rows, future
):
    cheap = predictor.predict(rows, future).quantiles
    future["Price"][:] = "9"
    assert (predictor.predict(rows, future).quantiles != cheap).any()
    late = np.array(rows["Month"]) > "2023-06-01"
    changed = rows | {"Sold": np.where(late, "1e6", rows["Sold"])}
    before = predictor.predict(rows, future, origin="2023-06-01").quantiles
    after = predictor.predict(changed, future, origin="2023-06-01").quantiles
    np.testing.assert_array_equal(before, after)


def test_many_series_come_back_in_the_order_of_their_keys(keyed):
    names = np.array([f"s{i:05}" for i in range(3000)])
    order = np.random.default_rng(1).permutation(9000)
    rows = {
        "shop": names.repeat(3)[order],
        "t": np.tile(["2024-01-01", "2024-02-01", "2024-03-01"], 3000)[order],
        "y": np.arange(9000.0)[order],
    }
    forecast = keyed.predict(rows)
    assert (forecast.keys["shop"] == names).all()
    assert (forecast.quantiles[:, 0, 0] == np.arange(2, 9000, 3)).all()


def test_a_table_with_aggregation_is_put_on_the_grid_as_in_training(last_value):
    task = replace(TASK, frequency="W-SUN", aggregate="sum", gaps="zero", season=52)
    rows = {"t": ["2024-01-01", "2024-01-03", "2024-01-07", "2024-01-21"], "y": [1, 2, 3, 5]}
    forecast = Predictor(last_value(task)).predict(rows)
    assert (forecast.quantiles == 5).all()
    assert str(forecast.times[0, 0])[:10] == "2024-01-28"


def test_transactions_may_come_once_a_week(last_value):
    task = replace(TASK, frequency="D", aggregate="sum", season=7)
    rows = {"t": pd.date_range("2024-01-01", periods=9, freq="7D"), "y": np.arange(9.0)}
    assert len(Predictor(last_value(task)).predict(rows)) == 1


def test_integer_time_needs_no_calendar(last_value):
    predictor = Predictor(last_value(replace(TASK, frequency="1", season=24)))
    forecast = predictor.predict({"t": [1, 2, 3], "y": [4.0, 5.0, 6.0]})
    assert forecast.times.tolist() == [[4, 5, 6]]
    assert forecast.to_records()[0]["t"] == 4


def test_columns_that_the_task_does_not_name_are_left_alone(single):
    assert single.predict(sales(other=[object()] * 30)).quantiles.shape == (1, 3, 3)


def test_numeric_static_columns_are_optional_for_series_given_by_key(last_value):
    task = replace(KEYED, static=Columns(("size",), ("shop",)))
    rows = sales(shop=["a"] * 30, size=[3] * 30)
    forecast = Predictor(last_value(task)).predict(rows, series=[{"shop": "b"}])
    assert len(forecast) == 2


def test_a_short_gappy_series_alone_is_ordinary_input(single):
    months = ["2023-02-01", "2023-06-01", "2023-08-01", "2023-10-01", "2023-12-01"]
    found = single.predict({"t": months, "y": [1, 2, 3, 4, 5]})
    assert (found.quantiles == 5).all() and "gaps" in found.warnings[0][1]


def test_keys_are_forecast_without_any_history(keyed):
    found = keyed.predict([], series=[{"shop": "new"}], origin="2024-01-01")
    assert found.keys["shop"].tolist() == ["new"] and "no history" in found.warnings[0][0]


def test_windows_are_cut_in_blocks(keyed, monkeypatch):
    shops = [f"s{i:02}" for i in range(23)]
    rows = {"shop": np.repeat(shops, 5), "t": list(MONTHS[:5]) * 23, "y": np.arange(115.0)}
    whole = keyed.predict(rows)
    monkeypatch.setattr("loopcast.serving.predictor.BLOCK", 10)
    blocks = keyed.predict(rows)
    np.testing.assert_array_equal(whole.quantiles, blocks.quantiles)
    assert whole.warnings == blocks.warnings and len(blocks.warnings) == 23


def test_a_provider_may_be_named_alone(last_value):
    assert Predictor(last_value(TASK), providers="cpu").task == TASK
