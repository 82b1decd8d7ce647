"""Ticks over real ledgers: what they write, once, twice, at once, and with the database away."""

import threading

import numpy as np
import pytest
import sqlalchemy as sa
from monitoring_shop import FIRST, TASK, Shop

from loopcast.monitoring.rules import rules
from loopcast.monitoring.tick import Monitor
from loopcast.store import accuracy, alarms, backtests, calibrations, ticks
from loopcast.store.actuals import Actual
from loopcast.store.backtests import Backtest
from loopcast.store.clock import now
from loopcast.store.leases import held
from loopcast.store.news import LATE, news
from loopcast.store.schema import forecasts


def test_a_tick_measures_and_a_second_one_finds_nothing_new(shop):
    shop.backtest()
    shop.months(6)
    done = shop.monitor.tick()
    assert done.outcome == "done" and done.facts["through"] == FIRST + 6
    whole = accuracy.together(accuracy.read(shop.database, "sales", grouping=""))
    assert whole.points == 20 * (6 + 5 + 4)
    assert whole.scaled_error < whole.naive_scaled_error
    assert 0.7 < whole.coverage["80"] < 0.9
    before = accuracy.read(shop.database, "sales")
    assert shop.monitor.tick().outcome == "nothing"
    assert shop.monitor.tick(everything=True).outcome == "done"
    assert accuracy.read(shop.database, "sales") == before
    assert {one.grouping for one in before} == {"", "horizon", "shop"}
    assert {one.text for one in before if one.grouping == "horizon"} == {"1", "2-3"}


def test_the_sums_are_those_of_the_points(shop):
    shop.months(2)
    shop.monitor.tick()
    (one,) = [
        row
        for row in accuracy.read(shop.database, "sales", grouping="horizon", text="1")
        if row.first == FIRST + 2
    ]
    at = FIRST + 2
    errors = -(shop.noise[:, at - FIRST + 80])
    actual = shop.values([at])[:, 0]
    assert one.points == 20
    assert one.wape == pytest.approx(np.abs(errors).sum() / np.abs(actual).sum(), rel=1e-4)
    assert one.bias == pytest.approx(errors.sum() / np.abs(actual).sum(), abs=1e-6)
    assert one.coverage["80"] == np.mean(np.abs(errors) <= 1.28)
    history = shop.values(np.arange(at - 24, at))
    scale = np.abs(history[:, 12:] - history[:, :-12]).mean(1)
    assert one.scaled_error == pytest.approx(np.mean(np.abs(errors) / scale), rel=1e-3)
    naive = np.abs(history[:, 12] - actual)
    assert one.naive_wape == pytest.approx(naive.sum() / np.abs(actual).sum(), rel=1e-3)


def test_late_partial_and_revised_values_are_counted_as_they_land(shop):
    shop.forecast(FIRST)
    shop.land(FIRST + 1, rows=range(5))
    shop.monitor.tick()
    (one,) = accuracy.read(shop.database, "sales", grouping="")
    assert one.points == 5
    shop.land(FIRST + 1, rows=range(5, 20))
    shop.monitor.tick()
    (two,) = accuracy.read(shop.database, "sales", grouping="")
    assert two.points == 20
    shop.land(FIRST + 1, rows=[0], as_of=2**52, add=100.0)
    shop.monitor.tick()
    (three,) = accuracy.read(shop.database, "sales", grouping="")
    assert three.points == 20 and three.sums["absolute"] > two.sums["absolute"] + 90


def test_a_shift_is_seen_its_alarm_kept_and_closed_again(shop):
    shop.backtest()
    shop.months(3)
    shop.monitor.tick()
    assert alarms.active(shop.database, "sales") == []
    shop.shift[:, 80 + 4 :] = 1.5
    opened = None
    for month in range(3, 9):
        shop.months(1, FIRST + month)
        shop.monitor.tick()
        panel = [a for a in alarms.active(shop.database, "sales") if a.scope == "panel"]
        opened = opened or (panel and panel[0])
    assert opened and opened.step <= FIRST + 9 and opened.score > opened.threshold
    assert "over the whole panel" in opened.reason and "less above" in opened.reason
    kept = [a for a in alarms.active(shop.database, "sales") if a.id == opened.id]
    assert kept and kept[0].seen_at > kept[0].opened_at
    shop.shift[:, 80 + 10 :] = 0  # as it was
    shop.months(40, FIRST + 9)
    shop.monitor.tick()
    assert [a for a in alarms.active(shop.database, "sales") if a.scope == "panel"] == []
    scores = alarms.scores(shop.database, "sales", 1)
    assert {one.kind for one in scores} == {"level", "size"}
    assert min(one.p for one in scores) <= 0.0125


