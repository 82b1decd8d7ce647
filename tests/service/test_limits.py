import gzip
import json
import socket
import threading
import time
import zlib

import pytest
from tiny_service import one, problem, running

JSON = {"content-type": "application/json"}
BODY = json.dumps({"series": [one()]}).encode()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    limits = {
        "body_bytes": 2000, "decompressed_bytes": 5000, "series": 3, "rows": 30, "actuals": 2,
        "horizon": 2, "seconds": 0.5, "concurrency": 2,
    }  # fmt: skip
    with running(tmp_path_factory.mktemp("small"), limits=limits) as found:
        yield found


def post(service, content, **headers):
    return service.client.post("/v1/forecast", content=content, headers={**JSON, **headers})


def test_a_body_that_says_it_is_too_large_is_refused(small):
    problem(post(small, BODY + b" " * 3000), 413)


def test_a_body_that_says_nothing_of_its_size_is_counted_while_it_is_read(small):
    problem(post(small, iter([BODY, *[b" " * 500] * 10])), 413)
    assert post(small, iter([BODY, b" " * 500])).status_code == 200


def test_packed_bodies_are_counted_as_they_unpack(small):
    assert post(small, gzip.compress(BODY), **{"content-encoding": "gzip"}).status_code == 200
    bomb = gzip.compress(b" " * 1_000_000)
    assert len(bomb) < 2000
    problem(post(small, bomb, **{"content-encoding": "gzip"}), 413)


@pytest.mark.parametrize(
    "content", [b"plain", gzip.compress(BODY)[:-4], gzip.compress(BODY) * 2, zlib.compress(BODY)]
)
def test_packed_bodies_that_are_none_are_refused(small, content):
    problem(post(small, content, **{"content-encoding": "gzip"}), 400)


def test_other_encodings_and_types_are_refused(small):
    problem(post(small, BODY, **{"content-encoding": "br"}), 415)
    problem(
        small.client.post("/v1/forecast", content=BODY, headers={"content-type": "text/plain"}), 415
    )
    problem(small.client.post("/v1/forecast", data={"series": "x"}), 415)


def test_numbers_of_series_rows_actuals_and_steps_are_limited(small):
    problem(post(small, json.dumps({"series": [one(target=[1])] * 4})), 413)
    problem(post(small, json.dumps({"series": [one(target=[1] * 31)]})), 413)
    rows = [{"shop": s, "item": "x", "month": "2018-01-01", "sales": 1} for s in "abcd"]
    problem(post(small, json.dumps({"rows": rows})), 413)
    problem(post(small, json.dumps({"series": [one()], "horizon": 3})), 422, "/horizon")
    assert small.forecast({"series": [one()]})["forecasts"][0]["times"][1:] == ["2018-10-01"]
    value = {"key": {"shop": "a", "item": "x"}, "time": "2018-01-01", "value": 1}
    answer = small.client.post("/v1/actuals", json={"actuals": [value] * 3})
    problem(answer, 413)


def test_a_body_that_drips_is_given_up(small):
    with socket.create_connection(("127.0.0.1", small.port), timeout=5) as connection:
        head = "POST /v1/forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n".encode() + b'{"series"')
        begin = time.monotonic()
        answer = connection.recv(4000)
    assert b" 503 " in answer and 0.3 < time.monotonic() - begin < 3


def test_more_requests_at_one_time_are_sent_away_and_later_served(small):
    held = [socket.create_connection(("127.0.0.1", small.port), timeout=5) for _ in range(2)]
    head = b"POST /v1/forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    for connection in held:
        connection.sendall(head)
    time.sleep(0.1)
    busy = post(small, BODY)
    problem(busy, 429)
    assert busy.headers["retry-after"] == "1"
    assert small.client.get("/v2/health/live").status_code == 200
    for connection in held:
        connection.close()
    time.sleep(0.1)
    assert post(small, BODY).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(small, monkeypatch):
    ledger = small.parts.ledger
    record = ledger.record
    monkeypatch.setattr(ledger, "record", lambda given: (time.sleep(1.2), record(given)))
    begin = time.monotonic()
    problem(post(small, BODY), 503)
    assert time.monotonic() - begin < 1.1
    time.sleep(1)


def test_requests_that_are_ready_together_share_a_transaction(service, monkeypatch):
    ledger, groups = service.parts.ledger, []
    record = ledger.record
    monkeypatch.setattr(
        ledger, "record", lambda given: (groups.append(len(given)), time.sleep(0.05), record(given))
    )
    threads = [
        threading.Thread(target=lambda: service.forecast({"series": [one()]})) for _ in range(12)
    ]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sum(groups) == 12 and len(groups) < 8


def test_rows_of_too_many_series_are_refused_before_they_lie_on_a_grid(tmp_path):
    with running(tmp_path, limits={"series": 10}) as service:
        far = [
            {"shop": f"s{i}", "item": "x", "month": month, "sales": 1}
            for i in range(11)
            for month in ("0100-01-01", "2018-01-01")
        ]
        problem(service.client.post("/v1/forecast", json={"rows": far}), 413)


def test_a_key_longer_than_an_index_takes_is_refused(tmp_path):
    with running(tmp_path) as service:
        long = "長" * 900
        row = {"shop": long, "item": "x", "month": "2018-01-01", "sales": 1}
        problem(service.client.post("/v1/forecast", json={"rows": [row]}), 422)
        problem(service.client.post("/v1/forecast", json={"series": [one(long)]}), 422)
