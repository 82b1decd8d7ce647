"""Requests a second, CPU, memory and start of `loopcast serve`, beside other servers.

python benchmarks/service.py rate --peer-python PATH       LitServe and MLServer around the same .onnx
python benchmarks/service.py thousand --peer-python PATH   FastAPI and pydantic, 1,000 series a request
python benchmarks/service.py memory                        after 10,000 mixed requests; start to ready

PATH: an interpreter with these packages (README.md in this folder says how to make it). Servers
take turns on one machine, with the same client; loopcast writes its ledger throughout.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from service_load import HISTORY, ORIGIN, Server, asked, free_port, keys, load, message

HERE = Path(__file__).parent
PEERS = {
    "LitServe, defaults": ("service_litserve.py", [], "/health"),
    "LitServe, tuned": ("service_litserve.py", ["tuned"], "/health"),
    "MLServer, defaults": ("service_mlserver.py", [], "/v2/health/ready"),
    "MLServer, tuned": ("service_mlserver.py", ["tuned"], "/v2/health/ready"),
    "MLServer, tuned, alone": ("service_mlserver.py", ["alone"], "/v2/health/ready"),
    "FastAPI + pydantic": ("service_fastapi.py", [], "/health"),
}


@dataclass(frozen=True)
class Turn:
    """What one server did in one turn."""

    rate: float  # requests a second
    p50: float  # seconds
    p99: float
    cpu: float  # seconds a request, of all the server's processes


def loopcast(artifact: str, folder: Path) -> Server:
    """Ours, as a user starts it: the artifact alone, its ledger beside it."""
    copy, port = shutil.copy(artifact, folder / "aus_retail.onnx"), free_port()
    command = [sys.executable, "-m", "loopcast", "serve", str(copy), "--port", str(port)]
    return Server(command, port, "/v2/health/ready")


def peer(name: str, python: str, artifact: str, folder: Path) -> Server:
    """One of PEERS."""
    script, more, ready = PEERS[name]
    port = free_port()
    command = [python, str(HERE / script), str(Path(artifact).resolve()), str(port), *more]
    return Server(command, port, ready, folder=folder)


def messages(name: str, series: int, count: int) -> list[bytes]:
    """Different requests for the same forecasts, as the server takes them."""
    bodies = [asked(series, seed) for seed in range(count)]
    if name.startswith("MLServer"):
        return [message("/v2/models/aus_retail/infer", tensors(body)) for body in bodies]
    return [message("/v1/forecast", {"series": body}) for body in bodies]


def tensors(series: list[dict[str, Any]]) -> dict[str, Any]:
    """The same request in the Open Inference Protocol V2."""
    count, origin = len(series), int(np.datetime64(ORIGIN[:7], "M").astype(int))
    texts = [
        {
            "name": f"static.{name}", "shape": [count], "datatype": "BYTES",
            "data": [one["key"][name] for one in series],
        }
        for name in ("State", "Industry")
    ]  # fmt: skip
    values = [value for one in series for value in one["target"]]
    numbers = [
        {"name": "origin", "shape": [count], "datatype": "INT64", "data": [origin] * count},
        {"name": "target", "shape": [count, HISTORY], "datatype": "FP32", "data": values},
    ]
    return {"inputs": [*texts, *numbers]}


def median(name: str, body: bytes) -> np.ndarray:
    """The medians in an answer, [series, horizon]: all servers must give the same."""
    found = json.loads(body)
    if name.startswith("MLServer"):
        (output,) = found["outputs"]
        return np.array(output["data"]).reshape(output["shape"])[:, :, 2]
    return np.array([one["quantiles"]["0.5"] for one in found["forecasts"]])


def turn(server: Server, content: list[bytes], clients: int, seconds: float) -> Turn:
    """Ask for some seconds; raises SystemExit where an answer is not 200."""
    before = server.cpu()
    replies = load(server.port, content, clients, seconds)
    spent, times = server.cpu() - before, sorted(one.seconds for one in replies)
    if wrong := [one for one in replies if one.status != 200]:
        raise SystemExit(f"{len(wrong)} answers were not 200: {wrong[0].body[:300]!r}")
    count = len(times)
    middle, high = times[count // 2], times[min(int(count * 0.99), count - 1)]
    return Turn(count / seconds, middle, high, spent / count)


def compare(
    names: Sequence[str], options: argparse.Namespace, series: int, clients: int
) -> dict[str, Turn]:
    """The medians of all turns, by server; every round asks each server once."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {"loopcast": stack.enter_context(loopcast(options.artifact, folder))}
        for name in names:
            started = peer(name, options.peer_python, options.artifact, folder)
            servers[name] = stack.enter_context(started)
        content = {name: messages(name, series, 200 if series == 1 else 3) for name in servers}
        _require_same(servers, content)
        turns: dict[str, list[Turn]] = {name: [] for name in servers}
        for _ in range(options.rounds):
            for name, server in servers.items():
                turns[name].append(turn(server, content[name], clients, options.seconds))
    return {name: _middle(found) for name, found in turns.items()}


