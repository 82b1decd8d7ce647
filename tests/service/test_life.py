"""Beginning, change and end of a real process."""

import asyncio
import json
import random
import shutil
import signal
import socket
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tiny_service import TASK, artifact, one, problem, process, ready, running

from loopcast.core.errors import ArtifactError
from loopcast.service.keys import new_key
from loopcast.store.database import connect
from loopcast.store.registry import Registry


@pytest.fixture
def alone(tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(artifact())
    return tmp_path


def test_an_artifact_alone_is_served_with_a_ledger_beside_it(alone):
    with process(alone, "tiny.onnx") as (run, client):
        answer = client.post("/v1/forecast", json={"series": [one()]}).json()
        run.send_signal(signal.SIGTERM)
        assert run.wait(10) == 0
    with process(alone, "tiny.onnx") as (_, client):
        assert client.get(f"/v1/forecasts/{answer['id']}").status_code == 200
    (alone / "tiny.onnx").write_bytes(artifact(bias=1))
    with process(alone, "tiny.onnx") as (_, client):
        second = client.post("/v1/forecast", json={"series": [one()]}).json()
        assert second["model"]["version"] == 2
        assert client.get(f"/v1/forecasts/{answer['id']}").json()["model"]["version"] == 1


def test_sigterm_answers_what_is_in_flight_and_ends_with_0(alone):
    body = json.dumps({"series": [one()]}).encode()
    head = f"POST /v1/forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        process(alone, "tiny.onnx") as (run, client),
        socket.create_connection(("127.0.0.1", client.base_url.port), timeout=10) as connection,
    ):
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.3)
        run.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert not ready(client) and run.poll() is None
        connection.sendall(body[10:])
        answer = b""
        while part := connection.recv(65536):
            answer += part
        assert b" 200 OK" in answer
        assert run.wait(10) == 0
    given = json.loads(answer.partition(b"\r\n\r\n")[2])["id"]
    assert given.replace("-", "") in ids(alone / "tiny.ledger.db")


def ids(path):
    connection = sqlite3.connect(path)
    found = {row[0].replace("-", "") for row in connection.execute("select id from answers")}
    connection.close()
    return found


def test_readiness_ends_before_the_listener_does(alone):
    (alone / "x.yaml").write_text(
        "model: tiny\nartifact: tiny.onnx\nstore: {url: 'sqlite:///l.db'}\nlisten: {notice_seconds: 0.6}\n"
    )
    with process(alone, "--config", "x.yaml") as (run, client):
        run.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        problem(client.get("/v2/health/ready"), 503)
        assert client.post("/v1/forecast", json={"series": [one()]}).status_code == 200
        client.close()
        assert run.wait(10) == 0


@pytest.mark.parametrize("round_", range(3))
def test_a_killed_process_has_every_answer_in_its_ledger(alone, round_):
    answered, stop = [], threading.Event()

    def ask(client):
        while not stop.is_set():
            try:
                answer = client.post("/v1/forecast", json={"series": [one(str(len(answered)))]})
            except httpx.TransportError:
                return
            answered.append(answer.json()["id"].replace("-", ""))

    with process(alone, "tiny.onnx") as (run, client):
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(6)]
        [t.start() for t in threads]
        time.sleep(0.4 + random.random() / 2)
        run.kill()
        run.wait(10)
        stop.set()
        [t.join() for t in threads]
    assert len(answered) > 20
    assert set(answered) <= ids(alone / "tiny.ledger.db")


@pytest.mark.parametrize("content", [b"no model", None])
def test_what_is_no_artifact_ends_the_start_with_a_sentence(tmp_path, content):
    if content is not None:
        (tmp_path / "tiny.onnx").write_bytes(content)
    with process(tmp_path, "tiny.onnx") as (run, _):
        _, err = run.communicate(timeout=20)
    assert run.returncode == 2 and "Traceback" not in err and err.startswith("loopcast: ")


def register(service, content, folder, name):
    path = folder / f"{name}.onnx"
    path.write_bytes(content)
    return service.parts.registry.register(path, json.loads(TASK.to_json()), {}).version


def wait_for(what, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.01)
    return False


def test_swaps_under_load_fail_no_request(tmp_path):
    with running(tmp_path) as service:
        numbers = [1, *(register(service, artifact(bias=b), tmp_path, f"v{b}") for b in (1, 2))]
        stop, seen, failed = threading.Event(), [], []

        def ask():
            with httpx.Client(base_url=str(service.client.base_url), timeout=10) as client:
                while not stop.is_set():
                    answer = client.post("/v1/forecast", json={"series": [one()]})
                    if answer.status_code != 200:
                        failed.append(answer.text)
                        continue
                    body = answer.json()
                    first = body["forecasts"][0]["quantiles"]["0.5"][0]
                    seen.append((body["model"]["version"], first))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        [t.start() for t in threads]
        for number in (2, 3, 1, 2, 3, 2):
            service.parts.registry.promote(number)
            assert wait_for(lambda n=number: seen and seen[-1][0] == n), number
        stop.set()
        [t.join() for t in threads]
        assert failed == [] and numbers == [1, 2, 3]
        assert set(seen) == {(1, 5.5), (2, 6.5), (3, 7.5)}  # each answer is of one version, whole


