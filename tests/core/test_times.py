from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import ConfigError, WrongTime
from loopcast.core.frequency import Frequency
from loopcast.core.times import parse

DAY, HOUR, ONE = (Frequency.parse(name) for name in ("D", "h", "1"))
BERLIN = "Europe/Berlin"


def listed(*values):
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


def shown(values, *arguments) -> list[str]:
    return [str(time) for time in parse(values, *arguments)]


def test_a_moment_is_read_however_it_is_written():
    noon = datetime(2024, 2, 29, 12, 0)
    cells = listed(
        "2024-02-29 12:00", "2024-02-29T12:00:00.250", " 2024-02-29T12 ", "20240229T1200",
        noon, pd.Timestamp(noon), pd.Timestamp("2024-02-29 12:00:00.000000001"),
        np.datetime64("2024-02-29T12:00"),
    )  # fmt: skip
    assert set(shown(cells, HOUR)) == {"2024-02-29T12:00:00"}


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2024", "2024-01-01"), (2024, "2024-01-01"), ("2024-07", "2024-07-01"),
        (20240731, "2024-07-31"), ("20240731", "2024-07-31"), (date(2024, 7, 31), "2024-07-31"),
        ("2024-W05", "2024-01-29"), ("1816-01-01", "1816-01-01"), ("2999-12-31", "2999-12-31"),
    ],
)  # fmt: skip
def test_days_months_and_years_begin_at_midnight(value, day):
    assert shown(listed(value), DAY) == [f"{day}T00:00:00"]


@pytest.mark.parametrize("unit", ["D", "m", "s", "ms", "us", "ns"])
def test_arrays_of_every_precision_are_floored_to_seconds(unit):
    times = np.array(["1969-12-31T23:59:59.9", "2024-02-29"], "M8[ms]").astype(f"M8[{unit}]")
    expected = times.astype("M8[s]")
    np.testing.assert_array_equal(parse(times, HOUR), expected)
    assert expected[0] <= np.datetime64("1969-12-31T23:59:59"), "never rounded up"


def test_a_stated_format_is_the_only_one():
    assert shown(["1982 Apr", "1982 May"], DAY, None, "%Y %b")[1] == "1982-05-01T00:00:00"
    assert shown([31012024], DAY, None, "%d%m%Y") == ["2024-01-31T00:00:00"]
    with pytest.raises(WrongTime, match=r"1 of 2 .*31\.01\.2024.*%Y %b"):
        parse(["1982 Apr", "31.01.2024"], DAY, None, "%Y %b")


def test_an_offset_is_turned_into_the_wall_clock_of_the_zone():
    summer = datetime(2024, 7, 1, 10, tzinfo=UTC)
    cells = listed(summer, "2024-07-01T10:00Z", "2024-07-01T04:00-06:00", pd.Timestamp(summer))
    assert set(shown(cells, HOUR, BERLIN)) == {"2024-07-01T12:00:00"}
    assert set(shown(cells, HOUR)) == {"2024-07-01T10:00:00"}


def test_a_time_without_an_offset_is_wall_clock_already():
    assert shown(["2024-07-01 10:00"], HOUR, BERLIN) == ["2024-07-01T10:00:00"]
    naive = np.array(["2024-07-01T10"], "M8[h]")
    assert shown(naive, HOUR, BERLIN) == ["2024-07-01T10:00:00"]


@pytest.mark.parametrize(
    "zone", [BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
)
def test_a_year_of_hours_has_the_wall_clock_of_pandas(zone):
    times = pd.date_range("2023-12-31", "2025-01-02", freq="h", tz="UTC")
    wall = times.tz_convert(zone).tz_localize(None).to_numpy().astype("M8[s]")
    for cells in (listed(*times), times.strftime("%Y-%m-%dT%H:%M%z").to_numpy(dtype=object)):
        np.testing.assert_array_equal(parse(cells, HOUR, zone), wall)


def test_the_two_hours_of_one_name_are_one_wall_time():
    zone = ZoneInfo(BERLIN)
    twice = listed(*(datetime(2024, 10, 27, 2, 30, fold=fold, tzinfo=zone) for fold in (0, 1)))
    assert shown(twice, HOUR, BERLIN) == ["2024-10-27T02:30:00"] * 2


@pytest.mark.parametrize(
    "bad", [None, "", "soon", np.nan, pd.NaT, pd.NA, "2024-13-01", 1.5, 45321, True]
)
def test_what_is_no_time_is_named_with_advice(bad):
    with pytest.raises(WrongTime, match=r"1 of 2 times.*time_format"):
        parse(listed("2024-01-01", bad), DAY)
    with pytest.raises(WrongTime, match="1 of 2"):
        parse(np.array(["2024-01-01", "NaT"], "M8[D]"), DAY)


def test_integers_are_positions():
    for cells in ([3, 4], ["3", "4"], [3.0, 4.0], listed(3, "4"), np.array([3, 4], np.uint8)):
        found = parse(cells, ONE)
        assert found.tolist() == [3, 4]
        assert found.dtype == np.int64


@pytest.mark.parametrize("bad", ["2024-01-01", 1.5, None, np.inf, "x"])
def test_what_is_no_position_is_named(bad):
    with pytest.raises(WrongTime, match="whole numbers"):
        parse(listed(1, bad), ONE)


def test_the_stated_format_is_shown_by_an_example():
    with pytest.raises(WrongTime, match=r"stated as '%Y %b', so write them as 2024 Jan"):
        parse(listed("2018-06"), DAY, None, "%Y %b")


@pytest.mark.parametrize("zone", ["Mars/City", "../etc/passwd", "Europe"])
def test_a_zone_that_does_not_exist_is_named(zone):
    with pytest.raises(ConfigError, match=f"zone '{zone}' is unknown; give an IANA name"):
        parse(listed("2024-01-01"), DAY, zone)


def test_the_second_of_a_repeated_hour_is_the_second_also_to_other_clocks():
    berlin = ZoneInfo("Europe/Berlin")
    cells = [datetime(2023, 10, 29, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1, 0)]
    found = parse(np.array(cells, object), Frequency.parse("h"))
    assert found.astype(str).tolist() == [
        "2023-10-29T00:30:00", "2023-10-29T01:30:00", "2023-10-29T00:30:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [np.int64(2000), np.array("2000-01", "M8[M]"), pd.Period("2000-01"), np.str_("2000-01")],
)
def test_single_values_of_numpy_and_pandas_are_read(value):
    cells = np.empty(1, object)
    cells[0] = value
    assert str(parse(cells, Frequency.parse("MS"))[0]) == "2000-01-01T00:00:00"
