"""What monitoring writes and others read."""

from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from loopcast.core.frequency import Frequency
from loopcast.store import accuracy, alarms, backtests, calibrations, ticks
from loopcast.store.accuracy import SUMS, Accuracy
from loopcast.store.alarms import Alarm, Score
from loopcast.store.backtests import Backtest
from loopcast.store.news import News
from loopcast.store.schema import alarms as table
from loopcast.store.ticks import Tick


def period(first, absolute, points=4, grouping="", text=""):
    sums = dict.fromkeys(SUMS, 0.0) | {"absolute": absolute, "actual": 40.0, "scaled": absolute}
    sums["scaled_points"] = points
    return Accuracy(2, first, first + 1, grouping, text, points, sums, {"80": 3})


def test_periods_are_replaced_and_add_up(database):
    with database.writing() as connection:
        accuracy.replace(connection, "m", [10, 12], [period(10, 4.0), period(12, 8.0)])
        accuracy.replace(connection, "other", [10], [period(10, 99.0)])
    with database.writing() as connection:
        accuracy.replace(connection, "m", [12], [period(12, 6.0)])
    found = accuracy.read(database, "m", version=2, grouping="")
    assert [one.first for one in found] == [10, 12]
    whole = accuracy.together(found)
    assert whole.wape == pytest.approx(10 / 80) and whole.scaled_error == pytest.approx(10 / 8)
    assert whole.coverage == {"80": 6 / 8} and (whole.first, whole.last) == (10, 13)
    assert accuracy.together([]) is None
    assert [one.first for one in accuracy.read(database, "m", first=11)] == [12]
    longer = replace(period(10, 9.0), last=14)  # of another length: nothing counts twice
    with database.writing() as connection:
        accuracy.replace(connection, "m", [10], [longer])
    assert [(one.first, one.last) for one in accuracy.read(database, "m")] == [(10, 14)]


def alarm(kind="level", scope="panel", score=5.0, **more):
    return Alarm(1, kind, scope, 100, score, 3.0, "errors rose", **more)


def test_an_alarm_opens_is_kept_and_closes(database):
    def settle(*seen):
        with database.writing() as connection:
            return alarms.settle(connection, "m", seen)

    first = settle(alarm(), alarm("size", "series", concerned=[{"shop": "a"}]))
    assert [one.kind for one in first.opened] == ["level", "size"]
    second = settle(alarm(score=7.0))
    assert [one.score for one in second.kept] == [7.0] and second.closed[0].kind == "size"
    (open_,) = alarms.active(database, "m")
    assert open_.id == first.opened[0].id and open_.open and open_.score == 7.0
    closed = alarms.recent(database, "m")[0]
    assert closed.closed_at and closed.concerned == [{"shop": "a"}]
    again = settle(alarm(), alarm("size", "series"))
    assert again.opened[0].id not in {one.id for one in first.opened}
    assert alarms.active(database, "other") == []


def test_the_webhook_is_told_each_state_once(database):
    with database.writing() as connection:
        alarms.settle(connection, "m", [alarm()])
    (one,) = alarms.untold(database, "m")
    alarms.tell(database, one)
    assert alarms.untold(database, "m") == []
    with database.writing() as connection:
        alarms.settle(connection, "m", [])
    (closed,) = alarms.untold(database, "m")
    assert not closed.open
    alarms.tell(database, closed)
    assert alarms.untold(database, "m") == []


def test_one_alarm_of_a_kind_is_open_at_a_time(database):
    with database.writing() as connection:
        alarms.settle(connection, "m", [alarm()])
    with pytest.raises(sa.exc.IntegrityError), database.engine.begin() as connection:
        (row,) = connection.execute(sa.select(table)).mappings().all()
        connection.execute(sa.insert(table).values({**row, "id": 99}))


def test_scores_are_replaced_with_their_version(database):
    one = [Score(1, "level", step, 0.1, 2.0, 0.5, 0.025) for step in (5, 6)]
    with database.writing() as connection:
        alarms.write_scores(connection, "m", 1, one)
        alarms.write_scores(connection, "m", 2, [Score(2, "level", 6, None, None, 1.0, 0.025)])
    with database.writing() as connection:
        alarms.write_scores(connection, "m", 1, one[:1])
    assert alarms.scores(database, "m", 1) == one[:1]
    assert len(alarms.scores(database, "m", 2, first=6)) == 1


