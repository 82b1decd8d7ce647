import numpy as np
import pandas as pd
import pytest
import torch

from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.calendar import Calendar, beside, cycle, new_years, year_rows

HISTORY, HORIZON = 5, 3
DATED = ["D", "B", "W-SUN", "W-MON", "W-WED", "MS", "ME", "QS", "QE", "YS", "15min", "30min", "h"]


def steps_until_2300(frequency: str) -> tuple[np.ndarray, pd.DatetimeIndex]:
    """Grid indices from 1800 to 2300 and their labels by pandas; minutes: some of them."""
    kind = Frequency.parse(frequency)
    if kind.unit == "month":
        letter = {1: "M", 3: "Q", 12: "Y"}[kind.count]
        periods = pd.period_range("1800", "2300", freq=letter)
        ends = frequency.endswith("E")
        first = periods.to_timestamp(how="end" if ends else "start").normalize()
        zero = pd.period_range("1970", periods=1, freq=letter)
        return np.arange(len(periods)) + (periods[0] - zero[0]).n, first
    if kind.unit == "minute":
        minutes = np.random.default_rng(0).integers(-170 * 525960, 330 * 525960, 20_000)
        index = minutes // kind.count
        labels = np.datetime64("1970-01-01", "s") + index * np.timedelta64(kind.count, "m")
        return index, pd.DatetimeIndex(labels)
    first = {"D": "1970-01-01", "B": "1970-01-05"}.get(frequency)
    if first is None:
        first = str(pd.date_range("1970-01-05", periods=1, freq=frequency)[0].date())
    after = pd.date_range(first, "2300-01-01", freq=frequency, unit="s")
    before = pd.date_range("1800-01-01", first, freq=frequency, unit="s", inclusive="left")
    return np.arange(-len(before), len(after)), before.append(after)


def steps(length: int) -> Panel:
    """One series without columns."""
    none, ends = np.zeros((length, 0), np.float32), np.array([0, length])
    target, start = np.ones(length, np.float32), np.zeros(1, np.int64)
    return Panel({}, start, start + length - 1, ends, target, none, none, none[:1])


def fitted(frequency: str, season: int = 1, history: int = HISTORY, horizon: int = HORIZON):
    task = Task("y", "t", (), frequency, horizon, season=season, history=history)
    return Calendar().restore({}, task)


def turns(columns: np.ndarray, waves: int, at: int) -> np.ndarray:
    """The phase in turns that the first sine and cosine of `waves` pairs say."""
    return np.arctan2(columns[..., at], columns[..., at + waves]) / (2 * np.pi) % 1


@pytest.fixture(params=DATED)
def decoded(request):
    """(frequency, the calendar's columns at each label, the labels): the label is the 4th step."""
    index, labels = steps_until_2300(request.param)
    columns = fitted(request.param)({"origin": torch.from_numpy(index) + 1})
    assert columns.shape == (len(index), HISTORY + HORIZON, fitted(request.param).width)
    return request.param, columns[:, HISTORY - 2].numpy(), labels


def test_every_step_from_1800_to_2300_says_what_pandas_says(decoded):
    frequency, columns, labels = decoded
    unit = Frequency.parse(frequency).unit
    year_length = np.where(labels.is_leap_year, 366, 365)
    if unit == "month":
        period = {"M": 12, "Q": 4, "Y": 1}[frequency[0]]
        if period > 1:
            want = (labels.month - 1) // (12 // period)
            assert (columns[:, :period].argmax(1) == want).all()
            assert np.allclose(turns(columns, 1, period), want / period, atol=1e-6)
        return
    at = {"week": 0, "business": 5}.get(unit, 7)
    if unit != "week":
        assert (columns[:, :at].argmax(1) == labels.dayofweek).all()
        assert (columns[:, :at].sum(1) == 1).all()
    if unit == "minute":
        minute = turns(columns, 4, at) * 1440
        assert np.allclose(minute, labels.hour * 60 + labels.minute, atol=1e-2)
        at += 8
    waves = {"week": 4, "minute": 2}.get(unit, 3)
    day = turns(columns, waves, at) * year_length + 1
    assert (np.round(day) == labels.dayofyear).all()
    assert np.allclose(day, np.round(day), atol=1e-3)
    if unit != "minute":
        at, waves = at + 2 * waves, 1 if unit == "week" else 2
        day = turns(columns, waves, at) * labels.days_in_month + 1
        assert (np.round(day) == labels.day).all()


