"""Shifts of the held-out parts are told, seasons and trends are not: false alarms are counted."""

from dataclasses import replace

import numpy as np
import pytest
from checks_data import parts, plain, rows, seen, task, values

from loopcast.core.grid import grid
from loopcast.core.task import Columns
from loopcast.data.checks.finding import Finding
from loopcast.data.checks.panel import check_panel
from loopcast.data.checks.shift import check

SHAPES = [("MS", 20, 84, 6), ("W-SUN", 20, 220, 13), ("D", 20, 800, 28), ("D", 20, 250, 14)]
RUNS = 40


def shifts(table: dict, told) -> dict[str, Finding]:
    panel = grid(table, told)
    return {f.code: f for f in check(panel, told, parts(panel, told))}


def last(table: dict, steps: int) -> np.ndarray:
    ends = np.unique(table["time"])
    return table["time"] >= ends[-steps]


@pytest.mark.parametrize(("frequency", "series", "steps", "horizon"), SHAPES)
def test_no_alarm_on_seasonal_series_without_a_shift(frequency, series, steps, horizon) -> None:
    alarms = [
        shifts(rows(frequency, series, steps, seed), task(frequency, horizon))
        for seed in range(RUNS)
    ]
    assert sum(bool(alarm) for alarm in alarms) <= RUNS // 20


def test_no_alarm_on_single_series_and_counts() -> None:
    alone = plain(task("D", 28, keys=()))
    alarms = [shifts(rows("D", 1, 800, seed), alone) for seed in range(RUNS)]
    table = rows("D", 20, 800)
    for seed in range(RUNS):
        mean = values("D", 20, 800, seed) / 100
        table["sales"] = np.random.default_rng(seed).poisson(mean).astype(float).ravel()
        alarms.append(shifts(table, task("D", 28)))
    assert sum(bool(alarm) for alarm in alarms) <= 2 * RUNS // 20


@pytest.mark.parametrize(("frequency", "series", "steps", "horizon"), SHAPES)
@pytest.mark.parametrize("factor", [0.5, 1.6])
def test_a_shift_of_the_level_is_told(frequency, series, steps, horizon, factor) -> None:
    table = rows(frequency, series, steps)
    table["sales"][last(table, horizon)] *= factor
    finding = shifts(table, task(frequency, horizon))["level-shift"]
    assert finding.severity == "warning"
    assert "test part" in finding.detail
    assert ("above" if factor > 1 else "below") in finding.detail


def test_a_shift_that_begins_with_the_validation_part_is_told() -> None:
    table = rows()
    table["sales"][last(table, 12)] *= 0.5
    findings = shifts(table, task())
    assert findings["level-shift"].severity == "warning"


def test_a_shift_of_some_series_is_a_note_that_names_them() -> None:
    table = rows("MS", 20, 120)
    some = table["shop"] < "shop 04"
    table["sales"][some & last(table, 6)] *= 4
    finding = shifts(table, task())["level-shift"]
    assert finding.severity == "note"
    assert set(finding.examples) == {f"shop 0{i}" for i in range(4)}


def test_values_that_begin_to_vary_are_told() -> None:
    table = rows("D", 20, 800)
    late = last(table, 28)
    noise = np.random.default_rng(0).choice([0.3, 1.7], late.sum())
    table["sales"][late] *= noise
    assert "spread-shift" in shifts(table, task("D", 28))


def test_a_shift_of_the_mix_is_told_with_the_categories() -> None:
    table = rows("MS", 21, 120)
    late = last(table, 6)
    table["sales"][late & (table["kind"] == "city")] *= 2.5
    table["sales"][late & (table["kind"] == "road")] *= 0.3
    finding = shifts(table, task())["mix-shift"]
    assert finding.severity == "warning"
    assert any(example.startswith("city") for example in finding.examples)


def test_values_that_begin_to_be_missing_are_told() -> None:
    table = rows("D", 20, 800)
    drop = last(table, 28) & (np.random.default_rng(0).random(len(table["sales"])) < 0.4)
    drop &= ~last(table, 1)
    table = {name: column[~drop] for name, column in table.items()}
    assert "missing-shift" in shifts(table, task("D", 28))


def test_covariates_that_begin_late_are_told() -> None:
    table = rows()
    table["price"][~last(table, 20)] = np.nan
    finding = shifts(table, task())["covariate-shift"]
    assert finding.examples == ("price: 89% -> 0%",)


def test_a_new_year_in_another_season_is_no_shift() -> None:
    table = rows("D", 20, 1200)
    day = np.tile(np.arange(1200), 20)
    table["sales"] *= 1 + 3 * (np.abs((day - 1185) % 365.25 - 10) < 12)  # a peak in the test part
    assert shifts(table, task("D", 28)) == {}


def test_without_splits_and_with_too_little_history_nothing_is_compared() -> None:
    table = rows(steps=20)
    table["sales"][last(table, 6)] *= 5
    assert shifts(table, replace(task(), future=Columns())) == {}
    longer = rows()
    longer["sales"][last(longer, 6)] *= 5
    assert "level-shift" in seen(longer, task())
    assert "level-shift" not in {f.code for f in check_panel(grid(longer, task()), task())}


def test_a_text_that_is_blank_where_there_is_no_event_has_no_shift() -> None:
    table = rows("D", 10, 800)
    days = np.tile(np.arange(800), 10)
    table["event"] = np.where(days % 365 > 345, "sale", None).astype(object)
    cut = days < 365 * 2 + 20
    table = {name: column[cut] for name, column in table.items()}
    assert "covariate-shift" not in shifts(
        table, replace(task("D", 28), future=Columns((), ("event",)))
    )


def test_texts_that_begin_to_be_missing_are_told() -> None:
    table = rows("D", 10, 400)
    events = np.array(["fair", "none"], dtype=object)[np.arange(4000) % 2]
    events[last(table, 28) & (np.arange(4000) % 3 > 0)] = None
    table["event"] = events
    finding = shifts(table, replace(task("D", 28), future=Columns((), ("event",))))[
        "covariate-shift"
    ]
    assert finding.examples[0].startswith("event: 0% ->")
