"""The published figures, reduced; and the parts of the test by hand."""

import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from loopcast.core.frequency import Frequency
from loopcast.monitoring import chance, scores
from loopcast.monitoring.alarming import Judged
from loopcast.monitoring.drift import Looked, _discoveries, examine
from loopcast.monitoring.looks import Clock, Windows, apart, looks, thinned


@pytest.fixture(scope="module")
def alarms(root):
    spec = importlib.util.spec_from_file_location("alarms", root / "benchmarks/alarms.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["alarms"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["alarms"]


def worlds(alarms, *names):
    return [world for world in alarms.WORLDS if any(name in world.name for name in names)]


def test_panels_that_do_not_change_raise_few_alarms(alarms):
    found = [alarms.false_alarms(world, 25, seed=1)[1] for world in worlds(alarms, "monthly")]
    assert len(found) >= 6 and np.mean(found) <= 0.06


def test_changes_are_seen_in_time(alarms):
    found = {
        (world.name, change.name): alarms.power(world, change, 6)
        for world in worlds(alarms, "monthly, yearly season")
        for change in alarms.CHANGES
    }
    assert min(found.values()) >= 0.95, found


def test_shocks_that_all_series_share_count_once():
    random = np.random.default_rng(1)
    alone = 0.3 * random.standard_normal((30, 48))
    common = random.standard_normal((40, 1, 48))
    seen = [
        any(
            one.alarm.any()
            for one in examine(
                (alone + shock)[:, :36], (alone + shock)[:, 36:], season=12, year=12
            ).panel
        )
        for shock in common
    ]
    assert np.mean(seen) <= 0.1


def test_an_outlier_alone_is_no_drift():
    random = np.random.default_rng(2)
    errors = random.standard_normal((30, 48))
    errors[:, 40] += 50
    verdict = examine(errors[:, :36], errors[:, 36:], season=12, year=12)
    assert not any(one.alarm.any() for one in (*verdict.panel, *verdict.rows))


def test_gaps_and_series_without_reference_are_no_alarm():
    random = np.random.default_rng(3)
    errors = random.standard_normal((20, 48))
    errors[random.random(errors.shape) < 0.1] = np.nan
    errors[0, :30] = np.nan
    errors[0, 36:] += 9
    verdict = examine(errors[:, :36], errors[:, 36:], season=12, year=12)
    assert not any(one.alarm.any() for one in (*verdict.panel, *verdict.rows))


def test_normal_scores_are_those_of_the_ranks():
    before, after = np.array([[1.0, 3, np.nan, 2]]), np.array([[0.0, 2, 2.5, 9, np.nan]])
    found = scores.normal_scores(before, after)[0]
    assert found[:4] == pytest.approx([-1.150, 0.0, 0.319, 1.150], abs=1e-3)
    assert np.isnan(found[4])


def test_windows_sum_the_last_looks_and_count_the_reference():
    up, down = scores.windowed(
        np.array([[0.0, 1, 1, 2]]), np.array([10]), (2, 3), np.array([1.0, 2.0])
    )
    two, three = np.sqrt(2 + 4 / 10), 2 * np.sqrt(3 + 9 / 10)
    assert up[0, 1:] == pytest.approx([1 / two, 2 / two, max(3 / two, 4 / three)])
    assert np.isnan(up[0, 0]) and down[0, 3] == pytest.approx(-min(3 / two, 4 / three))


def test_autocorrelation_is_told_without_its_bias():
    random = np.random.default_rng(4)
    noise = random.standard_normal((4000, 60))
    for step in range(1, 60):
        noise[:, step] += 0.5 * noise[:, step - 1]
    noise = noise[:, 20:]
    found = scores.autocorrelation(noise - noise.mean(1, keepdims=True))
    assert found.mean() == pytest.approx(0.5, abs=0.02)


def test_a_season_in_the_errors_is_taken_out():
    random = np.random.default_rng(5)
    season = np.tile(np.where(np.arange(12) == 11, 8.0, 0), 5)
    _, after = scores.deseasoned(
        *np.split(season + 0.5 * random.standard_normal((50, 60)), [48], axis=1), 12
    )
    assert abs(after[:, 11].mean()) < 0.3
    plain = random.standard_normal((50, 60))
    rest, _ = scores.deseasoned(plain[:, :48], plain[:, 48:], 12)
    assert np.corrcoef(rest.ravel(), plain[:, :48].ravel())[0, 1] > 0.95


def test_p_values_fall_with_the_score_and_fit_the_simulation():
    table = chance.largest(36, 12, 12, 0.0, 2)
    at = np.quantile(table, [0.5, 0.95, 0.99])
    assert chance.tail(at, table) == pytest.approx([0.5, 0.05, 0.01], rel=0.35)
    far = chance.tail(np.linspace(0, 12, 200), table)
    assert (np.diff(far) <= 0).all() and far[-1] < 1e-9
    assert chance.threshold(0.05, 0.0, 36, 12, 12, 2) == pytest.approx(at[1], rel=0.03)


def test_discoveries_are_benjamini_hochbergs():
    p = np.array([[0.001], [0.009], [0.014], [0.2], [0.9]])
    (found,) = _discoveries([p], 0.025)
    assert found[:, 0].tolist() == [True, True, True, False, False]
    (none,) = _discoveries([p + 0.05], 0.025)
    assert not none.any()


def test_the_nearest_forecast_of_a_step_counts():
    errors = np.arange(12.0).reshape(4, 3)
    windows = Windows(np.array([0, 0, 0, 1]), np.array([10, 11, 13, 10]), errors)
    found = looks(windows, 2, 11, 16, 1, 2)
    assert found[0].tolist() == [0, 3, 4, 6, 7, 8]
    assert found[1, :3].tolist() == [9, 10, 11] and np.isnan(found[1, 3:]).all()
    assert apart(windows.origin, windows.series) in (1, 2)
    assert thinned(windows, 2, 13).origin.tolist() == [11, 13]


def test_hours_are_looked_at_by_day():
    clock = Clock.of(Frequency.parse("h"), 24)
    assert (clock.unit, clock.season, clock.year) == (24, 1, 365)
    assert Clock.of(Frequency.parse("MS"), 12) == Clock(1, 12, 12)
    assert Clock.of(Frequency.parse("D"), 7) == Clock(1, 7, 365)
    assert Clock.of(Frequency.parse("h"), 168) == Clock(24, 7, 365)  # days, not weeks
    assert Clock.of(Frequency.parse("1"), 52) == Clock(4, 13, 260)


def test_yearly_data_can_raise_an_alarm():
    table = chance.largest(12, 1, 1, 0.0, 2)
    assert np.isfinite(table).all()
    assert chance.threshold(0.05, 0.0, 12, 1, 1, 2) > 1
    whole = Windows(np.zeros(1, int), np.array([0]), np.arange(4.0)[None])
    assert looks(whole, 1, 1, 4, 2, 4).tolist() == [[0.5, 2.5]]


def test_a_series_without_errors_before_is_told_without_a_ratio():
    looked = Looked(
        "size", np.ones((1, 4)), np.ones((1, 4)), np.ones((1, 4)), np.zeros(1),
        np.ones((1, 4), bool), np.ones(1),
    )  # fmt: skip
    clock = SimpleNamespace(season=1)
    judged = Judged(1, SimpleNamespace(clock=clock), (), None)
    told = judged._reason(looked, "series", slice(0, None), np.array([0]), [{"shop": "a"}])
    assert told == "in 1 series, e.g. a: surprises are 1; before there were none (of the first)"


def test_days_that_are_always_closed_take_nothing_from_the_test():
    random = np.random.default_rng(4)
    errors = random.standard_normal((20, 140))
    errors[:, 112:] += 2.0
    errors[:, np.arange(140) % 7 >= 5] = np.nan
    verdict = examine(errors[:, :105], errors[:, 105:], season=7, year=365)
    assert any(one.alarm.any() for one in verdict.panel)
    quiet = examine(errors[:, :70], errors[:, 70:105], season=7, year=365)
    assert not any(one.alarm.any() for one in quiet.panel)