def test_a_shift_of_one_shop_names_it(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path)
    shop.backtest()
    shop.shift[::4, 80 + 2 :] = 4.0
    shop.months(8)
    shop.monitor.tick()
    groups = [a for a in alarms.active(shop.database, "sales") if a.scope == "groups"]
    assert groups[0].concerned[0] == {"shop": "a"}
    series = [a for a in alarms.active(shop.database, "sales") if a.scope == "series"]
    assert {key["shop"] for key in series[0].concerned} == {"a"}


def test_nothing_changes_and_nothing_is_said(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path, seed=5)
    shop.backtest()
    for month in range(12):
        shop.months(1, FIRST + month)
        assert shop.monitor.tick().facts["alarms"] == 0


def test_without_a_backtest_the_first_months_are_the_reference(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path)
    shop.months(10)
    assert shop.monitor.tick().facts["reference"]["looks"] < 12
    shop.shift[:, 80 + 14 :] = 3.0
    shop.months(14, FIRST + 10)
    assert shop.monitor.tick().facts["reference"]["looks"] == 12
    assert alarms.active(shop.database, "sales")


def test_a_clock_that_jumps_breaks_nothing(sqlite, tmp_path, monkeypatch):
    shop = Shop(sqlite, tmp_path)
    shop.months(2)
    day = 86_400_000_000
    from loopcast.monitoring import tick
    from loopcast.store import actuals, clock, leases

    for jump in (400 * day, -400 * day, 0):
        for place in (actuals, leases, tick):
            monkeypatch.setattr(place, "now", lambda jump=jump: clock.now() + jump)
        shop.months(1, FIRST + 2 + abs(jump) // (400 * day) + (jump < 0))
        assert shop.monitor.tick().outcome == "done"
    assert ticks.last(shop.database, "sales").facts["landed"] > 0


def test_of_two_ticks_at_once_one_does_nothing(shop):
    shop.months(2)
    with held(shop.database, "monitor:sales") as lease:
        assert lease is not None
        busy = shop.monitor.tick()
    assert busy.outcome == "busy" and busy.facts["holder"]
    outcomes = []
    other = Monitor(shop.database, "sales", shop.monitor.rules)
    threads = [
        threading.Thread(target=lambda m=m: outcomes.append(m.tick().outcome))
        for m in (shop.monitor, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) in (["busy", "done"], ["done", "nothing"])


def test_ranges_are_learnt_and_a_tick_twice_adds_no_state(shop):
    for origin in range(FIRST, FIRST + 30):
        shop.forecast(origin, width=0.5)
        shop.land(origin + 1)
    shop.monitor.tick()
    found = calibrations.latest(shop.database, "sales", 1)
    low, middle, high = found.state["groups"][""][0]
    assert low < -0.2 and middle == 0 and high > 0.2 and found.through == FIRST + 30
    shop.monitor.tick(everything=True)
    assert calibrations.latest(shop.database, "sales", 1).id == found.id


def test_coverage_is_told_beside_its_objective(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path, count=60)
    shop.forecast(FIRST)
    shop.land(FIRST + 1)
    assert shop.monitor.tick().facts["coverage"]["80"]["met"] is None  # 60 points cannot tell
    shop.months(20, FIRST + 1)
    found = shop.monitor.tick().facts["coverage"]["80"]
    assert found["met"] is True and abs(found["coverage"] - 0.8) < 0.03
    for origin in range(FIRST + 21, FIRST + 34):
        shop.forecast(origin, width=0.7)
        shop.land(origin + 1)
    assert shop.monitor.tick().facts["coverage"]["80"]["met"] is False


def test_no_promoted_version_is_no_failure(url, tmp_path):
    from loopcast.monitoring.rules import rules
    from loopcast.store.database import connect, migrate

    database = connect(url)
    migrate(database)
    assert Monitor(database, "none", rules({})).tick().outcome == "nothing"
    database.close()


def test_forecasts_of_what_the_version_has_learned_are_no_service(shop):
    card = {"data": {"train": FIRST - 3, "validation": FIRST}}
    shop.path.write_bytes(b"two")
    shop.registry.promote(shop.registry.register(shop.path, TASK, card).version)
    shop.backtest(version=2)
    for origin in range(FIRST, FIRST + 6):
        shop.forecast(origin, version=2)
        shop.land(origin + 1)
    before = shop.monitor.tick()
    for origin in (FIRST - 40, FIRST - 3):  # by hand, years back
        shop.forecast(origin, version=2)
        for step in range(origin + 1, origin + 4):
            shop.land(step)
    after = shop.monitor.tick(everything=True)
    assert after.facts["reference"] == before.facts["reference"]
    assert min(one.first for one in accuracy.read(shop.database, "sales")) > FIRST


def test_what_was_numbered_early_and_committed_late_is_news(shop):
    shop.months(1)
    mark = news(shop.database, "sales", 0).landed
    (step,) = news(shop.database, "sales", mark, looked=now()).steps
    assert step == FIRST + 1
    assert not len(news(shop.database, "sales", mark, looked=now() + 2 * LATE).steps)


def test_series_of_their_own_origins_are_all_service(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path)
    shop.path.write_bytes(b"two")
    task = {**TASK, "origins": "own"}
    card = {"data": {"train": FIRST + 40, "validation": FIRST + 50}}  # of the longest series
    shop.registry.promote(shop.registry.register(shop.path, task, card).version)
    shop.forecast(FIRST, version=2)
    shop.land(FIRST + 1)
    shop.monitor.tick()
    assert accuracy.together(accuracy.read(shop.database, "sales", grouping="")).points == 20


def test_a_period_whose_values_were_withdrawn_is_measured_no_more(shop):
    shop.months(1)
    shop.monitor.tick()
    assert accuracy.read(shop.database, "sales")
    shop.actuals.add([Actual(text, FIRST + 1, None) for text in shop.texts(range(20))])
    shop.monitor.tick()
    assert accuracy.read(shop.database, "sales") == []


def test_looks_of_which_nothing_is_known_are_completed_by_service(sqlite, tmp_path):
    """A retraining keeps errors of its few held-out steps alone, from origins of long before."""
    shop = Shop(sqlite, tmp_path)
    shop.backtest(months=14)
    known = backtests.read(shop.database, "sales", 1)
    ahead = known.origin[:, None] + np.arange(1, 4)
    few = np.where(ahead > FIRST - 3, known.errors, np.nan).astype(np.float32)
    backtests.write(shop.database, "sales", 1, Backtest(known.keys, known.origin, few))
    shop.shift[:, 80 + 14 :] = 3.0
    shop.months(24)
    found = shop.monitor.tick().facts["reference"]
    assert found["looks"] == 12 and found["series"] == 20
    assert alarms.active(shop.database, "sales")


def test_a_measurement_is_not_worn_away_with_the_ledger(sqlite, tmp_path, monkeypatch):
    monkeypatch.setattr("loopcast.store.news.LATE", 0)  # what came is no news any more
    shop = Shop(sqlite, tmp_path)
    shop.months(6)
    shop.monitor.tick()
    before = [
        one for one in accuracy.read(shop.database, "sales", grouping="") if one.first == FIRST + 2
    ]
    with shop.database.writing() as connection:  # as retention does, but for one forecast
        connection.execute(sa.delete(forecasts).where(forecasts.c.origin < FIRST + 1))
    shop.months(1, FIRST + 6)
    shop.monitor.tick()
    after = [
        one for one in accuracy.read(shop.database, "sales", grouping="") if one.first == FIRST + 2
    ]
    assert after == before


def test_other_rules_of_alarms_wear_nothing_away_either(sqlite, tmp_path, monkeypatch):
    monkeypatch.setattr("loopcast.store.news.LATE", 0)
    shop = Shop(sqlite, tmp_path)
    shop.months(6)
    covered = shop.monitor.tick().facts["coverage"]
    before = accuracy.read(shop.database, "sales", grouping="")
    with shop.database.writing() as connection:
        connection.execute(sa.delete(forecasts).where(forecasts.c.origin < FIRST + 3))
    shop.monitor = Monitor(shop.database, "sales", rules({"alpha": 0.01}))
    done = shop.monitor.tick()
    assert done.outcome == "done" and done.facts["coverage"] == covered
    assert accuracy.read(shop.database, "sales", grouping="") == before
