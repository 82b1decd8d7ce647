"""Somebody who reads the page without a browser: forms are found, filled and sent as they are."""

import html
import re
from contextlib import contextmanager

import httpx
from tiny_service import artifact, one, running

from loopcast.core.artifact import Artifact
from loopcast.service.keys import new_key

SECRETS = {name: new_key() for name in ("ann", "boss", "till")}
SCOPES = {"ann": ["review"], "boss": ["review", "admin"], "till": ["predict", "actuals"]}
KEYS = [{"name": n, "sha256": SECRETS[n][1], "scopes": SCOPES[n]} for n in SECRETS]
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


class Visitor:
    """One browser's cookies; `page` is the last answer."""

    def __init__(self, service):
        address = f"http://127.0.0.1:{service.port}"
        limits = httpx.Limits(max_keepalive_connections=0)  # so that none is left open
        self.service = service
        self.client = httpx.Client(base_url=address, timeout=20, limits=limits)

    def get(self, path, status=200, **options):
        self.page = self.client.get(path, **options)
        assert self.page.status_code == status, self.page.text
        return self.page.text

    def fields(self, action):
        """The hidden fields of the page's form with this action."""
        form = next(f for f in self.forms() if f'action="{action}"' in f)
        pairs = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
        return {name: html.unescape(value) for name, value in pairs}

    def forms(self):
        return re.findall(r"<form.*?</form>", self.page.text, re.DOTALL)

    def send(self, action, status=303, **given):
        """Fill and send the form of the present page."""
        return self.post(action, {**self.fields(action), **given}, status)

    def post(self, path, data, status=303, **options):
        self.page = self.client.post(path, data=data, **options)
        assert self.page.status_code == status, self.page.text
        return self.page

    def log_in(self, name):
        self.get("/ui/login")
        self.send("/ui/login", key=SECRETS[name][0])
        return self


def seed(service, headers=None):
    """Forecasts of three series, one of them with a hostile key, some values, two versions."""
    series = [one("a"), one(HOSTILE, target=[100] * 7 + [140]), one("Victoria")]
    for start in ("2017-09-01", "2018-01-01"):
        body = {"series": [{**s, "start": start} for s in series]}
        service.forecast(body, 200, **(headers or {}))
    value = {"key": {"shop": "a", "item": "x"}, "time": "2018-05-01", "value": 6}
    service.client.post("/v1/actuals", json={"actuals": [value]}, headers=headers)
    other = artifact(bias=1.0, name="other")
    path = service.folder / "other.onnx"
    path.write_bytes(other)
    task = service.parts.champion.current.task
    card = Artifact(task, {"name": "other"}).card
    service.parts.registry.register(path, task_facts(task), card, why="<b>more data</b>")
    service.parts.people.fill()


def task_facts(task):
    import json

    return json.loads(task.to_json())


@contextmanager
def watched(folder, **options):
    """A service with keys, forecasts, and a queue of questions."""
    raw = {"keys": KEYS, "reviews": {"share": 0}, **options}
    with running(folder, **raw) as service:
        service.folder = folder
        headers = {"x-api-key": SECRETS["till"][0]} if raw["keys"] else None
        seed(service, headers)
        yield service
