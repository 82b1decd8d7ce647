from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from loopcast.core.text import codes, text


def listed(*values):
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


@pytest.mark.parametrize(
    "one", [1, 1.0, "1", np.int32(1), np.float32(1), Decimal(1), Decimal("1.00"), np.int64(1)]
)
def test_one_is_one_however_it_is_written(one):
    assert text(listed(one, "x"))[0] == "1"


def test_text_stays_as_it_is():
    cells = ["007", " a ", "1.0", "1e3", "Äpfel", ""]
    assert text(cells).tolist() == cells
    assert text(np.array(cells, dtype=object)).tolist() == cells


def test_missing_is_empty_whatever_it_is_called():
    cells = listed(None, np.nan, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("NaN"))
    assert text(cells)[:-1].tolist() == [""] * 6
    assert text(np.array([1.0, np.nan, np.nan])).tolist() == ["1", "", ""]
    assert text(np.array(["NaT", "2024-01-01"], "M8[D]")).tolist() == ["", "2024-01-01"]


def test_true_is_not_one():
    assert text(listed(True, 1, False, 0, "a")).tolist() == ["True", "1", "False", "0", "a"]
    assert text(np.array([True, False])).tolist() == ["True", "False"]


@pytest.mark.parametrize("unit", ["D", "s", "us", "ns"])
def test_a_day_has_one_text_in_every_precision(unit):
    assert text(np.array(["2024-02-29"], f"M8[{unit}]")).tolist() == ["2024-02-29"]
    cells = listed(datetime(2024, 2, 29), date(2024, 2, 29), pd.Timestamp("2024-02-29"))
    assert text(cells).tolist() == ["2024-02-29"] * 3


def test_numbers_that_are_not_whole_keep_their_digits():
    assert text(listed(2.5, Decimal("2.50"), -0.0, 1e20)).tolist() == [
        "2.5", "2.5", "0", "100000000000000000000",
    ]  # fmt: skip
    assert text(np.array([2**62 + 1, 3])).tolist() == [str(2**62 + 1), "3"]
    assert text(np.array([np.inf, -np.inf])).tolist() == ["inf", "-inf"]


def test_codes_number_texts_in_order_of_appearance():
    numbers, texts = codes(listed("b", 1, "a", 1.0, "1", None, "b", ""))
    assert texts.tolist() == ["b", "1", "a", ""]
    assert numbers.tolist() == [0, 1, 2, 1, 1, 3, 0, 3]


def test_codes_and_text_agree_with_one_value_at_a_time():
    rng = np.random.default_rng(0)
    pool = ["a", "", None, 1, 1.0, "1", 2.5, np.nan, True, "001", Decimal("7.0"), date(2024, 1, 1)]
    cells = listed(*(pool[i] for i in rng.integers(0, len(pool), 500)))
    numbers, texts = codes(cells)
    alone = [text(listed(cell))[0] for cell in cells]
    assert texts[numbers].tolist() == alone
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("dtype", [object, "U3", np.int64, np.float64])
def test_no_values_have_no_text(dtype):
    numbers, texts = codes(np.array([], dtype=dtype))
    assert len(numbers) == len(texts) == 0


@pytest.mark.parametrize(
    "frame",
    [
        pd.Series(["a", None], dtype="string"),
        pd.Series(["a", None], dtype="object"),
        pd.Series(["a", None], dtype="category"),
    ],
)
def test_pandas_columns_of_every_kind_say_the_same(frame):
    assert text(frame.to_numpy()).tolist() == ["a", ""]
