"""Tables one below the other, and positions that go on."""

import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import DataError, MissingColumn
from loopcast.data.appended import Appended
from loopcast.data.files import ParquetFile
from loopcast.data.frame import Frame

FIRST = pd.DataFrame({"k": ["a", "a", "a", "b"], "t": [1, 2, 3, 1], "y": [10.0, 11.0, 12.0, 20.0]})
LATER = pd.DataFrame({"k": ["b", "a", "a", "c"], "t": [1, 1, 2, 1], "y": [21.0, 13.0, 14.0, 30.0]})


def appended(*frames: pd.DataFrame, **options) -> Appended:
    return Appended([Frame(frame) for frame in frames], **options)


def test_rows_follow_each_other():
    frame = appended(FIRST, LATER).read(["y", "k"], ["k"])
    assert list(frame.columns) == ["y", "k"]
    assert frame.y.tolist() == [10, 11, 12, 20, 21, 13, 14, 30]


def test_positions_go_on_where_each_series_ended():
    source = appended(FIRST, LATER, LATER, position="t", by=["k"])
    frame = source.read(["t", "y"])
    assert frame.t.tolist() == [1, 2, 3, 1, 2, 4, 5, 1, 3, 6, 7, 2]
    assert source.read(["y"]).y.tolist()[4:8] == [21, 13, 14, 30]


def test_a_number_and_its_text_are_one_key():
    numbers = FIRST.assign(k=[7, 7, 7, 8])
    frame = appended(numbers, LATER.assign(k=["8", "7", "7", "9"]), position="t", by=["k"]).read(
        ["t"]
    )
    assert frame.t.tolist() == [1, 2, 3, 1, 2, 4, 5, 1]


def test_one_series_needs_no_key():
    frame = appended(FIRST[:3], LATER[1:3], position="t").read(["t"])
    assert frame.t.tolist() == [1, 2, 3, 4, 5]


def test_a_position_that_is_no_number_and_a_missing_column_are_told():
    with pytest.raises(DataError, match="'soon'; to be continued it must be whole numbers"):
        appended(FIRST, LATER.assign(t="soon"), position="t", by=["k"]).read(["t"])
    with pytest.raises(MissingColumn, match="'y'"):
        appended(FIRST, LATER.drop(columns="y")).read(["y"])


def test_the_competitions_test_file_goes_on_where_the_train_file_ends(shared_data):
    files = [
        ParquetFile(str(shared_data / "m4" / f"hourly_{p}.parquet")) for p in ("train", "test")
    ]
    frame = Appended(files, position="t", by=["unique_id"]).read(
        ["unique_id", "t", "y"], ["unique_id"]
    )
    whole = frame.sort_values(["unique_id", "t"])
    assert (whole.groupby("unique_id").t.diff().dropna() == 1).all()
    test = files[1].read(["unique_id", "y"]).set_index("unique_id").y
    ends = whole.groupby("unique_id").tail(48).set_index("unique_id").y
    np.testing.assert_array_equal(ends.loc[["H7", "H300"]], test.loc[["H7", "H300"]])


def test_positions_that_begin_at_0_go_on_too():
    first, later = FIRST.assign(t=FIRST.t - 1), LATER.assign(t=LATER.t - 1)
    frame = appended(first, later, later, position="t", by=["k"]).read(["t"])
    assert frame.t.tolist() == [0, 1, 2, 0, 1, 3, 4, 0, 2, 5, 6, 1]


def test_a_gap_at_the_beginning_of_a_later_source_stays():
    later = LATER[(LATER.k != "a") | (LATER.t > 1)]
    frame = appended(FIRST, later, position="t", by=["k"]).read(["k", "t"])
    assert frame[frame.k == "a"].t.tolist() == [1, 2, 3, 5]
