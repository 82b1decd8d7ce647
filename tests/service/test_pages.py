"""The page over HTTP: who may see and do what, what is escaped, what is refused."""

import html
import json
import re
import time
from html.parser import HTMLParser

import pytest
from page_visitor import HOSTILE, KEYS, SECRETS, Visitor, watched
from page_world import monitored
from tiny_service import running

from loopcast.service.pages import sessions
from loopcast.service.pages.wording import ago, number, percent
from loopcast.store.clock import now

PAGES = (
    "/ui", "/ui/series", "/ui/series/1", "/ui/accuracy", "/ui/drift", "/ui/versions",
    "/ui/retrains", "/ui/reviews", "/ui/reviews/1",
)  # fmt: skip


def tags(text):
    """Every start tag of a page with its attributes."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, {name: value or "" for name, value in attrs}))

    Reader().feed(text)
    return found


def chart(text):
    """What the first chart of a page draws."""
    return json.loads(next(a["data-chart"] for _, a in tags(text) if "data-chart" in a))


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with watched(tmp_path_factory.mktemp("pages")) as found:
        yield found


@pytest.fixture
def ann(service):
    return Visitor(service).log_in("ann")


@pytest.fixture
def boss(service):
    return Visitor(service).log_in("boss")


@pytest.mark.parametrize("path", [*PAGES, "/ui/versions/1/promote", "/ui/none"])
def test_without_a_session_every_page_leads_to_the_form(service, path):
    visitor = Visitor(service)
    visitor.get(path, 303)
    assert visitor.page.headers["location"] == f"/ui/login?next={path}"
    visitor.get(path, 200, headers={"hx-request": "true"})
    assert visitor.page.headers["hx-redirect"].startswith("/ui/login") and not visitor.page.text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_reads_with_a_strict_policy_and_nothing_inline(ann, path):
    text = ann.get(path)
    policy = ann.page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "unsafe" not in policy
    assert ann.page.headers["cache-control"] == "no-store"
    for tag, attributes in tags(text):
        assert tag != "style" and not {"style", "srcdoc", "nonce"} & attributes.keys()
        assert not [name for name in attributes if name.startswith(("on", "hx-on"))]
        assert tag != "script" or attributes["src"].startswith("/ui/static/")
        for name in ("src", "href", "action"):
            assert re.match(r"(/[^/]|\?|#)", attributes.get(name, "#"))
    assert '<html lang="en">' in text and 'name="viewport"' in text and text.count("<h1>") == 1


def test_hostile_keys_are_text_on_every_page(ann):
    every = "".join(ann.get(path) for path in (*PAGES, "/ui/series/2", "/ui/reviews/2"))
    assert "&lt;script&gt;alert(1)" in every
    assert "<script>alert" not in every and "<img src=x" not in every and "<b>more" not in every
    found = ann.get("/ui/series", params={"q": '<script> "><IMG'})
    assert "1 found" in found and "<script>alert" not in found
    assert "0 found" in ann.get("/ui/series", params={"q": "%"})


def test_the_session_cookie_is_for_this_page_alone_and_no_key_is_in_it(service):
    visitor = Visitor(service)
    visitor.get("/ui/login")
    before = visitor.client.cookies["loopcast"]
    visitor.send("/ui/login", key=SECRETS["ann"][0], next="/ui/drift")
    assert visitor.page.headers["location"] == "/ui/drift"
    cookie = visitor.page.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/ui"))
    assert visitor.client.cookies["loopcast"] != before
    assert all(secret not in cookie and digest not in cookie for secret, digest in SECRETS.values())


def test_over_https_the_cookie_is_secure(service):
    visitor = Visitor(service)
    visitor.get("/ui/login", headers={"x-forwarded-proto": "https"})
    assert "Secure" in visitor.page.headers["set-cookie"]


@pytest.mark.parametrize(
    "key",
    ["", "x", SECRETS["ann"][1], "ü" * 100],
    ids=["none", "a letter", "its digest", "not ASCII"],
)
def test_an_unknown_key_does_not_log_in(service, key):
    visitor = Visitor(service)
    visitor.get("/ui/login")
    visitor.send("/ui/login", 401, key=key)
    assert "not known here" in visitor.page.text
    visitor.get("/ui", 303)


def test_a_machines_key_does_not_open_the_page(service):
    visitor = Visitor(service)
    visitor.get("/ui/login")
    visitor.send("/ui/login", 403, key=SECRETS["till"][0])
    visitor.get("/ui", 303)


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/ui/../x", "/ui\\@evil", "/other", ""]
)
def test_logging_in_leads_to_no_other_place(service, target):
    visitor = Visitor(service)
    visitor.get("/ui/login", params={"next": target})
    visitor.post(
        "/ui/login",
        {**visitor.fields("/ui/login"), "key": SECRETS["ann"][0], "next": target},
    )
    assert visitor.page.headers["location"] == "/ui"


def test_a_cookie_that_was_changed_is_none(ann):
    good = ann.client.cookies["loopcast"]
    nonce, mark, end, sign = good.split(".")
    for wrong in (
        f"{nonce}x.{mark}.{end}.{sign}", f"{nonce}.{mark}.{int(end) + 1}.{sign}", "a.b.c.d", "...", "\xfc.b.c.\xfc",
        f"{nonce}.{mark}.{end}.{sign}.", "",
    ):  # fmt: skip
        ann.client.cookies.clear()
        ann.get("/ui", 303, headers={"cookie": f"loopcast={wrong}".encode("latin-1")})
    ann.get("/ui", 200, headers={"cookie": f"loopcast={good}"})


def test_a_session_ends(ann, monkeypatch):
    monkeypatch.setattr(sessions.time, "time", lambda: time.time_ns() / 1e9 + 13 * 3600)
    ann.get("/ui", 303)


def test_logging_out_forgets_the_session(ann):
    ann.get("/ui")
    ann.send("/ui/logout")
    ann.get("/ui", 303)


def test_a_form_without_its_token_does_nothing(ann, service):
    ann.get("/ui/reviews/1")
    action = "/ui/reviews/1/answer"
    answer = {"what": "actual", "value": "5"}
    for token in (None, "", "x", Visitor(service).log_in("boss").get("/ui/reviews/1") and "y"):
        data = answer if token is None else {**answer, "token": token}
        ann.post(action, data, 403)
    other = Visitor(service).log_in("boss")
    other.get("/ui/reviews/1")
    ann.post(action, {**answer, "token": other.fields(action)["token"]}, 403)
    good = {**ann_fields(ann), **answer}
    for site in ("cross-site", "same-site"):
        ann.post(action, good, 403, headers={"sec-fetch-site": site})
    assert service.parts.people.reviews.one(1).events == []


def ann_fields(ann):
    ann.get("/ui/reviews/1")
    return ann.fields("/ui/reviews/1/answer")


def test_forms_are_small_urlencoded_and_plain(ann):
    ann.get("/ui/reviews/1")
    action, fields = "/ui/reviews/1/answer", ann_fields(ann)
    fields |= {"what": "actual", "value": "5"}
    ann.post(action, {**fields, "reason": "x" * 20_000}, 413)
    ann.post(action, {**fields, **{f"f{i}": "1" for i in range(30)}}, 400)
    assert ann.client.post(action, files={"value": b"5"}).status_code == 415
    assert ann.client.post(action, json=fields).status_code == 415
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"\xff\xfe", b"value=%ff", b"token=a&token=b"):
        assert ann.client.post(action, content=body, headers=kind).status_code == 400

    def chunks():
        for _ in range(40):
            yield b"a" * 1000

    assert ann.client.post(action, content=chunks(), headers=kind).status_code == 413


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"what": "actual", "value": "five"}, 422),
        ({"what": "actual", "value": "nan"}, 422),
        ({"what": "actual", "value": "1e999"}, 422),
        ({"what": "actual"}, 422),
        ({"what": "override", "value": "5"}, 422),
        ({"what": "override", "value": "5", "reason": "  "}, 422),
        ({"what": "guess"}, 422),
        ({"what": "override", "value": "5", "reason": "a\x00"}, 422),
        ({"what": "override", "value": "5", "reason": "x" * 3000}, 422),
    ],
)
def test_what_cannot_be_kept_is_said(ann, given, status):
    ann.post("/ui/reviews/1/answer", {**ann_fields(ann), **given}, status)
    assert "<h1>" in ann.page.text and "Traceback" not in ann.page.text


def test_pages_that_are_not_there_say_so_as_pages(ann):
    for path in (
        "/ui/none", "/ui/series/99", "/ui/series/x", "/ui/reviews/99", "/ui/reviews/x",
        "/ui/static/../paper.py", "/ui/static/README.md",
    ):  # fmt: skip
        ann.get(path, 404)
        assert ann.page.headers["content-type"].startswith("text/html")


def test_files_of_the_page_are_ours_and_kept_by_browsers(service):
    visitor = Visitor(service)
    for name in ("htmx.min.js", "uPlot.iife.min.js", "charts.js", "page.css", "icon.svg"):
        visitor.get(f"/ui/static/{name}")
        assert "immutable" in visitor.page.headers["cache-control"]
    assert visitor.get("/", 303) == "" and visitor.page.headers["location"] == "/ui"


def test_only_administrators_promote_and_roll_back(ann, boss, service):
    assert "Promote…" not in ann.get("/ui/versions")
    ann.get("/ui/versions/2/promote", 403)
    ann.get("/ui/rollback", 403)
    token = ann_fields(ann)["token"]
    ann.post("/ui/versions/2/promote", {"token": token}, 403)
    ann.post("/ui/rollback", {"token": token}, 403)
    boss.get("/ui/versions/99/promote", 404)
    boss.get("/ui/versions/2/promote")
    boss.post("/ui/versions/2/promote", {"why": "no token"}, 403)
    assert service.parts.registry.promoted().version == 1


def test_an_administrator_promotes_and_rolls_back_with_reasons(boss, service):
    assert "Promote…" in boss.get("/ui/versions")
    boss.get("/ui/versions/2/promote")
    boss.send("/ui/versions/2/promote", why="the test was better")
    assert service.parts.champion.current.version == 2
    text = boss.get(boss.page.headers["location"])
    assert "The version serves." in text and "the test was better" in text
    boss.get("/ui/rollback")
    boss.send("/ui/rollback", why="worse in the shop")
    assert service.parts.champion.current.version == 1
    event = service.parts.registry.events(1)[0]
    assert (event.what, event.version, event.who) == ("promoted", 1, "boss")


def test_a_blind_question_hides_its_forecast_until_it_is_answered(tmp_path):
    with watched(tmp_path) as service:
        ann, boss = Visitor(service).log_in("ann"), Visitor(service).log_in("boss")
        (review,) = [r for r in service.parts.people.reviews.read() if r.key["shop"] == "a"]
        path = f"/ui/reviews/{review.id}"
        for hidden in (ann.get(path), ann.get(f"/ui/series/{review.series}")):
            assert "forecast is hidden" in hidden
            assert [line["role"] for line in chart(hidden)["lines"]] == ["actual"]
        ann.get(path)
        ann.send(f"{path}/answer", what="override", value="9.5", reason="a fair")
        shown = ann.get(ann.page.headers["location"])
        assert chart(shown)["bands"] and "without having seen the forecast" in shown
        assert chart(ann.get(f"/ui/series/{review.series}"))["bands"]
        assert "a fair" not in boss.get(path) and not chart(boss.page.text)["bands"]
        other = boss.get(f"/ui/series/{review.series}")  # answered by another is not seen by all
        assert "a fair" not in other and not chart(other)["bands"]
        boss.get(path)
        boss.send(f"{path}/show")
        assert "a fair" in boss.get(boss.page.headers["location"])
        (given,) = service.parts.people.overrides.read()
        assert (given.author, given.value, given.hidden) == ("ann", 9.5, True)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Pages of a service that monitoring and retraining have written for, by path."""
    retrain = {"config": "x.yaml", "triggers": {"age": 12, "rows": 5000}}
    with watched(tmp_path_factory.mktemp("seen"), retrain=retrain) as service:
        monitored(service.parts)
        ann = Visitor(service).log_in("ann")
        paths = ("/ui", "/ui/accuracy", "/ui/accuracy?version=2", "/ui/drift", "/ui/retrains")
        return {path: ann.get(path) for path in paths}


