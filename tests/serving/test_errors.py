"""Bad rows: each a LoopcastError that says what was seen, what was wanted and what to do."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import (
    DataError,
    DuplicateRows,
    MissingColumn,
    MissingFuture,
    NoRows,
    WrongTime,
    WrongType,
)
from loopcast.core.task import Columns, Task
from loopcast.serving.predictor import Predictor

TASK = Task(
    target="Sold", time="Month", series=("Shop",), frequency="MS", horizon=3, season=12, history=24
)
MONTHS = [f"2023-{month:02}-01" for month in range(1, 13)]
GOOD = {"Shop": ["a"] * 12, "Month": MONTHS, "Sold": list(range(12))}
DAYS = pd.date_range("2023-01-01", periods=12, freq="D")
QUARTERS = pd.date_range("2021-01-01", periods=12, freq="QS")


def without(name):
    return {column: values for column, values in GOOD.items() if column != name}


BAD = {
    "a column of another name": (
        {**without("Sold"), "sold": GOOD["Sold"]},
        MissingColumn,
        r"'Sold' is not there; did you mean 'sold'\? Columns: Shop, Month, sold",
    ),
    "no key column": (without("Shop"), MissingColumn, "'Shop' is not there.*Columns: Month, Sold"),
    "no time column": (pd.DataFrame(without("Month")), MissingColumn, "'Month' is not there"),
    "daily rows": (GOOD | {"Month": DAYS}, WrongTime, "several rows.*frequency is MS.*aggregate"),
    "quarterly rows": (GOOD | {"Month": QUARTERS}, WrongTime, "3 steps or multiples.*MS"),
    "quarterly rows of two": (
        {"Shop": ["a"] * 12 + ["b"] * 12, "Month": [*QUARTERS, *QUARTERS], "Sold": [1] * 24},
        WrongTime,
        "3 steps or multiples.*MS",
    ),
    "years as numbers": (GOOD | {"Month": [2023.5] * 12}, WrongTime, "2023.5.*ISO dates"),
    "times in words": (
        GOOD | {"Month": [*MONTHS[:11], "soon"]},
        WrongTime,
        r"1 of 12 times cannot be read, e\.g\. \['soon'\]; give ISO dates.*time_format",
    ),
    "no times": (GOOD | {"Month": [None] * 12}, WrongTime, "12 of 12 times"),
    "a target in words": (
        GOOD | {"Sold": [*range(11), "many"]},
        WrongType,
        r"'Sold' should hold numbers, but 1 of 12 values do not, e\.g\. \['many'\]; clean it",
    ),
    "a target of dates": (GOOD | {"Sold": DAYS}, WrongType, "'Sold' should hold numbers"),
    "a target of lists": (GOOD | {"Sold": [[1]] * 12}, WrongType, "'Sold' should hold numbers"),
    "a row twice": (
        {name: [*values, values[0]] for name, values in GOOD.items()},
        DuplicateRows,
        "1 rows? .*2023-01.*duplicates",
    ),
    "no rows": ({name: [] for name in GOOD}, NoRows, "no rows, only columns"),
    "an empty list": ([], NoRows, "no rows"),
    "an empty frame": (pd.DataFrame(GOOD).head(0), NoRows, "no rows"),
    "lengths that differ": (GOOD | {"Sold": [1, 2]}, DataError, "differ in length.*'Sold': 2"),
    "a number": (7, DataError, "rows are a int; give a mapping"),
    "a path": ("sales.csv", DataError, "rows are a str; give a mapping"),
    "nothing": (None, DataError, "rows are a NoneType"),
    "a list of numbers": ([1, 2, 3], DataError, "must hold records"),
    "a matrix": (np.zeros((3, 3)), DataError, "rows are a ndarray"),
    "a scalar column": (GOOD | {"Sold": 3}, DataError, r"'Sold' has the shape \(\); give one"),
    "a nested column": (
        GOOD | {"Sold": np.zeros((12, 2))},
        DataError,
        r"'Sold' has the shape \(12, 2\)",
    ),
    "only missing keys of records": ([{"Shop": "a"}], MissingColumn, "'Month' is not there"),
}


@pytest.mark.parametrize(("rows", "error", "message"), BAD.values(), ids=BAD)
def test_bad_rows_are_named(last_value, rows, error, message):
    with pytest.raises(error, match=message):
        Predictor(last_value(TASK)).predict(rows)


@pytest.mark.parametrize("origin", ["soon", "", "2023-13-01", 3.5, [1]])
def test_an_origin_that_is_no_time_is_named(last_value, origin):
    with pytest.raises(WrongTime, match="cannot be read"):
        Predictor(last_value(TASK)).predict(GOOD, origin=origin)


def test_an_hour_is_no_integer_time(last_value):
    with pytest.raises(WrongTime, match="no whole numbers"):
        Predictor(last_value(replace(TASK, frequency="1"))).predict(GOOD)


def test_future_rows_are_checked_like_the_others(last_value):
    task = replace(TASK, future=Columns(("Price",)))
    predictor = Predictor(last_value(task))
    rows = GOOD | {"Price": [1.0] * 12}
    ahead = {"Shop": ["a"] * 3, "Month": ["2024-01", "2024-02", "2024-03"], "Price": [1, 2, 3]}
    assert len(predictor.predict(rows, ahead)) == 1
    with pytest.raises(MissingFuture, match=r"1 of 1 series, e\.g\. 'a'.*Price.*3 steps.*--future"):
        predictor.predict(rows)
    with pytest.raises(MissingFuture):
        predictor.predict(rows, {name: values[:2] for name, values in ahead.items()})
    with pytest.raises(MissingColumn, match=r"'Price' is not there; did you mean 'price'"):
        predictor.predict(rows, pd.DataFrame(ahead).rename(columns={"Price": "price"}))
    with pytest.raises(WrongType, match="'Price' should hold numbers"):
        predictor.predict(rows, ahead | {"Price": ["a", "b", "c"]})
    with pytest.raises(WrongTime, match="never"):
        predictor.predict(rows, ahead | {"Month": ["never"] * 3})


def test_series_keys_are_checked_too(last_value):
    with pytest.raises(MissingColumn, match=r"'Shop' is not there; did you mean 'shop'"):
        Predictor(last_value(TASK)).predict(GOOD, series=[{"shop": "a"}])
