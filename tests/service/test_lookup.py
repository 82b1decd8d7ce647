import json
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_service import AHEAD, TASK, one, problem, running

from loopcast.core.task import Columns
from loopcast.service.instance import Part, fill_static
from loopcast.service.problem import Problem

MONTHS = [f"2018-{m:02}-01" for m in range(1, 13)]
KEY = {"shop": "a", "item": "x"}
QUERY = "select shop, item, month, sales, price, event from sales where (shop, item) in :keys"
EACH = "select * from sales where shop = :shop and item = :item"


def shop_database(folder, known=8, ahead=3):
    """Rows of two shops: `known` months of sales, then known-ahead columns alone."""
    path = folder / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table sales (shop, item, month, sales, price, event)")
        for shop in "ab":
            for i, month in enumerate(MONTHS[: known + ahead]):
                sales = i + 1 if i < known else None
                connection.execute(
                    "insert into sales values (?, 'x', ?, ?, ?, '')",
                    (shop, month, sales, 10 * (i + 1)),
                )
    connection.close()
    return {"url": f"sqlite:///{path}", "query": QUERY}


def medians(answer, at=0):
    return answer["forecasts"][at]["quantiles"]["0.5"]


@contextmanager
def neighbour(answer):
    """An operator's service; `answer(body)` gives (status, body), or sleeps."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append((body, dict(self.headers)))
            status, content = answer(body)
            self.send_response(status)
            self.send_header("location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ahead", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def prices(body):
    return 200, {
        "series": [
            {
                "price": [10.0 * i for i in range(1, len(s["times"]) + 1)],
                "event": [""] * len(s["times"]),
            }
            for s in body["series"]
        ]
    }


@pytest.mark.parametrize("query", [QUERY, EACH])
def test_history_is_looked_up_by_key(tmp_path, query):
    source = {**shop_database(tmp_path), "query": query}
    with running(tmp_path, history=source) as service:
        sent = service.forecast({"series": [one("a"), one("b")]})["forecasts"]
        asked = [{"key": {"shop": s, "item": "x"}} for s in "ab"]
        assert service.forecast({"series": asked})["forecasts"] == sent
        unknown = service.forecast({"series": [*asked, {"key": {"shop": "z", "item": "x"}}]})
        assert any("no history" in w for w in unknown["forecasts"][2]["warnings"])
        nobody = service.client.post(
            "/v1/forecast", json={"series": [{"key": {"shop": "z", "item": "x"}}]}
        )
        problem(nobody, 422)


def test_values_that_came_since_continue_and_correct_the_query(tmp_path):
    with running(tmp_path, history=shop_database(tmp_path, ahead=0)) as service:
        values = [
            {"key": KEY, "time": "2018-08-01", "value": 80.0, "as_of": "2018-10-01"},
            {"key": KEY, "time": "2018-09-01", "value": 90.0, "as_of": "2018-10-01"},
        ]
        service.client.post("/v1/actuals", json={"actuals": values})
        answer = service.forecast({"series": [{"key": KEY}]})
        sent = service.forecast({"series": [one("a", [1, 2, 3, 4, 5, 6, 7, 80, 90])]})
        assert answer["forecasts"] == sent["forecasts"]
        assert answer["forecasts"][0]["origin"] == "2018-09-01"


def test_known_ahead_columns_are_sent(tmp_path):
    with running(tmp_path, AHEAD) as service:
        ahead = {"price": [1, 2, 3], "event": ["", "", ""]}
        after = service.forecast({"series": [one(future=ahead)]})
        assert medians(after) == pytest.approx([4.5 + 1 + 1, 4.5 + 2 + 2, 4.5 + 3 + 3])
        whole = {"price": [9] * 8 + [1, 2, 3], "event": [""] * 11}
        assert medians(service.forecast({"series": [one(future=whole)]})) == medians(after)
        short = service.forecast(
            {"series": [one(future={"price": [1, 2], "event": ["", ""]})], "horizon": 2}
        )
        assert medians(short) == medians(after)[:2]
        rows = [
            {**KEY, "month": m, "sales": i + 1, "price": 9, "event": ""}
            for i, m in enumerate(MONTHS[:8])
        ]
        later = [
            {**KEY, "month": m, "price": i + 1, "event": ""} for i, m in enumerate(MONTHS[8:11])
        ]
        assert medians(service.forecast({"rows": rows, "future_rows": later})) == medians(after)


@pytest.mark.parametrize(
    "future",
    [
        None,
        {"price": [1, 2], "event": ["", ""]},
        {"price": [1, 2, 3]},
        {"price": [1], "event": ["", "", ""]},
        {"price": ["x"] * 3, "event": [""] * 3},
    ],
)
def test_known_ahead_columns_that_lack_are_asked_for(tmp_path, future):
    with running(tmp_path, AHEAD) as service:
        body = {"series": [one(future=future or {})]}
        found = problem(service.client.post("/v1/forecast", json=body), 422)
        assert found["errors"][0]["pointer"].startswith("/series/0/future")


def test_known_ahead_columns_are_looked_up(tmp_path):
    with running(tmp_path, AHEAD, history=shop_database(tmp_path)) as service:
        whole = service.forecast({"series": [{"key": KEY}]})
        assert medians(whole) == [4.5 + 1 + 90, 4.5 + 2 + 100, 4.5 + 3 + 110]
        history_sent = service.forecast({"series": [one()]})
        assert medians(history_sent) == medians(whole)
        later = service.client.post("/v1/forecast", json={"series": [one(start="2018-03-01")]})
        problem(later, 422)


def test_columns_for_history_and_the_asked_horizon_begin_at_the_start(tmp_path):
    wide = replace(AHEAD, horizon=12)
    with running(tmp_path, wide) as service:
        prices = {"price": [9] * 8 + [1, 2], "event": [""] * 10}
        found = service.forecast({"series": [one(future=prices)], "horizon": 2})
        assert medians(found) == pytest.approx([4.5 + 1 + 1, 4.5 + 2 + 2])


def test_what_is_sent_stays_and_only_the_rest_is_looked_up(tmp_path):
    with running(tmp_path, AHEAD, history=shop_database(tmp_path)) as service:
        sent = one(future={"price": [1], "event": [""]})
        found = service.forecast({"series": [sent]})
        assert medians(found) == [4.5 + 1 + 1, 4.5 + 2 + 100, 4.5 + 3 + 110]


def test_what_is_sent_stays_and_only_the_rest_is_asked_for(tmp_path):
    with (
        neighbour(lambda body: (200, prices(body))) as (url, _),
        running(tmp_path, AHEAD, future={"url": url}) as service,
    ):
        sent = one(future={"price": [-50], "event": [""]})
        whole = medians(service.forecast({"series": [one()]}))
        found = medians(service.forecast({"series": [sent]}))
        assert found[0] == pytest.approx(4.5 + 1 - 50) and found[1:] == whole[1:]


def test_static_columns_count_beside_a_history_that_is_looked_up(tmp_path):
    task = replace(TASK, static=Columns(numeric=("size",), categorical=("shop", "item")))
    part = Part(
        [0], [KEY], np.array([600]),
        {"static": np.full((1, 1), np.nan, np.float32), "static.item": np.array(["x"], object)},
        np.array([0]), [[]], "looked up",
    )  # fmt: skip
    served = SimpleNamespace(task=task)
    fill_static(part, 0, {"size": 3, "item": "y"}, served)
    assert part.prepared["static"].tolist() == [[3.0]]
    assert part.prepared["static.item"].tolist() == ["y"]
    with pytest.raises(Problem, match="no static column 'colour'"):
        fill_static(part, 0, {"colour": 1}, served)


def test_sent_and_looked_up_series_have_one_origin(tmp_path):
    with running(tmp_path, history=shop_database(tmp_path, ahead=0)) as service:
        asked = [one("b", [1, 2, 3]), {"key": KEY}]
        found = service.forecast({"series": asked})["forecasts"]
        assert [f["origin"] for f in found] == ["2018-08-01"] * 2


def test_an_actual_value_that_continues_transactions_is_the_origin(tmp_path):
    summed = replace(TASK, aggregate="sum", frequency="D", season=7, static=Columns(categorical=("shop", "item")))  # fmt: skip
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table sales (shop, item, month, sales)")
        for day in range(1, 9):
            for hour in (9, 17):
                row = f"2018-01-{day:02} {hour:02}:30:00"
                connection.execute("insert into sales values ('a', 'x', ?, 1)", (row,))
    connection.close()
    source = {
        "url": f"sqlite:///{path}",
        "query": "select * from sales where (shop, item) in :keys",
    }
    with running(tmp_path, summed, history=source) as service:
        for day, value in (("2018-01-09", 10), ("2018-01-08", 5)):
            sent = {"key": KEY, "time": day, "value": value}
            service.client.post("/v1/actuals", json={"actuals": [sent]})
            found = service.forecast({"series": [{"key": KEY}]})["forecasts"][0]
            assert found["origin"] == "2018-01-09"
        assert found["quantiles"]["0.5"][0] == pytest.approx((6 * 2 + 5 + 10) / 8 + 1)


def test_a_query_that_fails_is_the_operators_trouble_and_stays_inside(tmp_path):
    source = {**shop_database(tmp_path), "query": "select * from secret_table where shop = :shop"}
    with running(tmp_path, history=source) as service:
        answer = service.client.post("/v1/forecast", json={"series": [{"key": KEY}]})
        assert "secret" not in json.dumps(problem(answer, 503))
    source["query"] = "select shop, item, month from sales where shop = :shop"
    with running(tmp_path, history=source) as service:
        answer = service.client.post("/v1/forecast", json={"series": [{"key": KEY}]})
        assert "sales" not in json.dumps(problem(answer, 500))


def test_known_ahead_columns_are_asked_of_the_operators_service(tmp_path, monkeypatch):
    monkeypatch.setenv("AHEAD_KEY", "s3cret")
    with neighbour(prices) as (url, asked):
        future = {"url": url, "bearer_variable": "AHEAD_KEY"}
        with running(tmp_path, AHEAD, future=future) as service:
            answer = service.forecast({"series": [one("a"), one("b")]})
            assert medians(answer) == [4.5 + 1 + 10, 4.5 + 2 + 20, 4.5 + 3 + 30]
            assert asked[0][0]["columns"] == ["price", "event"]
            assert asked[0][0]["series"][1] == {
                "key": {"shop": "b", "item": "x"}, "times": ["2018-09-01", "2018-10-01", "2018-11-01"],
            }  # fmt: skip
            assert asked[0][1]["Authorization"] == "Bearer s3cret"
            service.forecast({"series": [one("b"), one("c")]})
            assert [s["key"]["shop"] for s in asked[1][0]["series"]] == ["c"]  # b is remembered


def test_a_service_that_fails_at_first_is_asked_again(tmp_path):
    statuses = iter([500, 503, 200])
    with (
        neighbour(lambda body: (next(statuses), prices(body)[1])) as (url, asked),
        running(tmp_path, AHEAD, future={"url": url, "retries": 2}) as service,
    ):
        assert medians(service.forecast({"series": [one()]}))[0] == 15.5 and len(asked) == 3


def slow(body):
    time.sleep(1.0)
    return prices(body)


@pytest.mark.parametrize(
    "fault",
    [
        slow,
        lambda _: (302, {}),
        lambda _: (200, {"series": []}),
        lambda _: (200, {"series": [{"price": [1], "event": [""]}]}),
    ],
)
def test_a_service_that_fails_leads_to_the_stated_fallback(tmp_path, fault):
    with neighbour(fault) as (url, _):
        future = {"url": url, "timeout": 0.3, "retries": 0}
        with running(tmp_path, AHEAD, future=future) as service:
            begin = time.monotonic()
            answer = service.forecast({"series": [one()]})
            assert time.monotonic() - begin < 0.9
            assert medians(answer) == [5.5, 6.5, 7.5]
            assert any("could not be had" in w for w in answer["forecasts"][0]["warnings"])
        with running(tmp_path, AHEAD, future={**future, "fallback": "refuse"}) as service:
            problem(service.client.post("/v1/forecast", json={"series": [one()]}), 503)
        with running(tmp_path, AHEAD, future={**future, "fallback": "season"}) as service:
            past = {"price": [5] * 5 + [6, 7, 8], "event": [""] * 8}
            answer = service.forecast({"series": [one(future=past)]})
            assert medians(answer) == [5.5 + 5, 6.5 + 6, 7.5 + 7]  # a season of 4 ago


def test_no_address_of_a_client_is_ever_asked(tmp_path):
    with neighbour(prices) as (url, asked), running(tmp_path, TASK) as service:
        for body in ({"series": [{**one(), "url": url}]}, {"series": [one()], "callback": url}):
            problem(service.client.post("/v1/forecast", json=body), 422)
        assert asked == []
