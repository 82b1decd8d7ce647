"""Questions to people over HTTP: who is asked what, what they say, and what is kept of it."""

import re
import time

import pytest
from tiny_service import one, problem, running

from loopcast.core.errors import ConfigError
from loopcast.service.keys import new_key
from loopcast.service.settings import settings

SECRETS = {name: new_key() for name in ("ann", "bob", "shop")}
SCOPES = {"ann": ["review"], "bob": ["review", "predict"], "shop": ["predict", "actuals"]}
KEYS = [{"name": n, "sha256": SECRETS[n][1], "scopes": SCOPES[n]} for n in SECRETS]
QUEUE = {"seconds": 0.05, "share": 0}


class Desk:
    def __init__(self, service):
        self.service, self.client = service, service.client

    def headers(self, who):
        return {"x-api-key": SECRETS[who][0]}

    def questions(self, who="ann", **params):
        answer = self.client.get("/v1/reviews", headers=self.headers(who), params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["reviews"]

    def post(self, path, body=None, who="ann", status=200):
        answer = self.client.post(path, json=body or {}, headers=self.headers(who))
        assert answer.status_code == status, answer.text
        return answer.json()

    def waiting(self, count):
        end = time.monotonic() + 10
        while len(found := self.questions()) != count and time.monotonic() < end:
            time.sleep(0.02)
        assert len(found) == count
        return found


@pytest.fixture
def desk(tmp_path):
    with running(tmp_path, keys=KEYS, reviews=QUEUE) as service:
        found = Desk(service)
        series = [one("a"), one("zoo", target=[100] * 7 + [140]), one("b")]
        service.forecast({"series": series}, 200, **found.headers("shop"))
        found.waiting(3)
        yield found


def test_what_is_unknown_comes_first_and_the_forecast_is_hidden(desk):
    first, *others = desk.questions()
    assert first["key"] == {"shop": "zoo", "item": "x"} and first["why"] == "unknown"
    assert first["time"] == "2018-09-01" and first["blind"] and first["worth"] > others[0]["worth"]
    seen = desk.client.get(f"/v1/reviews/{first['id']}", headers=desk.headers("ann")).json()
    assert seen["forecast"] is None and "quantiles" not in str(desk.questions())


def test_only_the_scope_review_opens_the_queue(desk):
    number = desk.questions()[0]["id"]
    for path in ("/v1/reviews", f"/v1/reviews/{number}", "/v1/overrides"):
        problem(desk.client.get(path), 401)
        problem(desk.client.get(path, headers=desk.headers("shop")), 403)
    desk.post(f"/v1/reviews/{number}", {"what": "skip"}, "shop", 403)
    desk.post(f"/v1/reviews/{number}/show", {}, "shop", 403)


def test_an_actual_value_is_kept_once_with_its_author(desk):
    number = desk.questions()[0]["id"]
    found = desk.post(f"/v1/reviews/{number}", {"what": "actual", "value": 150})
    assert found["closed"] == "answered" and found["forecast"]["quantiles"]["0.5"] > 100
    said = found["said"]
    assert [(s["author"], s["what"], s["value"], s["hidden"]) for s in said] == [
        ("ann", "actual", 150.0, True), ("ann", "shown", None, False),
    ]  # fmt: skip
    again = desk.post(f"/v1/reviews/{number}", {"what": "actual", "value": 150})
    assert again == found and number not in [q["id"] for q in desk.questions()]
    key = '{"shop":"zoo","item":"x"}'
    assert desk.service.parts.actuals.read([key])[key].value.tolist() == [150.0]
    assert {q["id"] for q in desk.questions(state="all")} > {q["id"] for q in desk.questions()}


def test_an_override_needs_a_reason_and_says_if_the_forecast_was_hidden(desk):
    number = desk.questions()[0]["id"]
    path = f"/v1/reviews/{number}"
    desk.post(path, {"what": "override", "value": 90}, status=422)
    desk.post(path, {"what": "override", "reason": "x"}, status=422)
    desk.post(path, {"what": "override", "value": 90, "reason": "a\x00b"}, status=422)
    desk.post(path, {"what": "actual"}, status=422)
    desk.post(path, {"what": "guess", "value": 1}, status=422)
    desk.post(path, {"what": "override", "value": 90, "reason": "shut for a week"})
    desk.post(path, {"what": "override", "value": 95, "reason": "two days only"})
    mine = desk.client.get("/v1/overrides", headers=desk.headers("bob")).json()
    assert mine["overrides"] == []  # he has not seen the forecast
    assert mine["value_added"]["overrides"] == 2
    desk.post(path, {"what": "override", "value": 70, "reason": "me too"}, who="bob")
    given = desk.client.get("/v1/overrides", headers=desk.headers("ann")).json()["overrides"]
    assert [(o["author"], o["value"], o["hidden"]) for o in given] == [
        ("bob", 70, True), ("ann", 95, False), ("ann", 90, True),
    ]  # fmt: skip


def test_others_answers_do_not_anchor_those_who_have_not_seen_the_forecast(desk):
    number = desk.questions()[0]["id"]
    desk.post(f"/v1/reviews/{number}", {"what": "skip", "reason": "cannot know"})
    path, bob = f"/v1/reviews/{number}", desk.headers("bob")
    assert desk.client.get(path, headers=bob).json()["said"] == []
    seen = desk.post(f"{path}/show", who="bob")
    assert seen["forecast"]["version"] == 1 and len(seen["said"]) == 3


def test_whether_overrides_helped_is_known_when_the_value_has_come(desk):
    forecast = desk.service.forecast({"series": [one("a")]}, 200, **desk.headers("shop"))
    body = {
        "forecast": forecast["id"], "key": {"shop": "a", "item": "x"}, "time": "2018-10-01",
        "value": 9, "reason": "a fair",
    }  # fmt: skip
    assert desk.post("/v1/overrides", body) == {"new": True}
    assert desk.post("/v1/overrides", body) == {"new": False}
    path = f"/v1/forecasts/{forecast['id']}"
    given = desk.client.get(path, headers=desk.headers("shop")).json()["forecasts"][0]["overrides"]
    assert given == [{"time": "2018-10-01", "value": 9.0, "reason": "a fair", "author": "ann"}]
    found = desk.client.get("/v1/overrides", headers=desk.headers("ann")).json()
    assert found["value_added"]["landed"] == 0 and found["value_added"]["gain"] is None
    value = {"key": body["key"], "time": "2018-10-01", "value": 10}
    desk.post("/v1/actuals", {"actuals": [value]}, who="shop")
    found = desk.client.get("/v1/overrides", headers=desk.headers("ann")).json()
    model = forecast["forecasts"][0]["quantiles"]["0.5"][1]
    assert found["overrides"][0]["model"] == model and found["overrides"][0]["actual"] == 10
    desk.service.parts.people.fill()
    metrics = desk.client.get("/metrics", headers=desk.headers("shop")).text
    assert re.search(r"loopcast_overrides_gain_ratio 0\.\d+", metrics)
    assert found["value_added"]["gain"] == pytest.approx((10 - model) / 10 - 1 / 10)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"forecast": "x"}, "/forecast"),
        ({"forecast": "01934567-89ab-7def-8123-456789abcdef"}, "/forecast"),
        ({"key": {"shop": "b", "item": "x"}}, "/key"),
        ({"key": {"shop": "nowhere", "item": "x"}}, "/key"),
        ({"time": "2019-10-01"}, "/time"),
        ({"time": "x"}, "/time"),
        ({"value": 1e308}, "/value"),
    ],
)
def test_an_override_names_a_point_that_was_forecast(desk, change, pointer):
    forecast = desk.service.forecast({"series": [one("a")]}, 200, **desk.headers("shop"))
    body = {
        "forecast": forecast["id"], "key": {"shop": "a", "item": "x"}, "time": "2018-10-01",
        "value": 9, "reason": "r",
    }  # fmt: skip
    answer = desk.client.post("/v1/overrides", json=body | change, headers=desk.headers("ann"))
    problem(answer, 422, pointer)


