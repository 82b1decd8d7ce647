"""Files of rows for the command line: a Parquet file means what it means to training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import DataError
from loopcast.core.frequency import Frequency
from loopcast.core.tables import read, write
from loopcast.core.times import parse
from loopcast.data.files import ParquetFile


def test_times_with_a_zone_keep_it(tmp_path):
    days = pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin")  # one of 23 hours
    path = str(tmp_path / "a.parquet")
    pd.DataFrame({"day": days}).to_parquet(path)
    trained, served = ParquetFile(path).read(["day"])["day"].to_numpy(), read(path)["day"]
    for column in (trained, served):
        found = parse(column, Frequency.parse("D"), "Europe/Berlin")
        assert found.astype("M8[D]").astype(str).tolist() == [
            "2024-03-30",
            "2024-03-31",
            "2024-04-01",
        ]


def test_long_keys_of_a_parquet_file_keep_every_digit(tmp_path):
    ids = pd.array([9007199254740993, None], dtype="Int64")
    pd.DataFrame({"id": ids}).to_parquet(tmp_path / "x.parquet")
    assert read(str(tmp_path / "x.parquet"))["id"].tolist() == [9007199254740993, None]


def test_a_category_that_is_missing_is_no_category(tmp_path):
    path = str(tmp_path / "a.parquet")
    pd.DataFrame({"kind": pd.Categorical(["b", None, "a"])}).to_parquet(path)
    assert read(path)["kind"].tolist() == ["b", None, "a"]


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path):
    (tmp_path / "f.csv").write_text("")
    with pytest.raises(DataError, match="cannot be written: there is no folder"):
        write({"a": np.arange(2)}, Path(tmp_path / "f.csv" / "x.csv"))