def _require_same(servers: dict[str, Server], content: dict[str, list[bytes]]) -> None:
    found = {}
    for name, server in servers.items():
        replies = load(server.port, content[name], 1, 30, most=len(content[name]))
        found[name] = np.concatenate([median(name, one.body) for one in replies])
    for name, values in found.items():
        np.testing.assert_allclose(values, found["loopcast"], rtol=1e-4, err_msg=name)


def _middle(turns: list[Turn]) -> Turn:
    fields = ("rate", "p50", "p99", "cpu")
    return Turn(*(statistics.median(getattr(one, field) for one in turns) for field in fields))


def show(found: dict[str, Turn]) -> None:
    """A table, and what loopcast is to the others."""
    print(f"{'':22}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}   loopcast is")
    ours = found["loopcast"]
    for name, one in found.items():
        times = f"{ours.rate / one.rate:.1f} x the rate, CPU / {one.cpu / ours.cpu:.1f}"
        row = (one.rate, 1e3 * one.p50, 1e3 * one.p99, 1e3 * one.cpu)
        cells = f"{row[0]:12,.0f}" + "".join(f"{value:9.2f}" for value in row[1:])
        print(f"{name:22}{cells}   {'' if one is ours else times}")


def rate(options: argparse.Namespace) -> None:
    """One series a request."""
    names = [name for name in PEERS if "Serve" in name]
    for clients in options.clients:
        print(f"\none series a request, {clients} connections")
        show(compare(names, options, 1, clients))


def thousand(options: argparse.Namespace) -> None:
    """A thousand series a request."""
    print("\n1,000 series a request, 1 connection")
    show(compare(["FastAPI + pydantic"], options, 1000, 1))


def memory(options: argparse.Namespace) -> None:
    """Mixed requests: sizes, forms, errors, actual values; then the resident size."""
    with tempfile.TemporaryDirectory() as folder:
        starts = []
        for _ in range(5):  # the first makes the ledger's tables, and Python's own cache
            with loopcast(options.artifact, Path(folder)) as server:
                starts.append(server.start)
        with loopcast(options.artifact, Path(folder)) as server:
            begin = server.memory()
            replies = load(server.port, mixed(), 8, 600, most=options.requests)
            counts = {status: 0 for status in sorted({one.status for one in replies})}
            for one in replies:
                counts[one.status] += 1
            print(f"{len(replies):,} requests, by status: {counts}")
            print(f"resident: {begin:.0f} MB at the start, {server.memory():.0f} MB after")
    print(f"start to ready: {starts[0]:.2f} s the first time, then {min(starts[1:]):.2f} s")


def mixed() -> list[bytes]:
    """In a hundred: 60 of one series, 20 of ten, 2 of a thousand, 8 of rows, 5 of values, 5 wrong."""
    path, content = "/v1/forecast", []
    for seed in range(60):
        content.append(message(path, {"series": asked(1, seed)}))
    for seed in range(20):
        content.append(message(path, {"series": asked(10, seed), "quantiles": [0.5]}))
    for seed in range(2):
        content.append(message(path, {"series": asked(1000, seed)}))
    for seed in range(8):
        content.append(message(path, {"rows": _rows(seed)}))
    for seed in range(5):
        value = {"key": keys()[seed], "time": f"201{seed}-01-01", "value": 800.5}
        content.append(message("/v1/actuals", {"actuals": [value]}))
    for wrong in ({}, {"series": []}, {"series": [{"key": {}}]}, {"horizon": 99}, {"rows": [{}]}):
        content.append(message(path, wrong))
    return [content[(i * 37) % len(content)] for i in range(len(content))]


def _rows(seed: int) -> list[dict[str, Any]]:
    months = [f"{year}-{month:02}-01" for year in (2016, 2017) for month in range(1, 13)]
    return [
        {**one["key"], "Month": month, "Turnover": value}
        for one in asked(5, seed)
        for month, value in zip(months, one["target"], strict=True)
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = {"rate": rate, "thousand": thousand, "memory": memory}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--artifact", default="export/aus_retail.onnx")
    parser.add_argument("--peer-python", default=".venv-serve/bin/python")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 32])
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    commands[options.command](options)


if __name__ == "__main__":
    main()