@pytest.mark.parametrize(
    "content",
    [
        b"no model at all", artifact(broken=True), artifact(replace(TASK, series=("shop",))),
        artifact(replace(TASK, frequency="D")),
    ],
    ids=["corrupt", "not finite", "other key", "other frequency"],
)  # fmt: skip
def test_a_version_that_may_not_serve_stays_out_and_it_is_said(tmp_path, content):
    with running(tmp_path) as service:
        number = register(service, content, tmp_path, "bad")
        service.parts.registry.promote(number, why="by mistake")
        assert wait_for(lambda: service.client.get("/v1/models").json()["refused"])
        told = service.client.get("/v1/models").json()
        assert told["serving"] == 1 and told["refused"]["version"] == number
        assert told["events"][0]["what"] == "refused"
        assert service.forecast({"series": [one()]})["model"]["version"] == 1
        assert ready(service.client)
        service.parts.registry.promote(1)
        assert wait_for(lambda: not service.client.get("/v1/models").json()["refused"])


def test_a_file_that_was_changed_behind_the_registry_stays_out(tmp_path):
    with running(tmp_path, poll_seconds=60) as service:
        content = artifact(bias=3)
        number = register(service, content, tmp_path, "new")
        service.parts.registry.promote(number)
        shutil.copy(tmp_path / "tiny.onnx", service.parts.registry.version(number).path)
        asyncio.run(service.parts.champion.refresh())
        assert "SHA-256" in service.client.get("/v1/models").json()["refused"]["why"]
        assert service.forecast({"series": [one()]})["model"]["version"] == 1
        with pytest.raises(ArtifactError, match="SHA-256"):
            service.parts.registry.promote(number)
        Path(service.parts.registry.version(number).path).write_bytes(content)
        asyncio.run(service.parts.champion.refresh())  # it was put back
        assert service.client.get("/v1/models").json()["serving"] == number


def test_an_administrator_promotes_and_goes_back(tmp_path):
    key, digest = new_key()
    keys = [{"name": "boss", "sha256": digest, "scopes": ["admin"]}]
    with running(tmp_path, keys=keys, poll_seconds=60) as service:
        headers = {"authorization": f"Bearer {key}"}

        def post(path, body=None):
            return service.client.post(path, json=body or {}, headers=headers)

        register(service, artifact(bias=1), tmp_path, "good")
        bad = register(service, artifact(broken=True), tmp_path, "bad")
        problem(post(f"/v1/models/{bad}/promote"), 409)
        problem(post("/v1/models/9/promote"), 404)
        problem(post("/v1/models/x/promote"), 404)
        problem(post("/v1/rollback"), 409)
        assert post("/v1/models/2/promote", {"why": "better"}).json()["serving"] == 2
        first = Path(service.parts.registry.version(1).path)
        content = first.read_bytes()
        first.write_bytes(b"lost")
        problem(post("/v1/rollback", {"why": "worse"}), 409)
        first.write_bytes(content)
        back = post("/v1/rollback", {"why": "worse"}).json()
        assert back["serving"] == 1
        assert [(e["what"], e["who"], e["why"]) for e in back["events"][:1]] == [
            ("promoted", "boss", "worse")
        ]


def test_a_ledger_that_is_away_gives_no_answer_and_is_back_by_itself(tmp_path):
    with running(tmp_path) as service:
        service.forecast({"series": [one()]})
        writer = connect(f"sqlite:///{tmp_path}/ledger.db")
        with writer.writing() as connection:
            connection.exec_driver_sql("alter table forecasts rename to hidden")
        answer = service.client.post("/v1/forecast", json={"series": [one()]})
        assert "hidden" not in json.dumps(problem(answer, 503))
        with writer.writing() as connection:
            connection.exec_driver_sql("alter table hidden rename to forecasts")
        service.forecast({"series": [one()]})
        writer.close()


def test_postgresql_may_end_its_connections_and_the_service_goes_on(tmp_path, postgres_url):
    import sqlalchemy as sa

    with running(tmp_path, store={"url": postgres_url}) as service:
        service.forecast({"series": [one()]})
        admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(
                sa.text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            )
        admin.dispose()
        service.forecast({"series": [one()]})
        assert ready(service.client)


def test_the_first_start_and_a_version_found_later(tmp_path):
    raw = {"artifact": None}
    with running(tmp_path, **raw) as service:
        problem(service.client.get("/v2/health/ready"), 503)
        problem(service.client.post("/v1/forecast", json={"series": [one()]}), 503)
        Registry(service.parts.database, "tiny", tmp_path).promote(
            register(service, artifact(), tmp_path, "late")
        )
        assert wait_for(lambda: ready(service.client))
        service.forecast({"series": [one()]})
