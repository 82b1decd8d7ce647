"""Forecasts through the predictor: one series beside neuralforecast, a fresh process, 10,000 series.

python benchmarks/predict.py --peer-python PATH   (an interpreter with neuralforecast)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ours
import pandas as pd
from peer import ONE_THREAD, ROUNDS, Peer, best, data

import loopcast
from loopcast import Predictor

ROOT = Path(__file__).parents[1]
TIMES = 200
QUIET = {"max_steps": 2, "enable_progress_bar": False}
SAME = {
    "history": 96, "horizon": 48, "batch": 1024, "layers": 2, "width": 64,
    "quantiles": [0.1, 0.25, 0.5, 0.75, 0.9], "series_batch": 32, "step_size": 1,
}  # fmt: skip
FRESH = """
import json, sys, time
from pathlib import Path
began = time.perf_counter()
from loopcast import Predictor
imported = time.perf_counter()
predictor = Predictor(sys.argv[1])
loaded = time.perf_counter()
predictor.predict(json.loads(sys.argv[2]))
done = time.perf_counter()
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory too
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps([imported - began, loaded - imported, done - loaded, peak, time.process_time()]))
"""


def trained(frame: pd.DataFrame, sections: dict[str, Any]) -> Path:
    """An artifact of the plain MLP, hardly trained: speed does not depend on it."""
    model = {"network": partial(ours.MLP, layers=2, width=64)}
    return loopcast.fit(frame, name="speed", data=sections, model=model, trainer=QUIET).artifact


def hourly() -> tuple[Path, dict[str, Any], str]:
    """An artifact of M4 hourly, 200 rows of one series as plain arrays, and the file."""
    path = str(data("m4/hourly_train.parquet"))
    frame = pd.read_parquet(path)
    sections = {
        "time": "t", "target": "y", "frequency": 1, "horizon": 48, "history": 96, "season": 24,
        "series": ["unique_id"], "validation": 0, "test": 0,
    }  # fmt: skip
    rows = frame[frame["unique_id"] == "H1"].tail(200)
    arrays = {
        "unique_id": np.array(["H1"] * len(rows)),
        "t": rows["t"].to_numpy(),
        "y": rows["y"].to_numpy(),
    }
    return trained(frame, sections), arrays, path


def single(peer: Peer, predictor: Predictor, rows: dict[str, Any], path: str) -> None:
    """One forecast from plain arrays, against predict(df)."""
    peer.ask("fit", {**SAME, "path": path, "steps": 2})
    asked = {"key": "H1", "ds": rows["t"].tolist(), "y": rows["y"].tolist(), "times": 20}
    rounds: dict[str, list[float]] = {"cpu": [], "wall": []}

    def mine() -> float:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(TIMES):
            predictor.predict(rows)
        rounds["wall"].append((time.perf_counter() - wall) / TIMES)
        return (time.process_time() - cpu) / TIMES

    mine()
    found = best({"ours": mine, "theirs": lambda: peer.ask("predict", asked)["cpu"]})
    print(
        f"one forecast: loopcast {1e3 * found['ours']:.3f} ms"
        f" (wall {1e3 * min(rounds['wall']):.3f}), neuralforecast {1e3 * found['theirs']:.2f} ms:"
        f" {found['theirs'] / found['ours']:.1f} times as fast"
    )


def base_python(folder: Path) -> str:
    """A base install of this checkout: numpy, onnxruntime and tzdata."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", str(ROOT)]
    pins = ROOT / "constraints.txt"
    subprocess.run([*install, "-c", str(pins)], check=True)
    return python


def fresh(python: str, artifact: Path, rows: dict[str, Any]) -> None:
    """Import, load and first forecast in a new process of the base install."""
    plain = json.dumps({name: column.tolist() for name, column in rows.items()})
    command = [python, "-c", FRESH, str(artifact), plain]
    walls, cpus, found = [], [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=True, env=one_thread())
        walls.append(time.perf_counter() - began)
        found.append(json.loads(done.stdout))
        cpus.append(found[-1][-1])
    imported, loaded, first, peak, _ = np.array(found).min(0)
    print(
        f"fresh process: {min(walls):.3f} s wall, {min(cpus):.3f} s CPU"
        f" (import {imported:.3f}, load {loaded:.3f}, first forecast {first:.3f} s wall),"
        f" {peak:.0f} MB at its peak"
    )


def one_thread() -> dict[str, str]:
    """The environment with one thread a library."""
    return {**os.environ, **ONE_THREAD}


def many(series: int = 10_000, length: int = 104) -> None:
    """All of a shop's weekly series in one predict; the keys are text in two columns."""
    weeks = np.datetime64("2023-01-02") + 7 * np.arange(length)
    shops = np.array([f"shop {i % 100:03d}" for i in range(series)])
    articles = np.array([f"article {i // 100:05d}" for i in range(series)])
    rows = {
        "shop": np.repeat(shops, length),
        "article": np.repeat(articles, length),
        "week": np.tile(weeks, series),
        "sold": np.random.default_rng(1).poisson(9, series * length).astype(float),
    }
    sections = {
        "time": "week", "target": "sold", "frequency": "W-MON", "horizon": 13,
        "series": ["shop", "article"], "validation": 0, "test": 0,
    }  # fmt: skip
    some = pd.DataFrame({name: column[: 500 * length] for name, column in rows.items()})
    predictor = Predictor(trained(some, sections))
    walls = []

    def measure() -> float:
        cpu, wall = time.process_time(), time.perf_counter()
        assert len(predictor.predict(rows)) == series
        walls.append(time.perf_counter() - wall)
        return time.process_time() - cpu

    seconds = best({"ours": measure})["ours"]
    print(
        f"{series:,} series x {length} rows, text keys: {seconds:.2f} s CPU"
        f" ({min(walls):.2f} s wall), {series / seconds:,.0f} series/s"
    )


def main() -> None:
    """Three rows of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="interpreter with neuralforecast")
    parser.add_argument("--base-python", help="one with the base install; else it is made")
    args = parser.parse_args()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            artifact, rows, path = hourly()
            with Peer(args.peer_python) as peer:
                single(peer, Predictor(artifact), rows, path)
            python = args.base_python or base_python(Path(folder) / "base")
            fresh(python, artifact.resolve(), rows)
            many()
        finally:
            os.chdir(here)


if __name__ == "__main__":
    sys.exit(main())
