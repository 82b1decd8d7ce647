import subprocess
import sys

import pytest
from tiny_service import one, problem, running

from loopcast.core.errors import ConfigError
from loopcast.service.keys import new_key
from loopcast.service.settings import settings

SECRETS = {name: new_key() for name in ("shop", "till", "boss")}
SCOPES = {"shop": ["predict"], "till": ["actuals"], "boss": ["predict", "actuals", "admin"]}
KEYS = [{"name": n, "sha256": SECRETS[n][1], "scopes": SCOPES[n]} for n in SECRETS]
VALUE = {"actuals": [{"key": {"shop": "a", "item": "x"}, "time": "2018-09-01", "value": 1}]}


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    with running(tmp_path_factory.mktemp("locked"), keys=KEYS) as found:
        yield found


def bearer(name):
    return {"authorization": f"Bearer {SECRETS[name][0]}"}


def test_without_a_key_nothing_but_health_and_docs_opens(locked):
    for path in ("/v1/models", "/metrics", "/v2", "/v2/models/tiny"):
        answer = locked.client.get(path)
        problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    problem(locked.client.post("/v1/forecast", json={"series": [one()]}), 401)
    for path in ("/v2/health/live", "/v2/health/ready", "/docs", "/openapi.json"):
        assert locked.client.get(path).status_code == 200


@pytest.mark.parametrize(
    "key",
    ["-", "wrong", SECRETS["shop"][0] + "x", SECRETS["shop"][1], "ü", "x" * 5000],
    ids=["a dash", "a word", "a letter more", "its digest", "not ASCII", "long"],
)
def test_a_wrong_key_or_its_digest_does_not_open(locked, key):
    answer = locked.client.get("/v1/models", headers={"authorization": b"Bearer " + key.encode()})
    problem(answer, 401)


def test_a_key_opens_what_its_scopes_say(locked):
    locked.forecast({"series": [one()]}, 200, **bearer("shop"))
    problem(locked.client.post("/v1/actuals", json=VALUE, headers=bearer("shop")), 403)
    assert locked.client.post("/v1/actuals", json=VALUE, headers=bearer("till")).status_code == 200
    problem(
        locked.client.post("/v1/forecast", json={"series": [one()]}, headers=bearer("till")), 403
    )
    problem(locked.client.post("/v1/models/1/promote", json={}, headers=bearer("shop")), 403)
    promoted = locked.client.post("/v1/models/1/promote", json={"why": "x"}, headers=bearer("boss"))
    assert promoted.status_code == 200
    header = {"x-api-key": SECRETS["shop"][0]}
    assert locked.client.get("/v1/models", headers=header).status_code == 200


def test_the_ledger_knows_the_clients_name_and_never_the_key(locked, tmp_path):
    import sqlite3

    locked.forecast({"series": [one()]}, 200, **bearer("boss"))
    url = locked.parts.database.engine.url.database
    dump = "\n".join(sqlite3.connect(url).iterdump())
    assert "'boss'" in dump and all(secret not in dump for secret, _ in SECRETS.values())


def test_without_keys_admin_routes_stay_closed(service):
    problem(service.client.post("/v1/models/1/promote", json={}), 403)
    problem(service.client.post("/v1/rollback", json={}), 403)


def test_without_keys_a_disguised_name_does_not_reach_the_service(service):
    problem(service.client.get("/v1/models", headers={"host": "evil.example"}), 403)
    assert service.client.get("/v1/models", headers={"host": "localhost:1"}).status_code == 200


def test_a_page_of_another_site_cannot_write(service):
    evil = {"origin": "https://evil.example"}
    body = {"series": [one()]}
    problem(service.client.post("/v1/forecast", json=body, headers=evil), 403)
    behind = {"origin": "https://forecast.example", "sec-fetch-site": "same-origin"}  # a proxy's
    assert service.client.post("/v1/forecast", json=body, headers=behind).status_code == 200
    own = {"origin": f"http://127.0.0.1:{service.port}"}
    assert service.client.post("/v1/forecast", json=body, headers=own).status_code == 200


def base(**more):
    return {"model": "m", "store": {"url": "sqlite://"}, **more}


def test_other_machines_are_served_only_when_told():
    with pytest.raises(ConfigError, match="keys"):
        settings(base(listen={"host": "0.0.0.0"}))
    with pytest.raises(ConfigError, match="keys"):
        settings(base(listen={"host": ""}))  # binds every address
    settings(base(listen={"host": "0.0.0.0", "open": True}))
    settings(base(listen={"host": "0.0.0.0"}, keys=KEYS))
    assert settings(base()).listen.host == "127.0.0.1"


def test_a_key_in_the_config_is_refused_where_its_digest_belongs():
    wrong = [{**KEYS[0], "sha256": SECRETS["shop"][0]}]
    with pytest.raises(ConfigError, match="never the key itself") as error:
        settings(base(keys=wrong))
    assert SECRETS["shop"][0] not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": 1},
        {"history": "sqlite:///shop.db"},
        {"limits": {"serie": 1}},
        {"model": "../x"},
        {"keys": [{**KEYS[0], "scopes": ["root"]}]},
    ],
)
def test_settings_that_cannot_be_are_named(wrong):
    with pytest.raises(ConfigError):
        settings(base(**wrong))


def test_the_command_makes_a_key_and_its_digest():
    import hashlib

    out = subprocess.run(
        [sys.executable, "-m", "loopcast", "key"], capture_output=True, text=True, check=True
    )
    key, digest = (line.rpartition(" ")[2] for line in out.stdout.strip().splitlines())
    assert hashlib.sha256(key.encode()).hexdigest() == digest
