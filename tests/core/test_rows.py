"""Whatever holds rows -> plain columns; numbers out of text."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from loopcast.core.errors import DataError, MissingColumn, WrongType
from loopcast.core.rows import columns, numbers
from loopcast.core.text import text


def test_truth_in_a_csv_means_the_same_as_in_pandas(tmp_path):
    words = ["True", "False", "TRUE", "FALSE", "true", "false"]
    (tmp_path / "x.csv").write_text("\n".join(["holiday", *words]))
    read = pd.read_csv(tmp_path / "x.csv").holiday.to_numpy()
    np.testing.assert_array_equal(
        numbers(np.array(words, object), "holiday"), numbers(read, "holiday")
    )
    assert numbers(np.array(["True", "", "2"], object), "holiday")[[0, 2]].tolist() == [1.0, 2.0]


def test_other_words_are_no_numbers():
    with pytest.raises(WrongType, match="yes"):
        numbers(np.array(["True", "yes"], object), "holiday")


LONG = [10**17 + 1, 10**17 + 2, None]


@pytest.mark.parametrize(
    "holder",
    [
        lambda cells: pd.DataFrame({"k": pd.array(cells, dtype="Int64")}),
        lambda cells: pd.DataFrame({"k": pd.array(cells, dtype="int64[pyarrow]")}),
        lambda cells: pl.DataFrame({"k": cells}),
        lambda cells: pa.table({"k": cells}),
        lambda cells: {"k": cells},
    ],
)
def test_long_numbers_keep_every_digit_beside_a_blank(holder):
    found = text(columns(holder(LONG), ["k"])["k"])
    assert found.tolist() == [str(LONG[0]), str(LONG[1]), ""]


@pytest.mark.parametrize("column", ["Nord", b"Nord", {0: "a", 1: "b"}, {"a"}])
def test_what_has_letters_or_labels_in_place_of_rows_is_refused(column):
    with pytest.raises(DataError, match=r"'k' is a (str|bytes|dict|set); give one value a row"):
        columns({"k": column}, ["k"])


def test_masked_cells_are_missing():
    masked = np.ma.MaskedArray([1.0, 99999.0, 3.0], mask=[False, True, False])
    found = numbers(columns({"y": masked}, ["y"])["y"], "y")
    np.testing.assert_array_equal(found, [1.0, np.nan, 3.0])


def test_arrow_tables_are_read_and_lazy_frames_are_told():
    table = pa.table({"k": ["a", "b"], "y": [1.5, None]})
    found = columns(table, ["k", "y"])
    assert found["k"].tolist() == ["a", "b"] and np.isnan(numbers(found["y"], "y")[1])
    with pytest.raises(MissingColumn, match="Columns: k, y"):
        columns(table, ["z"])
    with pytest.raises(DataError, match=r"\.collect\(\)"):
        columns(pl.DataFrame({"k": [1]}).lazy(), ["k"])


def test_one_long_text_does_not_widen_the_others():
    assert columns({"k": ["a"] * 3 + ["b" * 2000]}, ["k"])["k"].dtype == object


def test_masked_dates_are_dates():
    days = np.array(["2024-01-01", "2024-01-02"], "M8[ns]")
    found = columns({"t": np.ma.MaskedArray(days, mask=[False, True])}, ["t"])["t"]
    assert found[0] == days[0] and np.isnat(found[1])
