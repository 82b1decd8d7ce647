"""Tables joined by what they share."""

from dataclasses import dataclass

import pandas as pd
import pytest

from loopcast.core.errors import ConfigError, DataError, DuplicateRows, MissingColumn
from loopcast.data.frame import Frame
from loopcast.data.joined import Joined

SALES = pd.DataFrame(
    {
        "store": ["1", "2", "2", "3"],
        "day": ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02"],
        "units": [5, 6, 7, 8],
        "holiday": ["sales"] * 4,
    }
)
DAYS = pd.DataFrame({"day": ["2024-01-01", "2024-01-02"], "holiday": [True, False], "rain": [1, 0]})
STORES = pd.DataFrame({"store": [1, 2, 4], "size": [10.0, 20.0, 40.0]})


def joined(*frames: pd.DataFrame, by: list[list[str]]) -> Joined:
    return Joined([Frame(frame) for frame in frames], by)


def test_rows_are_those_of_the_first_source_in_their_order() -> None:
    source = joined(SALES, DAYS, STORES, by=[["day"], ["store"]])
    frame = source.read(["size", "units", "rain"])
    assert frame["units"].tolist() == [5, 6, 7, 8]
    assert frame["rain"].tolist() == [1, 1, 0, 0]
    assert frame["size"].fillna(0).tolist() == [10, 20, 20, 0]
    assert list(frame.columns) == ["size", "units", "rain"]


def test_keys_meet_as_text_and_dates_as_dates() -> None:
    days = DAYS.assign(day=pd.to_datetime(DAYS["day"]))
    frame = joined(SALES, days, STORES, by=[["day"], ["store"]]).read(["rain", "size"])
    assert frame["rain"].tolist() == [1, 1, 0, 0]
    floats = STORES.assign(store=STORES["store"].astype(float))
    assert joined(SALES, floats, by=[["store"]]).read(["size"])["size"].notna().sum() == 3


def test_a_column_that_several_have_is_the_first_ones() -> None:
    frame = joined(SALES, DAYS, by=[["day"]]).read(["holiday"])
    assert frame["holiday"].tolist() == ["sales"] * 4


def test_sources_are_only_asked_for_what_is_needed() -> None:
    asked = []

    @dataclass(frozen=True)
    class Asked(Frame):
        def read(self, columns, text=()):
            asked.append(list(columns))
            return super().read(columns, text)

    Joined([Asked(SALES), Asked(DAYS)], [["day"]]).read(["units", "rain"])
    assert asked == [["units", "day"], ["day", "rain"]]


def test_what_is_wrong_with_a_join_is_told() -> None:
    with pytest.raises(ConfigError, match="2 sources need 1 lists"):
        joined(SALES, DAYS, by=[]).read(["units"])
    with pytest.raises(MissingColumn, match="'week'"):
        joined(SALES, DAYS, by=[["week"]]).read(["units", "rain"])
    with pytest.raises(MissingColumn, match="'colour'"):
        joined(SALES, DAYS, by=[["day"]]).read(["colour"])
    twice = pd.concat([DAYS, DAYS[:1]])
    with pytest.raises(DuplicateRows, match=r"1 rows more than one.*2024-01-01"):
        joined(SALES, twice, by=[["day"]]).read(["rain"])


def test_a_text_that_is_no_time_is_told() -> None:
    days = DAYS.assign(day=["05.02.2010", "19.02.2010", "20.02.2010"][: len(DAYS)])
    dated = SALES.assign(day=pd.to_datetime(SALES["day"]))
    with pytest.raises(DataError, match=r"'day' is a time in one table .*\(times of a CSV source"):
        joined(dated, days, by=[["day"]]).read(["rain"])


def test_dates_are_not_guessed_at() -> None:
    dated = DAYS.assign(day=pd.to_datetime(DAYS["day"]))
    for written in (["01/01/2024", "02/01/2024"], [20240101, 20240102]):
        with pytest.raises(DataError, match="'day' is a time in one table"):
            joined(SALES[:2].assign(day=written), dated, by=[["day"]]).read(["rain"])
