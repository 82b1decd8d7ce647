import json
import threading
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from loopcast.store.actuals import Actual, Actuals, Conflict
from loopcast.store.clock import instant, iso
from loopcast.store.ledger import Answer, Ledger, answer_id
from loopcast.store.matching import matched
from loopcast.store.registry import Registry
from loopcast.store.series import SeriesNumbers, key_text

LEVELS = (0.1, 0.5, 0.9)
TASK = {"series": ["shop"], "frequency": "MS", "history": 4, "horizon": 3, "quantiles": LEVELS}


@pytest.fixture
def ledger(database, tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"one")
    Registry(database, "sales").register(path, TASK, {})
    path.write_bytes(b"two")
    Registry(database, "sales").register(path, TASK, {})
    return Ledger(database, "sales")


def key(name):
    return key_text({"shop": name})


def answer(*names, origin=100, version=1, level=10.0, given_at=1_000):
    count = len(names)
    quantiles = np.full((count, 3, 3), level, np.float32) + np.arange(3, dtype=np.float32)
    return Answer(
        answer_id(), given_at, version, 2, (0.5,), [key(n) for n in names], [origin] * count,
        quantiles, np.full((count, 4), 7, np.float32), ["sent"] * count, [["short history"]] * count,
        "r1", "someone", "d",
    )  # fmt: skip


def test_an_answer_is_read_back_as_it_was_given(ledger):
    given = answer("a", "b")
    ledger.record([given, answer("c")])
    found = ledger.answer(given.id)
    assert [dict(one.key) for one in found.forecasts] == [{"shop": "a"}, {"shop": "b"}]
    assert found.horizon == 2 and found.levels == (0.5,)
    assert (found.forecasts[1].quantiles == given.quantiles[1]).all()
    assert found.forecasts[0].warnings == ["short history"] and found.forecasts[0].origin == 100
    assert ledger.answer(answer_id()) is None