def test_backtests_come_back_as_they_were_and_may_be_written_again(database):
    assert backtests.read(database, "m", 1) is None
    errors = np.array([[0.5, np.nan], [1.0, 2.0]], np.float32)
    found = Backtest(['{"shop":"b"}', '{"shop":"a"}'], np.array([7, 7]), errors)
    backtests.write(database, "m", 1, found)
    backtests.write(database, "m", 1, Backtest(found.keys[1:], found.origin[1:], errors[1:] + 1))
    back = backtests.read(database, "m", 1)
    by = dict(zip(back.keys, back.errors.tolist(), strict=True))
    assert by['{"shop":"a"}'] == [2.0, 3.0] and by['{"shop":"b"}'][0] == 0.5
    assert back.origin.tolist() == [7, 7] and backtests.read(database, "m", 2) is None


def test_a_calibration_that_says_nothing_new_is_not_added(database):
    for through, state, new in ((5, {"a": 1.5}, True), (5, {"a": 1.5}, False), (6, {"a": 2}, True)):
        with database.writing() as connection:
            assert calibrations.write(connection, "m", 1, through, state) == new
    assert calibrations.latest(database, "m", 1).state == {"a": 2}
    assert calibrations.latest(database, "m", 2) is None


def test_the_last_tick_is_read_and_old_ones_go(database, monkeypatch):
    monkeypatch.setattr(ticks, "KEPT", 2)
    assert ticks.last(database, "m") is None
    for at, outcome in ((1, "done"), (2, "nothing"), (3, "nothing"), (4, "nothing")):
        with database.writing() as connection:
            ticks.write(connection, "m", Tick(at, 0.1, outcome, {"through": at}))
    assert ticks.last(database, "m").facts == {"through": 4}
    assert ticks.last(database, "m", "done").facts == {"through": 1}  # the next one goes by it
    assert [tick.at for tick in ticks.recent(database, "m")] == [4, 3, 1]


def test_how_late_values_come_is_told_by_the_clock_of_the_zone():
    frequency = Frequency.parse("D")
    step = int(frequency.index(np.array(["2024-01-10"], "M8[s]"))[0])
    empty = np.zeros(0, np.int64)
    for zone, end in ((None, "2024-01-11T00:00"), ("America/Los_Angeles", "2024-01-11T08:00")):
        came = int(np.datetime64(end, "us").astype(np.int64)) + 300_000_000
        news = News(1, 0, 1, empty, empty, 1, np.array([[step, came]]))
        assert news.lag(frequency, zone) == 300.0
    last = int(frequency.index(np.array(["9999-12-31"], "M8[s]"))[0])
    placeholder = News(1, 0, 1, empty, empty, 1, np.array([[last, came]]))
    assert placeholder.lag(frequency, "Europe/Berlin") is None


def test_the_last_tick_that_measured_is_kept(database):
    with database.writing() as connection:
        ticks.write(connection, "m", Tick(1, 0.0, "done", {}))
        for at in range(5):
            ticks.write(connection, "other", Tick(at, 0.0, "done", {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ticks, "KEPT", 3)
        for at in range(6):
            with database.writing() as connection:
                ticks.write(connection, "m", Tick(at, 0.0, "nothing", {}))
    assert ticks.last(database, "m", "done") is not None
    assert len(ticks.recent(database, "m")) == 4 and len(ticks.recent(database, "other")) == 5


def test_a_webhook_that_comes_later_is_not_told_of_what_ended_long_ago(database, monkeypatch):
    alarm = Alarm(1, "shift", "panel", 5, 3.0, 2.0, "above")
    with database.writing() as connection:
        alarms.settle(connection, "m", [alarm])
    assert len(alarms.untold(database, "m")) == 1
    with database.writing() as connection:
        alarms.settle(connection, "m", [])
    assert [one.open for one in alarms.untold(database, "m")] == [False]
    later = alarms.now() + 2 * alarms.NEWS
    monkeypatch.setattr(alarms, "now", lambda: later)
    assert alarms.untold(database, "m") == []