@pytest.mark.parametrize("number", ["x", "999999", "-1", "9" * 30, "٣"])
def test_unknown_questions_are_404(desk, number):
    problem(desk.client.get(f"/v1/reviews/{number}", headers=desk.headers("ann")), 404)
    desk.post(f"/v1/reviews/{number}", {"what": "skip"}, status=404)


@pytest.mark.parametrize("params", [{"state": "x"}, {"limit": 0}, {"limit": 10**9}, {"limit": "a"}])
def test_wrong_parameters_of_the_list_are_refused(desk, params):
    problem(desk.client.get("/v1/reviews", headers=desk.headers("ann"), params=params), 422)


def test_a_value_that_comes_closes_its_question_and_the_next_step_is_asked(desk):
    value = {"key": {"shop": "zoo", "item": "x"}, "time": "2018-09-01", "value": 120}
    desk.post("/v1/actuals", {"actuals": [value]}, who="shop")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        open_ = [q["time"] for q in desk.questions() if q["key"]["shop"] == "zoo"]
        if open_ == ["2018-10-01"]:
            break
        time.sleep(0.02)
    assert open_ == ["2018-10-01"]
    assert (
        "loopcast_review_queue_size 3.0"
        in desk.client.get("/metrics", headers=desk.headers("shop")).text
    )


def test_no_more_is_asked_than_the_queue_holds(tmp_path):
    with running(tmp_path, reviews={**QUEUE, "size": 2}) as service:
        service.forecast({"series": [one(f"s{i}") for i in range(9)]})
        for _ in range(3):
            service.parts.people.fill()
        assert len(service.client.get("/v1/reviews").json()["reviews"]) == 2


def test_the_ledger_is_looked_through_only_when_there_is_news(tmp_path, monkeypatch):
    with running(tmp_path, reviews={"seconds": 1000, "size": 9}) as service:
        people, looks = service.parts.people, []
        real = people._ask
        monkeypatch.setattr(people, "_ask", lambda *a: looks.append(1) or real(*a))

        def fill():
            before = len(looks)
            return people.fill(), len(looks) - before

        service.forecast({"series": [one("a")]})
        assert [fill() for _ in range(3)] == [(1, 1), (0, 1), (0, 0)]
        service.forecast({"series": [one("b")]})
        assert [fill() for _ in range(3)] == [(1, 1), (0, 1), (0, 0)]
        value = {"key": {"shop": "a", "item": "x"}, "time": "2018-09-01", "value": 1}
        service.client.post("/v1/actuals", json={"actuals": [value]})
        assert fill() == (1, 1)


@pytest.mark.parametrize("wrong", [{"share": 2}, {"size": -1}, {"days": 0}, {"colour": 1}])
def test_settings_of_the_queue_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError):
        settings({"model": "m", "store": {"url": "sqlite://"}, "reviews": wrong})