def words(text):
    """What is read: no tags, blanks as one."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def test_the_overview_says_whether_all_is_well_and_what_comes_next(seen):
    text = words(seen["/ui"])
    assert "Alarm (level, panel): errors have moved (level)" in text
    assert "too few points to judge: 80 % ± 3 %" in text
    assert "done 2 alarms" in text and re.search(r"kept .{3,10}, for age: why", text)
    assert "next: now: an alarm is open, or when 12 steps have come, or when 5,000 values" in text


def test_accuracy_is_shown_by_version_horizon_and_category(seen):
    text = words(seen["/ui/accuracy"])
    titles = (
        "Error by version",
        "Coverage of the 80 % range by version",
        "Error by horizon, version 1",
    )
    assert all(title in text for title in titles)
    assert "By shop, the worst first" in text and "<u>a</u>" in text and "<u>" not in seen["/ui"]
    drawn = chart(seen["/ui/accuracy"])
    assert [line["label"] for line in drawn["lines"]] == [
        "version 1",
        "version 2",
        "seasonal naive",
    ]
    assert len(drawn["x"]) == 24 and drawn["lines"][0]["values"][:2] == [0.7, 0.8]
    assert "By horizon, version 2" in words(seen["/ui/accuracy?version=2"])


def test_drift_shows_alarms_with_what_explains_them(seen):
    text = words(seen["/ui/drift"])
    opened, _, closed = text.partition("Closed alarms")
    assert "errors have moved (level)" in opened and "errors have moved (coverage)" in closed
    assert "price: missing in 12 % of rows" in opened and "Concerned: <i>a</i> · x" in opened
    assert "<b>shop" not in seen["/ui/drift"] and "<i>a" not in seen["/ui/drift"]
    assert chart(seen["/ui/drift"])["lines"][1]["role"] == "aim"


def test_retrains_say_why_and_which_gate_decided(seen):
    text = words(seen["/ui/retrains"])
    first, _, second = text.partition("promoted version 2")
    assert "kept version 3 against version 1 the gain is too small" in first
    assert "gain 0.4 % lower loss 2 % at least no" in first and "# The decision" in second


def test_the_queue_shows_whether_overrides_helped(tmp_path):
    with watched(tmp_path) as service:
        ann = Visitor(service).log_in("ann")
        (review,) = [r for r in service.parts.people.reviews.read() if r.key["shop"] == "a"]
        ann.get(f"/ui/reviews/{review.id}")
        ann.send(f"/ui/reviews/{review.id}/answer", what="override", value="9", reason="a fair")
        value = {"key": dict(review.key), "time": "2018-09-01", "value": 9}
        headers = {"x-api-key": SECRETS["till"][0]}
        service.client.post("/v1/actuals", json={"actuals": [value]}, headers=headers)
        text = ann.get("/ui/reviews")
        assert "a fair" in text and re.search(r'class="big good">\+\d', text)


def test_without_keys_the_page_is_open_on_this_machine_but_not_for_deeds(tmp_path):
    with watched(tmp_path, keys=[]) as service:
        visitor = Visitor(service)
        assert "Log out" not in visitor.get("/ui") and "serves" in visitor.page.text
        visitor.get("/ui/reviews/1")
        visitor.send("/ui/reviews/1/answer", what="actual", value="5")
        visitor.get("/ui/versions/2/promote", 403)
        visitor.get("/ui", 403, headers={"host": "evil.example"})


def test_without_keys_the_page_stays_shut_where_others_reach_it(tmp_path):
    with running(tmp_path, listen={"host": "0.0.0.0", "open": True}) as service:
        assert service.client.get("/v1/models").status_code == 200
        assert service.client.get("/ui").headers["location"].startswith("/ui/login")


def test_a_key_that_leaves_the_config_takes_its_sessions_along(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOPCAST_SECRET", "s" * 32)
    with watched(tmp_path) as service:
        ann = Visitor(service).log_in("ann")
        cookie = ann.client.cookies["loopcast"]
    for keys, status in ((KEYS, 200), (KEYS[1:], 303)):
        with running(tmp_path, keys=keys) as service:
            Visitor(service).get("/ui", status, headers={"cookie": f"loopcast={cookie}"})


def test_a_store_that_is_away_is_a_page_that_says_so(tmp_path, monkeypatch):
    from loopcast.store.database import StoreError

    def away(*_, **__):
        raise StoreError("secret://host is away")

    with watched(tmp_path) as service:
        ann = Visitor(service).log_in("ann")
        monkeypatch.setattr("loopcast.store.catalogue.Catalogue.search", away)
        text = ann.get("/ui/series", 503)
        assert "cannot be reached" in text and "secret" not in text


def test_the_search_gives_rows_to_a_script_and_pages_to_people(ann):
    text = ann.get("/ui/series", params={"q": "vic"}, headers={"hx-request": "true"})
    assert "Victoria" in text and "<html" not in text
    assert "<html" in ann.get("/ui/series", params={"q": HOSTILE[:8], "page": "99"})


def test_numbers_and_instants_read_well():
    assert [number(v) for v in (12345.6, -0.5, None, float("nan"))] == [
        "12\u202f346", "\u22120.500", "\u2013", "\u2013",
    ]  # fmt: skip
    assert percent(0.8123) == "81.2\u202f%"
    assert ago(now() - 7_200_000_000) == "2 h ago" and ago(now() + 86_500_000_000) == "in 1 d"
    assert ago(None) == "never"
