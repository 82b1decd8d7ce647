"""The tables of holidays against the package they come from."""

from datetime import date, timedelta
from functools import partial

import holidays
import numpy as np
import pandas as pd
import pytest
import torch

from loopcast.core.errors import ConfigError
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid
from loopcast.core.task import Columns, Task
from loopcast.features.holidays import BEYOND, FARTHEST, Holidays, holiday_days, named_places
from loopcast.models.mlp import ResidualMLP
from loopcast.serving.predictor import Predictor
from loopcast.training.api import fit

US = holidays.country_holidays("US", years=range(2019, 2046))
LAST = 2024 + BEYOND


def panel(frequency, first="2020-01-01", last="2024-02-29", country="US"):
    """One series of zeros from day to day, which train on."""
    unit = {"D": "D", "B": "B", "h": "h", "W-FRI": "W-FRI", "MS": "MS", "QS": "QS"}[frequency]
    times = pd.date_range(first, last, freq=unit).to_numpy()
    rows = {"t": times, "y": np.zeros(len(times)), "Country": np.repeat(country, len(times))}
    return grid(rows, task(frequency))


def task(frequency):
    return Task(
        "y", "t", ("Country",), frequency, horizon=1, season=1, history=1,
        static=Columns((), ("Country",)),
    )  # fmt: skip


def fitted(frequency, places=("US",)):
    places = places if isinstance(places, str) else list(places)
    return Holidays(places).fit(panel(frequency), task(frequency))


def told(feature, frequency, times, code=None):
    """The feature's columns [time, width] at the steps of `times`."""
    index = torch.from_numpy(Frequency.parse(frequency).index(times))
    inputs = {"origin": index}
    if code is not None:
        inputs["static.Country"] = torch.full(index.shape, code)
    with torch.no_grad():
        return feature(inputs)[:, 0].numpy()


def days(first, last):
    return np.arange(first, last, dtype="M8[D]")


def test_every_day_says_what_the_package_says_leap_years_included():
    asked = days("2019-01-01", f"{LAST + 1}-01-01")
    feature = fitted("D")
    columns = told(feature, "D", asked.astype("M8[s]"))
    flags = np.array([day.item() in US for day in asked])
    np.testing.assert_array_equal(columns[:, 0], flags)
    table, names = feature.table.detach().numpy(), list(feature.names)
    seen = {US[day] for day in US if date(2020, 1, 1) <= day <= date(2024, 2, 29)}
    assert set(names) == {name for text in seen for name in text.split("; ")}
    width = table.shape[1]
    for day, row in zip(asked[flags], columns[flags], strict=True):
        codes = [names.index(n) + 2 if n in names else 1 for n in US[day.item()].split("; ")]
        np.testing.assert_allclose(row[1 : 1 + width], table[codes].sum(0), rtol=1e-6)
    assert not columns[~flags, 1 : 1 + width].any()


def test_days_before_and_after_count_to_the_nearest_holiday_and_its_name_comes_with_it():
    feature = fitted("D")
    asked = days("2022-01-01", "2026-01-01")
    columns = told(feature, "D", asked.astype("M8[s]"))
    width = feature.table.shape[1]
    known = sorted(US)
    for day, row in zip(asked, columns, strict=True):
        now = day.item()
        after = next(d for d in known if d > now)
        before = next(d for d in reversed(known) if d < now)
        near = [1 / gap if (gap := d.days) <= FARTHEST else 0 for d in (after - now, now - before)]
        np.testing.assert_allclose(row[1 + width : 3 + width], near, rtol=1e-6)
        name = US[after].split("; ")[0]
        code = feature.names.index(name) + 2 if name in feature.names else 1
        vector = feature.table[code].detach().numpy() * near[0]
        np.testing.assert_allclose(row[3 + width :], vector, rtol=1e-5)


@pytest.mark.parametrize("frequency", ["W-FRI", "MS", "QS"])
def test_weeks_months_and_quarters_count_their_holidays(frequency):
    kind = Frequency.parse(frequency)
    index = np.arange(*kind.index(np.array(["2020-01-31", "2030-01-31"], dtype="M8[s]")))
    begins = kind.start(index).astype("M8[D]")
    ends = kind.start(index + 1).astype("M8[D]")
    columns = told(fitted(frequency), frequency, kind.time(index))
    for begin, end, row in zip(begins, ends, columns, strict=True):
        assert row[0] == sum(begin.item() <= day < end.item() for day in US)


