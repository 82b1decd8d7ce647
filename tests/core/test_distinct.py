"""Equal cells share a number, whatever holds them."""

import numpy as np
import pandas as pd
import pytest

from loopcast.core.distinct import distinct
from loopcast.core.text import codes


def cells(*values):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(1).integers(0, 50, 3000),
        np.random.default_rng(2).integers(0, 9, 100).astype(str),
        pd.date_range("2020", periods=40).to_numpy().repeat(3),
        cells("a", 1, 1.0, None, "a", True, 0, False, "1"),
        cells(["a"], ["b"], ["a"]),
        np.zeros(0),
    ],
)
def test_cells_share_a_number_where_they_are_equal(column):
    numbers, first = distinct(column)
    assert [repr(v) for v in column[first][numbers].tolist()] == [
        repr(1) if v == 1 and type(v) is float else repr(v) for v in column.tolist()
    ]
    assert first.tolist() == sorted(first.tolist())


def test_true_is_not_the_number_one():
    numbers, texts = codes(cells(1, True, 1.0, False, 0, "1"))
    assert texts[numbers].tolist() == ["1", "True", "1", "False", "0", "1"]


def test_missing_cells_are_one_text_of_their_own():
    numbers, texts = codes(cells("a", None, float("nan"), pd.NA, pd.NaT, "", "a"))
    assert texts.tolist() == ["a", ""]
    assert numbers.tolist() == [0, 1, 1, 1, 1, 1, 0]


def test_one_text_throughout_is_one_number_and_a_stranger_among_them_is_found():
    assert distinct(cells("a", "a", "a"))[0].tolist() == [0, 0, 0]
    assert distinct(cells("a", "b", "a"))[0].tolist() == [0, 1, 0]
    numbers, texts = codes(cells("a", pd.NA, "b", "a"))
    assert numbers.tolist() == [0, 1, 2, 0]
    assert texts.tolist() == ["a", "", "b"]