@pytest.mark.parametrize("frequency", [*DATED, "YE", "6h", "1min", "1", "5"])
def test_a_step_has_one_calendar_whatever_window_shows_it(frequency):
    calendar = fitted(frequency, season=10, history=400, horizon=300)
    origins = torch.tensor([-90_000, -100, 0, 47_000])
    early, late = calendar({"origin": origins}), calendar({"origin": origins + 250})
    assert torch.equal(early[:, 250:], late[:, :-250])


def test_year_rows_are_exact_over_the_whole_cycle_and_across_many_new_years():
    begins = new_years(6)
    leap = np.diff(begins) - 365
    table = torch.from_numpy(np.stack([begins[:-1], begins[:-1] - 366 * leap], axis=-1))
    days = torch.arange(0, 146_107, 7)[:, None] + torch.arange(0, 1200, 11)
    dates = pd.DatetimeIndex(days.flatten().numpy().astype("M8[D]").astype("M8[s]"))
    want = dates.dayofyear.to_numpy() - 1 + 366 * dates.is_leap_year
    assert (year_rows(days, table, 4).flatten().numpy() == want).all()


def test_a_season_that_is_no_calendar_cycle_gets_columns_of_its_own():
    assert fitted("1", season=24).width == 8
    assert fitted("MS", season=12).width == fitted("MS", season=1).width
    calendar = fitted("15min", season=50)
    assert calendar.width == fitted("15min", season=96).width + 8
    phase = turns(calendar({"origin": torch.arange(-70, 70)})[:, HISTORY - 1].numpy(), 4, -8)
    assert np.allclose(phase * 50 % 50, np.arange(-70, 70) % 50, atol=1e-3)


def test_integers_without_a_season_have_no_calendar():
    calendar = fitted("1")
    assert calendar.width == 0
    assert calendar({"origin": torch.arange(4)}).shape == (4, HISTORY + HORIZON, 0)


def test_tables_are_no_part_of_the_state_and_nothing_is_learned(panel: Panel, task: Task):
    calendar = Calendar().fit(panel, task)
    assert calendar.state_dict() == {}
    assert calendar.facts() == {}


def test_short_cycles_are_one_hot_and_long_ones_are_waves():
    assert cycle(np.array([2]), 4, 9).tolist() == [[0, 0, 1, 0]]
    assert cycle(np.arange(5), 365, 3).shape == (5, 6)


def test_tables_beside_each_other_add_up():
    left, right = beside([np.ones((2, 1), np.float32), np.full((3, 2), 2, np.float32)])
    assert (left[0] + right[0]).tolist() == [1, 2, 2]


@pytest.mark.parametrize(("frequency", "season"), [("W-MON", 52), ("MS", 12), ("QS", 4)])
def test_the_time_of_the_year_is_left_out_where_it_was_seen_once(frequency, season):
    def made(length, history):
        task = Task("y", "t", (), frequency, HORIZON, season=season, history=history)
        return Calendar().fit(steps(length), task), task

    silent, task = made(2 * season - 1, season)
    assert (silent.width, silent.facts()) == (0, {"told": False})
    assert Calendar().restore(silent.facts(), task).width == 0
    assert silent({"origin": torch.arange(4)}).shape == (4, season + HORIZON, 0)
    assert Calendar(year=True).fit(steps(2 * season - 1), task).width > 0
    for length, history in ((2 * season, season), (2 * season - 1, season - 1)):
        assert made(length, history)[0].facts() == {}
    assert Calendar().again(silent, steps(3 * season), task).width == 0


def test_days_without_the_year_keep_their_weekdays():
    task = Task("y", "t", (), "D", HORIZON, season=7, history=14)
    plain, silent = (Calendar(year=year).fit(steps(900), task) for year in (True, False))
    assert (plain.width, silent.width) == (17, 7)
    origin = {"origin": torch.arange(40)}
    assert torch.equal(silent(origin), plain(origin)[..., :7])
