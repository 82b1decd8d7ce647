"""A column for each time, read as rows."""

import pandas as pd
import pytest

from loopcast.core.errors import ConfigError, DataError, MissingColumn
from loopcast.data.files import CsvFile
from loopcast.data.frame import Frame
from loopcast.data.joined import Joined
from loopcast.data.wide import Wide

TABLE = pd.DataFrame(
    {"item": ["007", "b"], "shop": ["x", "y"], "2024-01-01": [1.0, 2.0], "2024-01-02": [3.0, None]}
)


def wide(frame=TABLE):
    return Wide(Frame(frame), by=["item", "shop"], time="day", value="units")


def test_each_cell_is_a_row_and_a_missing_one_is_none():
    assert wide().columns() == ["item", "shop", "day", "units"]
    rows = wide().read(["day", "item", "units"], ["item"])
    first, second = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")
    expected = [[first, "007", 1.0], [first, "b", 2.0], [second, "007", 3.0]]
    assert rows.values.tolist() == expected
    weeks = wide(TABLE.rename(columns={"2024-01-01": "week 1", "2024-01-02": "week 2"}))
    assert weeks.read(["day"])["day"].tolist() == ["week 1", "week 1", "week 2"]


def test_what_is_absent_is_named():
    with pytest.raises(MissingColumn, match="price"):
        wide().read(["price"])
    with pytest.raises(MissingColumn, match="shop"):
        wide(TABLE.drop(columns="shop")).read(["units"])
    with pytest.raises(ConfigError, match="each other column is a time"):
        wide(TABLE[["item", "shop"]]).read(["units"])


def test_dates_that_are_not_iso_meet_those_of_the_wide_table(tmp_path):
    (tmp_path / "calendar.csv").write_text("date,event\n1/1/2024,New Year\n1/2/2024,\n")
    calendar = CsvFile(str(tmp_path / "calendar.csv"), times={"date": "%m/%d/%Y"})
    table = Wide(Frame(TABLE), by=["item", "shop"], time="date", value="units")
    rows = Joined([table, calendar], [["date"]]).read(["date", "units", "event"], ["event"])
    assert rows["event"].fillna("").tolist() == ["New Year", "New Year", ""]
    wrong = CsvFile(str(tmp_path / "calendar.csv"), times={"date": "%Y-%m-%d"})
    with pytest.raises(DataError, match=r"calendar\.csv"):
        wrong.read(["date"])
