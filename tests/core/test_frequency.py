import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import ConfigError
from loopcast.core.frequency import Frequency

WEEKS = [f"W-{day}" for day in ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")]
DECADES = ["D", *WEEKS, "MS", "ME", "QS", "QE", "YS", "YE"]
FINE = ["15min", "30min", "h", "2h", "4h"]


def labels(name: str) -> np.ndarray:
    """Decades with 1900 and 2100, which are no leap years, or for hours and less some years."""
    first, last = ("1895-01-20", "2105-01-01") if name not in FINE else ("1967-12-31", "1973-01-02")
    return pd.date_range(first, last, freq=name).to_numpy().astype("M8[s]")


@pytest.mark.parametrize("name", DECADES + FINE)
def test_labels_are_those_of_pandas(name):
    ours, times = Frequency.parse(name), labels(name)
    index = ours.index(times)
    np.testing.assert_array_equal(np.diff(index), 1)
    np.testing.assert_array_equal(ours.time(index), times)


@pytest.mark.parametrize("name", DECADES + FINE)
def test_a_step_begins_where_the_one_before_ends(name):
    ours, times = Frequency.parse(name), labels(name)
    index = ours.index(times)
    begin = ours.start(index)
    np.testing.assert_array_equal(ours.index(begin), index)
    np.testing.assert_array_equal(ours.index(begin - np.timedelta64(1, "s")), index - 1)
    assert (begin <= times).all()
    assert (times < ours.start(index + 1)).all()


@pytest.mark.parametrize("name", [*WEEKS, "ME", "QE", "YE"])
def test_days_fall_into_the_step_that_pandas_resamples_them_into(name):
    days = pd.date_range("1999-11-20", "2005-03-05", freq="D")
    label = pd.Series(1, days).groupby(pd.Grouper(freq=name)).transform(lambda s: s.name.value)
    ours = Frequency.parse(name)
    found = ours.time(ours.index(days.to_numpy()))
    np.testing.assert_array_equal(
        found, pd.to_datetime(label.to_numpy()).to_numpy().astype("M8[s]")
    )


def test_business_days_count_five_a_week_and_weekends_belong_to_friday():
    ours = Frequency.parse("B")
    times = pd.bdate_range("1895-01-01", "2105-01-01").to_numpy()
    index = ours.index(times)
    np.testing.assert_array_equal(np.diff(index), 1)
    np.testing.assert_array_equal(ours.time(index), times.astype("M8[s]"))
    weekend = np.array(["2024-01-06", "2024-01-07T23:00"], "M8[s]")
    assert [str(day)[:10] for day in ours.time(ours.index(weekend))] == ["2024-01-05"] * 2


@pytest.mark.parametrize("step", [1, 5])
def test_integers_count_themselves(step):
    ours = Frequency.parse(step)
    times = np.arange(-20, 20) * step
    assert not ours.dated
    np.testing.assert_array_equal(ours.index(times), np.arange(-20, 20))
    np.testing.assert_array_equal(ours.time(ours.index(times)), times)


@pytest.mark.parametrize(
    ("name", "same"), [("W", "W-SUN"), ("H", "h"), ("60min", "h"), ("ms", "MS"), ("15T", "15min")]
)
def test_other_spellings_mean_the_same_steps(name, same):
    times = np.array(["2024-02-29T13:14", "1960-01-01T00:15"], "M8[s]")
    one, other = Frequency.parse(name), Frequency.parse(same)
    np.testing.assert_array_equal(one.time(one.index(times)), other.time(other.index(times)))
    assert one.season == other.season


@pytest.mark.parametrize(
    ("name", "season"),
    [("15min", 96), ("h", 24), ("D", 7), ("B", 5), ("W-FRI", 52), ("ME", 12), ("QS", 4), ("YS", 1), ("1", 0)],
)  # fmt: skip
def test_the_calendar_implies_a_season(name, season):
    assert Frequency.parse(name).season == season


@pytest.mark.parametrize("name", ["fortnight", "W-XYZ", "0", "-1", "7min", "1.5", "", "2D"])
def test_an_unknown_frequency_names_the_known_ones(name):
    with pytest.raises(ConfigError, match="W-MON"):
        Frequency.parse(name)