def test_hours_have_their_day_and_fridays_the_weekend():
    christmas = np.datetime64("2022-12-25", "s")  # a Sunday, observed on Monday
    hours = christmas + np.arange(-2, 26) * np.timedelta64(3600, "s")
    columns = told(fitted("h"), "h", hours)
    assert columns[:, 0].tolist() == [0] * 2 + [1] * 26
    assert told(fitted("B"), "B", np.array([christmas - np.timedelta64(2, "D")]))[0, 0] == 1


@pytest.mark.parametrize("frequency", ["D", "W-FRI", "MS", "h"])
def test_beyond_the_table_no_day_is_a_holiday(frequency):
    feature = fitted(frequency)
    years = [1700, 1969, 2017, LAST + 1, LAST + 100]
    asked = np.array([f"{year}-12-25" for year in years], dtype="M8[s]")
    assert not told(feature, frequency, asked).any()
    inside = np.array(["2019-12-25", f"{LAST}-12-25"], dtype="M8[s]")
    assert (told(feature, frequency, inside)[:, 0] > 0).all()


def test_a_column_gives_each_series_its_country_and_unknown_texts_none():
    day = np.array(["2023-07-04", "2023-07-14"], dtype="M8[s]")
    whole = pd.DataFrame(
        {
            "Country": np.repeat(["France", "US", "atlantis"], 800),
            "t": np.tile(pd.date_range("2021-01-01", periods=800), 3),
            "y": 0.0,
        }
    )
    train = grid({name: whole[name].to_numpy() for name in whole}, task("D"))
    feature = Holidays("Country").fit(train, task("D"))
    flags = [told(feature, "D", day, code)[:, 0].tolist() for code in range(4)]
    assert flags == [[0, 0], [0, 1], [1, 0], [0, 0]]  # unknown, France, US, atlantis


def test_codes_of_several_places_are_one_calendar_and_subdivisions_differ():
    both = fitted("D", ("US", "GB-ENG"))
    asked = np.array(["2023-07-04", "2023-08-28", "2023-07-12"], dtype="M8[s]")
    assert told(both, "D", asked)[:, 0].tolist() == [1, 1, 0]
    boyne = int(np.datetime64("2023-07-12", "D").astype(int))  # Northern Ireland alone
    assert boyne in holiday_days("GB-NIR", 2023, 2023)
    assert boyne not in holiday_days("GB-ENG", 2023, 2023)
    assert date(1970, 1, 1) + timedelta(boyne) == date(2023, 7, 12)


def test_subdivisions_are_not_all_upper_case():
    peace = int(np.datetime64("2023-08-08", "D").astype(int))  # Augsburg's own
    assert peace in holiday_days("DE-Augsburg", 2023, 2023)
    assert peace not in holiday_days("DE-by", 2023, 2023)


def test_what_is_no_place_is_named():
    with pytest.raises(ConfigError, match="'XX'"):
        fitted("D", ("XX",))
    with pytest.raises(ConfigError, match="GB-QQ"):
        fitted("D", ("GB-QQ",))
    with pytest.raises(ConfigError, match="'shop'"):
        Holidays("shop").fit(panel("D"), task("D"))
    with pytest.raises(ConfigError, match="atlantis"):
        Holidays("Country").fit(panel("D", country="atlantis"), task("D"))
    integers = Task("y", "t", (), "1", 1, season=1, history=1)
    with pytest.raises(ConfigError, match="dates"):
        Holidays(["US"]).fit(panel("D"), integers)
    with pytest.raises(ConfigError, match="column"):
        named_places({"col": "Country"})


def test_the_config_key_trains_exports_and_serves_without_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    day = pd.date_range("2022-01-03", periods=720)
    closed = np.array([d.date() in US for d in day])
    sold = np.random.default_rng(0).normal(100, 20, len(day))
    frame = pd.DataFrame({"Country": "US", "t": day, "y": np.where(closed, 0.0, sold)})
    data = {"time": "t", "target": "y", "frequency": "D", "horizon": 7, "series": ["Country"]}
    run = fit(
        frame,
        data={
            **data,
            "holidays": {"column": "Country"},
            "validation": 0,
            "test": 0,
            "batch_size": 128,
        },
        model={"learning_rate": 0.01, "network": partial(ResidualMLP, width=32, layers=1)},
        trainer={"max_steps": 120, "enable_progress_bar": False},
    )
    monkeypatch.setattr(holidays, "country_holidays", None)
    rows = frame[frame.t < "2023-07-02"]
    found = Predictor(run.artifact).predict(rows)
    step = found.times[0].astype("M8[D]").tolist().index(date(2023, 7, 4))
    others = np.delete(found.quantiles[0, :, 2], step)
    assert found.quantiles[0, step, 2] < others.min() - 20
