import numpy as np
import pandas as pd
import pytest

from loopcast.core.grid import grid
from loopcast.core.panel import Panel
from loopcast.core.season import detect, worth
from loopcast.core.task import Task


def panel(values) -> Panel:
    """[series, step], NaN before a series begins."""
    values = np.atleast_2d(values)
    series, steps = values.shape
    rows = {
        "k": np.repeat(np.arange(series), steps),
        "t": np.tile(np.arange(steps), series),
        "y": values.ravel(),
    }
    return grid(rows, Task("y", "t", ("k",), "1", 1))


def positions(frame: pd.DataFrame, keys: list[str], target: str) -> Panel:
    """The rows as integers, in the order in which they stand."""
    counted = frame.assign(position=frame.groupby(keys).cumcount())
    return grid(counted, Task(target, "position", tuple(keys), "1", 1, origins="own"))


SHAPES = {
    "wave": lambda season, steps: np.sin(2 * np.pi * steps / season),
    "spike": lambda season, steps: 2.0 * (steps % season == season - 1),
    "any": lambda season, steps: np.random.default_rng(5).normal(size=season)[steps % season],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("season", "length"), [(4, 24), (7, 60), (7, 365), (12, 48), (12, 120), (24, 336), (52, 260)]
)
@pytest.mark.parametrize("series", [1, 30])
def test_a_season_under_a_trend_is_found(shape, season, length, series):
    steps = np.arange(length)
    clean = SHAPES[shape](season, steps)
    noise = np.random.default_rng(1).normal(size=(series, length))
    noise *= (0.02 if shape == "wave" and season > 24 else 0.1) * clean.std()
    assert detect(panel(100 + 0.02 * steps + clean + noise)) == season


@pytest.mark.parametrize("length", [3, 8, 24, 60, 300, 1000])
def test_noise_and_wandering_have_no_season(length):
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(size=(20, length))
        assert detect(panel(noise)) == 1
        assert detect(panel(noise.cumsum(axis=1))) == 1


def test_a_swing_that_dies_out_is_no_season():
    swing, fading = 2 * 0.9 * np.cos(2 * np.pi / 6), 0.9**2
    values = np.random.default_rng(0).normal(size=(20, 400))
    for step in range(2, 400):
        values[:, step] += swing * values[:, step - 1] - fading * values[:, step - 2]
    assert detect(panel(values)) == 1


def test_lines_constants_and_nothing_have_no_season():
    for values in (np.arange(50.0), np.zeros(50), np.full(50, np.nan), np.arange(2.0), [1.0]):
        assert detect(panel(values)) == 1


def test_gaps_late_starts_and_short_series_do_not_hide_a_season():
    rng, steps = np.random.default_rng(0), np.arange(120)
    values = np.sin(2 * np.pi * steps / 12) + 0.1 * rng.normal(size=(20, 120))
    values[rng.random(values.shape) < 0.03] = np.nan
    values[:5, :100] = np.nan
    values[5] = np.nan
    assert detect(panel(values)) == 12


def test_only_the_train_part_is_looked_at():
    steps = np.arange(240)
    values = np.where(
        steps < 120, np.sin(2 * np.pi * steps / 12), 50 * np.sin(2 * np.pi * steps / 7)
    )
    whole = panel(values)
    assert detect(whole.until(119)) == 12
    assert detect(whole) == 7


def test_months_taken_as_integers_repeat_after_twelve(root):
    frame = pd.read_csv(root / "data" / "aus_retail.csv.gz")
    order = pd.to_datetime(frame.Month, format="%Y %b").argsort(kind="stable")
    assert detect(positions(frame.iloc[order], ["State", "Industry"], "Turnover")) == 12


@pytest.mark.parametrize(("name", "season"), [("hourly", 24), ("weekly", 1), ("yearly", 1)])
def test_the_series_of_m4(shared_data, name, season):
    frame = pd.read_parquet(shared_data / "m4" / f"{name}_train.parquet")
    assert detect(grid(frame, Task("y", "t", ("unique_id",), "1", 1, origins="own"))) == season


@pytest.mark.parametrize(("name", "season"), [("ETTh1", 24), ("ETTm1", 96)])
def test_a_day_of_a_transformer(shared_data, name, season):
    frame = pd.read_csv(shared_data / "ett" / f"{name}.csv.gz").assign(one="x")
    assert detect(positions(frame, ["one"], "HUFL")) == season


def test_days_of_a_shop_repeat_after_a_week(shared_data):
    frame = pd.read_csv(shared_data / "store_item" / "train.csv.gz")
    few = frame[frame.item <= 3].sort_values("date")
    assert detect(positions(few, ["store", "item"], "sales")) == 7


def test_a_season_that_repeats_exactly_is_worth_it():
    assert worth(panel(np.tile(np.arange(12.0), 4)), 12, 12) is True
