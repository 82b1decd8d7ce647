"""What goes wrong around the service ends in a clear state, is said, and loses nothing."""

import logging
import re
import threading
import time
import uuid

import private_postgres
import pytest
import sqlalchemy as sa
from tiny_service import one, problem, ready, running

from loopcast.service import app, writer
from loopcast.store import clock, ledger
from loopcast.store.actuals import Actual, Actuals
from loopcast.store.database import connect, migrate
from loopcast.store.matching import matched


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of this module's own, since it is stopped."""
    initdb, control = private_postgres.program("initdb"), private_postgres.program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("PostgreSQL is not installed: initdb and pg_ctl are not there")
    with private_postgres.private(initdb, control) as found:
        yield found


@pytest.fixture
def store(server):
    name = f"t{uuid.uuid4().hex[:12]}"
    return {"url": private_postgres.create(server.address, name)}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(writer, "RESTING", 0.3)


def metric(service, name):
    text = service.client.get("/metrics").text
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


def wait_for(what, seconds=10.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def value(number=5.0):
    return {"key": {"shop": "a", "item": "x"}, "time": "2018-09-01", "value": number}


def kept(service, answer):
    return service.client.get(f"/v1/forecasts/{answer['id']}").status_code == 200


def test_a_database_that_is_down_is_said_and_comes_back_with_everything(
    tmp_path, server, store, caplog
):
    with running(tmp_path, store=store) as service:
        before = service.forecast({"series": [one()]})
        server.stop()
        try:
            begin = time.monotonic()
            refused = service.client.post("/v1/forecast", json={"series": [one()]})
            assert "127.0.0.1" not in problem(refused, 503)["detail"]
            assert refused.headers["retry-after"] == "1" and time.monotonic() - begin < 5
            problem(service.client.post("/v1/actuals", json={"actuals": [value()]}), 503)
            problem(service.client.get(f"/v1/forecasts/{before['id']}"), 503)
            problem(service.client.get("/v2/health/ready"), 503)
            assert service.client.get("/v2/health/live").status_code == 200
            wait_for(lambda: metric(service, "loopcast_store_up") == 0)
            assert metric(service, "loopcast_ledger_refused_answers_total") == 1
            assert any("the ledger refuses 1 answers" in one.message for one in caplog.records)
        finally:
            server.start()
        wait_for(lambda: ready(service.client))
        after = service.forecast({"series": [one()]})
        assert kept(service, before) and kept(service, after)
        wait_for(lambda: metric(service, "loopcast_store_up") == 1)
        sent = service.client.post("/v1/actuals", json={"actuals": [value()]})
        assert sent.json()["new"] == 1
        assert any("takes answers again" in one.message for one in caplog.records)


def test_a_database_that_is_slow_makes_requests_wait_or_end_and_loses_none(tmp_path, store):
    with running(tmp_path, store=store, limits={"seconds": 1.0}) as service:
        first = service.forecast({"series": [one()]})
        other = sa.create_engine(store["url"])
        answers = []

        def ask():
            answers.append(service.client.post("/v1/forecast", json={"series": [one()]}))

        for pause, status in ((0.4, 200), (1.6, 503)):
            with other.begin() as connection:
                connection.execute(sa.text("lock table forecasts in access exclusive mode"))
                thread = threading.Thread(target=ask)
                thread.start()
                time.sleep(pause)
            thread.join()
            assert answers[-1].status_code == status, answers[-1].text
        other.dispose()
        last = service.forecast({"series": [one()]})
        assert all(kept(service, each) for each in (first, answers[0].json(), last))


def test_a_full_disk_refuses_forecasts_says_so_and_loses_none(tmp_path, caplog):
    with running(tmp_path) as service:
        before = service.forecast({"series": [one()]})
        room = []

        @sa.event.listens_for(service.parts.database.engine, "connect")
        def full(connection, _):
            pages = connection.execute("pragma page_count").fetchone()[0] + 3
            connection.execute(f"pragma max_page_count = {room[0] if room else pages}")

        service.parts.database.close()
        many, given, refused = {"series": [one(str(i)) for i in range(200)]}, [before], None
        for _ in range(20):
            answer = service.client.post("/v1/forecast", json=many)
            if answer.status_code != 200:
                refused = answer
                break
            given.append(answer.json())
        problem(refused, 503)
        assert any("full" in one.message for one in caplog.records)
        problem(service.client.get("/v2/health/ready"), 503)
        assert all(kept(service, each) for each in given)  # what was answered is there
        room.append(10**6)
        service.parts.database.close()
        wait_for(lambda: ready(service.client))  # one may try again
        given.append(service.forecast(many))
        assert all(kept(service, each) for each in given)
        assert ready(service.client)


def test_a_clock_that_jumps_loses_no_forecast_and_no_value(tmp_path, monkeypatch):
    real, jump = time.time_ns, [0]

    class Clock:
        time_ns = staticmethod(lambda: real() + jump[0])

    monkeypatch.setattr(clock, "time", Clock)
    monkeypatch.setattr(ledger, "time", Clock)
    day = 86_400 * 10**9
    with running(tmp_path) as service:
        given = []
        for days, number in ((0, 1.0), (-30, 2.0), (4000, 3.0), (0, 4.0)):
            jump[0] = days * day
            given.append(service.forecast({"series": [one()]})["id"])
            sent = service.client.post("/v1/actuals", json={"actuals": [value(number)]})
            assert sent.json()["new"] == 1
            (found,) = matched(service.parts.ledger)
            assert found.actual[0, 0] == number  # the newest word counts, whatever the clock says
        (every,) = matched(service.parts.ledger, repeated=True)
        assert sorted(every.answers) == sorted(given) and len(set(given)) == 4
        assert all(uuid.UUID(each).version == 7 for each in given)


def test_a_value_said_again_after_the_clock_went_back_is_no_news(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/ledger.db")
    migrate(database)
    actuals = Actuals(database, "tiny")
    ahead = clock.now() + 10**12
    assert actuals.add([Actual("{}", 5, 1.0, ahead)]) == 1
    assert actuals.add([Actual("{}", 5, 1.0)]) == 0
    assert actuals.add([Actual("{}", 5, 2.0)]) == 1
    assert actuals.read(["{}"])["{}"].value.tolist() == [2.0]
    database.close()


def test_after_a_jump_of_the_clock_nothing_is_thinned(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    years = [0]
    monkeypatch.setattr(app, "THINNING", 0.05)
    monkeypatch.setattr(app, "now", lambda: clock.now() + years[0] * 365 * 86_400 * 10**6)
    thinned = []
    monkeypatch.setattr(app, "thin", lambda *_: thinned.append(years[0]))
    with running(tmp_path, retention={"forecasts": 30}):
        wait_for(lambda: thinned)
        years[0] = 10
        wait_for(lambda: any("clock has jumped" in one.message for one in caplog.records))
        time.sleep(0.2)
        years[0] = 0
        count = len(thinned)
        wait_for(lambda: len(thinned) > count)
    assert set(thinned) == {0}
