"""What the service loses when it is killed, changed or misused under load: nothing.

python benchmarks/service_faults.py kill       20 times kill -9 at 200 requests/s: answers missing
python benchmarks/service_faults.py swaps      20 promotions under load: requests that failed
python benchmarks/service_faults.py fuzz --peer-python PATH    schemathesis on the OpenAPI document

PATH: an interpreter with schemathesis. Everything is on 127.0.0.1 and ends by itself.
"""

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from service_load import Reply, Server, asked, free_port, load, message, paced

from loopcast.serving.predictor import Predictor
from loopcast.store.database import connect
from loopcast.store.registry import Registry

RATE = 200.0


def served(folder: Path) -> Server:
    """`loopcast serve --config`, with what is in the folder."""
    port = free_port()
    command = [sys.executable, "-m", "loopcast", "serve", "--config", "service.yaml"]
    return Server([*command, "--port", str(port)], port, "/v2/health/ready", folder=folder)


def prepared(artifact: str, folder: Path) -> Path:
    """A folder with the artifact and a config that asks the registry often."""
    shutil.copy(artifact, folder / "aus_retail.onnx")
    (folder / "service.yaml").write_text(
        "model: aus_retail\nartifact: aus_retail.onnx\nstore: {url: 'sqlite:///ledger.db'}\n"
        "poll_seconds: 0.1\n"
    )
    return folder


def one_series() -> list[bytes]:
    """Fifty different requests."""
    return [message("/v1/forecast", {"series": asked(1, seed)}) for seed in range(50)]


def kill(options: argparse.Namespace) -> None:
    """The same ledger through all rounds."""
    draw, answered, content = random.Random(options.seed), [], one_series()
    with tempfile.TemporaryDirectory() as name:
        folder = prepared(options.artifact, Path(name))
        for _ in range(options.rounds):
            with served(folder) as server:
                after = draw.uniform(0.3, 1.5)
                end = threading.Timer(after, server.run.send_signal, [signal.SIGKILL])
                end.start()
                replies = paced(server.port, content, 16, RATE, 5.0)
                end.join()
                answered += [json.loads(one.body)["id"] for one in replies if one.status == 200]
        found = sqlite3.connect(folder / "ledger.db")
        kept = {row[0] for row in found.execute("select id from answers")}
        (state,) = found.execute("pragma integrity_check").fetchone()
        found.close()
    missing = [one for one in answered if one.replace("-", "") not in kept]
    print(f"{options.rounds} times kill -9, {len(answered):,} forecasts answered")
    print(f"missing from the ledger: {len(missing)}; the file's integrity: {state}")
    sys.exit(bool(missing or state != "ok"))


def swaps(options: argparse.Namespace) -> None:
    """Two versions take turns."""
    replies: list[Reply] = []
    content = one_series()
    with tempfile.TemporaryDirectory() as name:
        folder = prepared(options.artifact, Path(name))
        with served(folder) as server:
            registry = _registry(folder)
            numbers = [_second(registry, folder), 1]
            stop = threading.Event()
            thread = threading.Thread(target=_ask, args=(server.port, content, replies, stop))
            thread.start()
            for i in range(options.rounds):
                registry.promote(numbers[i % 2], why="a swap under load")
                _wait(server.port, numbers[i % 2])
            stop.set()
            thread.join()
    failed = [one for one in replies if one.status != 200]
    versions = {json.loads(one.body)["model"]["version"] for one in replies if one.status == 200}
    print(f"{options.rounds} swaps, {len(replies):,} requests, by versions {sorted(versions)}")
    print(f"failed: {len(failed)}")
    sys.exit(bool(failed or versions != {1, 2}))


def _registry(folder: Path) -> Registry:
    return Registry(connect(f"sqlite:///{folder}/ledger.db"), "aus_retail", folder / "models")


def _second(registry: Registry, folder: Path) -> int:
    """The same graph with a note at its end, so that it is another file."""
    content = (folder / "aus_retail.onnx").read_bytes() + b"\x32\x06second"
    path = folder / "second.onnx"
    path.write_bytes(content)
    predictor = Predictor(content)
    return registry.register(path, json.loads(predictor.task.to_json()), predictor.card).version


def _ask(port: int, content: list[bytes], replies: list[Reply], stop: threading.Event) -> None:
    while not stop.is_set():
        replies += load(port, content, 8, 0.5)


def _wait(port: int, version: int) -> None:
    """Until the version serves."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=10) as answer:
            if json.load(answer)["serving"] == version:
                return
        time.sleep(0.05)
    raise SystemExit(f"version {version} does not serve after 30 seconds")


def fuzz(options: argparse.Namespace) -> None:
    """No 5xx, and every answer within two seconds."""
    python = Path(options.peer_python).absolute()
    with tempfile.TemporaryDirectory() as name:
        folder = prepared(options.artifact, Path(name))
        with served(folder) as server:
            command = [
                str(python.with_name("schemathesis")), "run",
                f"http://127.0.0.1:{server.port}/openapi.json",
                "--checks", "not_a_server_error,status_code_conformance,content_type_conformance",
                "--max-response-time", "2", "--request-timeout", "10", "--no-color",
                "--max-examples", str(options.examples), "--seed", str(options.seed),
                "--max-time", str(options.seconds), "--continue-on-failure", "--generation-database", "none",
            ]  # fmt: skip
            done = subprocess.run(command, check=False, cwd=folder)
            alive = server.ready()
    print(
        f"schemathesis ends with {done.returncode}; the service is {'' if alive else 'not '}ready"
    )
    sys.exit(done.returncode or not alive)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = {"kill": kill, "swaps": swaps, "fuzz": fuzz}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--artifact", default="export/aus_retail.onnx")
    parser.add_argument("--peer-python", default=".venv-serve/bin/python")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--examples", type=int, default=100, help="of schemathesis, a route")
    parser.add_argument("--seconds", type=int, default=240, help="of schemathesis, at most")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    commands[options.command](options)


if __name__ == "__main__":
    main()
