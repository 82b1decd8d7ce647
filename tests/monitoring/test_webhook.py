"""A real HTTP server is told of alarms."""

import http.server
import json
import threading
import time

import pytest
from monitoring_shop import Shop

from loopcast.core.errors import ConfigError
from loopcast.monitoring import webhook
from loopcast.monitoring.rules import Webhook, rules
from loopcast.store.alarms import Alarm, settle, untold


class Listener:
    """Answers with the statuses it was given, then 200; keeps what it was sent."""

    def __init__(self, *statuses, pause=0.0):
        self.statuses, self.seen = list(statuses), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.seen.append((json.loads(body), dict(self.headers)))
                time.sleep(pause)
                status = outer.statuses.pop(0) if outer.statuses else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", outer.url + "/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listen():
    made = []

    def start(*statuses, **more):
        made.append(Listener(*statuses, **more))
        return made[-1]

    yield start
    for one in made:
        one.server.shutdown()
        one.server.server_close()


ALARM = Alarm(2, "level", "groups", 600, 5.0, 3.0, "higher", [{"shop": "a"}], ("new unit",), id=7)


def tell(hook):
    return webhook.tell(hook, "sales", ALARM, sleep=lambda _: None)


def test_it_is_sent_once_with_what_matters(listen, monkeypatch):
    monkeypatch.setenv("HOOK_KEY", "secret")
    there = listen()
    assert tell(Webhook(url=there.url, bearer_variable="HOOK_KEY"))
    ((body, headers),) = there.seen
    assert body["state"] == "opened" and body["concerned"] == [{"shop": "a"}] and body["alarm"] == 7
    assert body["why"] == ["new unit"] and headers["Authorization"] == "Bearer secret"
    assert headers["Idempotency-Key"] == "7-opened"


def test_neither_the_key_nor_the_address_is_logged_or_kept(
    listen, monkeypatch, caplog, sqlite, tmp_path
):
    monkeypatch.setenv("HOOK_KEY", "s3cret\n")  # as mounted secrets end
    there = listen()
    assert tell(Webhook(url=there.url, bearer_variable="HOOK_KEY"))
    assert there.seen[0][1]["Authorization"] == "Bearer s3cret"
    assert not tell(Webhook(url="http://user:pa55word@host/", retries=0))
    assert "pa55word" not in caplog.text
    shop = Shop(sqlite, tmp_path, webhook={"url": "http://127.0.0.1:1/t0ken", "retries": 0})
    shop.months(1)
    assert "t0ken" not in repr(shop.monitor.tick().facts)


def test_a_server_in_trouble_is_asked_again_and_a_refusal_is_not(listen):
    there = listen(503, 500)
    assert tell(Webhook(url=there.url)) and len(there.seen) == 3
    there = listen(503, 503, 503)
    assert not tell(Webhook(url=there.url)) and len(there.seen) == 3
    there = listen(403)
    assert not tell(Webhook(url=there.url)) and len(there.seen) == 1


def test_it_waits_no_longer_than_it_may_and_follows_no_redirect(listen):
    slow = listen(pause=1.0)
    begin = time.monotonic()
    assert not tell(Webhook(url=slow.url, timeout=0.1, retries=0))
    assert time.monotonic() - begin < 0.9
    there = listen(302)
    assert not tell(Webhook(url=there.url, retries=0)) and len(there.seen) == 1
    assert not tell(Webhook(url="http://127.0.0.1:1", retries=1))


def test_what_the_webhook_did_not_take_is_sent_by_the_next_tick(sqlite, tmp_path, listen):
    there = listen(503)
    shop = Shop(sqlite, tmp_path, webhook={"url": there.url, "retries": 0})
    with shop.database.writing() as connection:
        settle(connection, "sales", [ALARM])
    shop.monitor.tick()
    assert len(untold(shop.database, "sales")) == 1
    shop.monitor.tick()
    assert untold(shop.database, "sales") == [] and len(there.seen) == 2
    shop.monitor.tick()
    assert len(there.seen) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"webhook": {"url": "file:///etc/passwd"}}, {"alpha": 2}, {"weebhook": {}}, {"period": 0}],
)
def test_wrong_settings_are_named(wrong):
    with pytest.raises(ConfigError, match="monitoring"):
        rules(wrong)