def test_ids_rise_with_time_and_are_all_different():
    ids = [answer_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert sorted(i[:13] for i in ids) == [i[:13] for i in ids]


def test_sending_the_same_actual_twice_adds_nothing(ledger):
    actuals = Actuals(ledger.database, "sales")
    value = Actual(key("a"), 101, 5.0, as_of=50)
    assert actuals.add([value, value]) == 1
    assert actuals.add([value]) == 0
    assert actuals.add([Actual(key("a"), 101, 5.0)]) == 0  # no as_of: nothing new is said


def test_another_value_under_the_same_as_of_is_refused_and_nothing_is_kept(ledger):
    actuals = Actuals(ledger.database, "sales")
    actuals.add([Actual(key("a"), 101, 5.0, as_of=50)])
    with pytest.raises(Conflict) as error:
        actuals.add([Actual(key("new"), 101, 1.0, as_of=50), Actual(key("a"), 101, 6.0, as_of=50)])
    assert error.value.rows == [1]
    assert actuals.read([key("new")]) == {}


def test_a_past_state_of_knowledge_can_be_read_back(ledger):
    actuals = Actuals(ledger.database, "sales")
    actuals.add([Actual(key("a"), 101, 5.0, as_of=50)])
    actuals.add([Actual(key("a"), 101, 6.0, as_of=70), Actual(key("a"), 102, 1.0, as_of=60)])
    actuals.add([Actual(key("a"), 101, 5.5, as_of=55)])  # an older vintage that comes later
    now = actuals.read([key("a"), key("b")])
    assert now[key("a")].value.tolist() == [6.0, 1.0] and key("b") not in now
    assert actuals.read([key("a")], as_of=56)[key("a")].value.tolist() == [5.5]


def test_values_match_by_series_origin_and_horizon_as_they_land(ledger):
    ledger.record([answer("a", "b", origin=100), answer("a", origin=101)])
    actuals = Actuals(ledger.database, "sales")
    assert np.isnan(matched(ledger)[0].actual).all()
    actuals.add([Actual(key("a"), 102, 5.0, as_of=50), Actual(key("z"), 102, 9.0, as_of=50)])
    found = matched(ledger)[0]
    by = {(k["shop"], o): a for k, o, a in zip(found.keys, found.origin, found.actual, strict=True)}
    assert np.array_equal(by["a", 100], [np.nan, 5, np.nan], equal_nan=True)
    assert np.array_equal(by["a", 101], [5, np.nan, np.nan], equal_nan=True)
    assert np.isnan(by["b", 100]).all()
    actuals.add([Actual(key("a"), 102, 4.0, as_of=60), Actual(key("b"), 103, 8.0, as_of=60)])
    found = matched(ledger)[0]
    assert np.nansum(found.actual) == 4 + 4 + 8 and found.as_of.max() == 60
    assert np.nansum(matched(ledger, as_of=50)[0].actual) == 10


def test_a_forecast_of_steps_whose_values_are_known_is_matched_too(ledger):
    Actuals(ledger.database, "sales").add([Actual(key("a"), 101, 5.0)])
    ledger.record([answer("a", origin=100)])
    assert matched(ledger)[0].actual[0, 0] == 5


def test_a_withdrawn_value_is_no_value(ledger):
    ledger.record([answer("a")])
    actuals = Actuals(ledger.database, "sales")
    actuals.add([Actual(key("a"), 101, 5.0, as_of=50)])
    actuals.add([Actual(key("a"), 101, None, as_of=60)])
    assert np.isnan(matched(ledger)[0].actual).all()


def test_of_repeated_forecasts_the_newest_counts_for_each_version(ledger):
    ledger.record([answer("a", level=1, given_at=1), answer("a", level=2, given_at=2)])
    ledger.record([answer("a", level=3, version=2, given_at=3)])
    found = matched(ledger)
    assert [(m.version, m.quantiles[0, 0, 0]) for m in found] == [(1, 2), (2, 3)]
    assert len(matched(ledger, repeated=True)[0]) == 2
    assert [m.version for m in matched(ledger, version=2)] == [2]


def test_only_what_is_new_since_an_instant_can_be_asked_for(ledger):
    ledger.record([answer("a", "b")])
    actuals = Actuals(ledger.database, "sales")
    actuals.add([Actual(key("a"), 101, 5.0)])
    before = instant("2000-01-01T00:00:00Z")
    assert [k["shop"] for k in matched(ledger, landed_after=before)[0].keys] == ["a"]
    assert matched(ledger, landed_after=instant("2100-01-01")) == []


def test_two_writers_at_once_lose_nothing(ledger):
    def write(number):
        own = Ledger(ledger.database, "sales")
        for i in range(20):
            own.record([answer(f"s{i}", f"s{number}-{i}", origin=i)])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(matched(ledger, repeated=True)[0]) == 4 * 20 * 2
    with ledger.database.reading() as connection:
        names = ledger.series.known(connection, [key(f"s{i}") for i in range(20)])
    assert len(set(names.values())) == 20


def test_a_failed_transaction_leaves_no_number_behind(ledger):
    broken = answer("fresh")
    with pytest.raises(Exception, match=r"."):
        ledger.record([broken, broken])
    ledger.record([answer("fresh")])
    assert [k["shop"] for k in matched(ledger)[0].keys] == ["fresh"]


def test_a_ledger_of_another_model_is_not_seen(ledger):
    ledger.record([answer("a")])
    other = Ledger(ledger.database, "other")
    assert matched(other) == [] and other.last_given() is None and ledger.last_given() == 1_000


def test_instants_read_back():
    assert iso(instant("2019-02-03T01:00:00.5+01:00")) == "2019-02-03T00:00:00.500000Z"
    assert json.loads(key_text({"a": "ü"})) == {"a": "ü"}


def test_the_models_own_quantiles_are_kept_beside_recalibrated_ones(ledger):
    plain, wide = answer("a"), answer("b")
    own = wide.quantiles.copy()
    ledger.record([plain, replace(wide, quantiles=own + 1, own=own)])
    (part,) = matched(ledger)
    assert (part.own[0] == part.quantiles[0]).all()
    assert (part.own[1] == own).all() and (part.quantiles[1] == own + 1).all()


def test_a_number_that_another_transaction_undoes_is_not_used(database):
    numbers = SeriesNumbers(database, "sales")
    given, go_on = threading.Event(), threading.Event()

    def undone():
        with suppress(ZeroDivisionError), database.writing() as connection:
            numbers.of(connection, ['{"k":"a"}'])
            given.set()
            go_on.wait(5)
            raise ZeroDivisionError
        numbers.drop()

    thread = threading.Thread(target=undone)
    thread.start()
    given.wait(5)
    assert '{"k":"a"}' not in numbers._fresh
    go_on.set()
    thread.join()
    with database.writing() as connection:
        (number,) = numbers.of(connection, ['{"k":"a"}'])
    numbers.keep()
    with database.reading() as connection:
        assert numbers.known(connection, ['{"k":"a"}']) == {'{"k":"a"}': number}
