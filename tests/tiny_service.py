"""A real server on a loopback port, around a tiny artifact whose forecasts can be told by hand."""

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import numpy as np
import onnx
import uvicorn
from onnx import TensorProto, helper

from loopcast.core.artifact import Artifact
from loopcast.core.task import Columns, Task
from loopcast.service.app import application, assemble
from loopcast.service.settings import settings

LEVELS = (0.1, 0.5, 0.9)
TASK = Task(
    target="sales", time="month", series=("shop", "item"), frequency="MS", horizon=3, season=4,
    history=8, quantiles=LEVELS, static=Columns(categorical=("shop", "item")),
)  # fmt: skip
AHEAD = Task(
    target="sales", time="month", series=("shop", "item"), frequency="MS", horizon=3, season=4,
    history=8, quantiles=LEVELS, static=Columns(categorical=("shop", "item")),
    future=Columns(numeric=("price",), categorical=("event",)),
)  # fmt: skip
SHOPS = ["a", "b", "Victoria"]


def artifact(task=TASK, bias=0.0, broken=False, name="tiny", data=None):
    """Forecast of step h: mean of the known history + h + bias - 1, 0, +1 by level (+ the price).

    Its mean, where the task asks for one, is a tenth above the middle.
    """
    number = helper.make_tensor_value_info
    steps = np.arange(1, task.horizon + 1, dtype=np.float32)[:, None]
    room = steps + np.array([-1, 0, 1], np.float32) + np.float32(np.nan if broken else bias)
    constants = [
        onnx.numpy_helper.from_array(np.float32(0), "zero"),
        onnx.numpy_helper.from_array(np.array([1], np.int64), "axis"),
        onnx.numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
        onnx.numpy_helper.from_array(np.array([2], np.int64), "last"),
        onnx.numpy_helper.from_array(room[None], "room"),
        onnx.numpy_helper.from_array(np.float32(1), "one"),
    ]
    node = helper.make_node
    nodes = [
        node("IsNaN", ["target"], ["absent"]),
        node("Where", ["absent", "zero", "target"], ["known"]),
        node("Where", ["absent", "zero", "one"], ["ones"]),
        node("ReduceSum", ["known", "axis"], ["sum"], keepdims=1),
        node("ReduceSum", ["ones", "axis"], ["count"], keepdims=1),
        node("Max", ["count", "one"], ["counted"]),
        node("Div", ["sum", "counted"], ["known_mean"]),
        node("LabelEncoder", [f"static.{task.series[0]}"], ["code"], domain="ai.onnx.ml",
             keys_strings=SHOPS, values_int64s=[1, 2, 3], default_int64=0),
        node("Cast", ["code"], ["number"], to=TensorProto.FLOAT),
        node("Mul", ["number", "zero"], ["nothing"]),
        node("Unsqueeze", ["nothing", "axis"], ["column"]),
        node("Add", ["known_mean", "column"], ["level"]),
        node("Unsqueeze", ["level", "last"], ["wide"]),
    ]  # fmt: skip
    ins = [
        number("target", TensorProto.FLOAT, ["batch", task.history]),
        number("origin", TensorProto.INT64, ["batch"]),
        number(f"static.{task.series[0]}", TensorProto.STRING, ["batch"]),
    ]
    if task.future.names:
        span = task.history + task.horizon
        ins += [
            number("future", TensorProto.FLOAT, ["batch", span, 1]),
            number("future.event", TensorProto.STRING, ["batch", span]),
        ]
        constants += [
            onnx.numpy_helper.from_array(np.array([task.history], np.int64), "begin"),
            onnx.numpy_helper.from_array(np.array([span], np.int64), "end"),
        ]
        nodes += [
            node("Slice", ["future", "begin", "end", "axis"], ["prices"]),
            node("IsNaN", ["prices"], ["unpriced"]),
            node("Where", ["unpriced", "zero", "prices"], ["priced"]),
            node("Add", ["wide", "priced"], ["both"]),
            node("Add", ["both", "room"], ["quantiles"]),
        ]
    else:
        nodes.append(node("Add", ["wide", "room"], ["quantiles"]))
    outs = [number("quantiles", TensorProto.FLOAT, ["batch", task.horizon, 3])]
    if task.mean:
        constants.append(onnx.numpy_helper.from_array(steps[None, :, 0] + np.float32(0.1), "above"))
        nodes.append(node("Add", ["level", "above"], ["mean"]))
        outs.append(number("mean", TensorProto.FLOAT, ["batch", task.horizon]))
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", ins, outs, constants),
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=10,
    )
    card = {"name": name, "version": 1, "scores": {}, **({"data": data} if data else {})}
    helper.set_model_props(model, Artifact(task, card).to_metadata())
    return model.SerializeToString()


class Running:
    """An application with its server and a client."""

    def __init__(self, parts, client, port):
        self.parts, self.client, self.port = parts, client, port

    def forecast(self, body, status=200, **headers):
        answer = self.client.post("/v1/forecast", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@contextmanager
def running(folder, task=TASK, content=None, copied=True, **options):
    """Serve an artifact with these settings (a dict, as in YAML) until the block ends."""
    path = folder / "tiny.onnx"
    path.write_bytes(content or artifact(task))
    raw = {
        "model": "tiny", "artifact": str(path), "models": str(folder / "models"),
        "store": {"url": f"sqlite:///{folder}/ledger.db"}, "poll_seconds": 0.05, **options,
    }  # fmt: skip
    parts = assemble(settings(raw), copied=copied)
    config = uvicorn.Config(
        application(parts), port=0, log_config=None, access_log=False, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield Running(parts, client, port)
    finally:
        server.should_exit = True
        thread.join(20)


def one(shop="a", target=(1, 2, 3, 4, 5, 6, 7, 8), start="2018-01-01", **more):
    return {"key": {"shop": shop, "item": "x"}, "start": start, "target": list(target), **more}


def problem(answer, status, pointer=None):
    """The body, after what every problem has in common was checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["detail"] and body["error"] == body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    if pointer is not None:
        assert body["errors"][0]["pointer"] == pointer, body
    return body


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def process(folder, *args, log="warning"):
    """`loopcast serve` on a free port; killed at the end if it still lives."""
    port = free_port()
    run = subprocess.Popen(
        [sys.executable, "-m", "loopcast", "serve", *map(str, args), "--port", str(port)],
        cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, "LOOPCAST_LOG": log},
    )  # fmt: skip
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)
    try:
        for _ in range(200):
            if run.poll() is not None or ready(client):
                break
            time.sleep(0.05)
        yield run, client
    finally:
        client.close()
        if run.poll() is None:
            run.kill()
        run.communicate()


def ready(client):
    try:
        return client.get("/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False
