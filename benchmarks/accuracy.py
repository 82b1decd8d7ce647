"""Accuracy at one budget: ours by default beside statistics, trees and networks, one table.

python benchmarks/accuracy.py --peers .venv-bench/bin/python [--seconds 120] [--sets aus_retail,...]

Each run is a process of its own, one after the other; what it scored is appended to
benchmarks/results/accuracy.jsonl, and a run that is there already is not done again. Ours is given
columns, frequency, horizon and the budget; the last horizon of each series is seen by the scores alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sets
from numpy.typing import NDArray

from loopcast.core import scores

METHODS = ("ours", "naive", "AutoETS", "Theta", "LightGBM", "NHITS", "TFT", "PatchTST")
HERE = Path(__file__).parent
RESULTS = HERE / "results" / "accuracy.jsonl"
SHOWN = ("mase", "smape", "wape", "wql", "coverage_80")
USUAL = [name for name, spec in sets.SPECS.items() if not spec.asked]
LEVELS = (0.1, 0.5, 0.9)
PATIENCE = 20
"""A run that has not ended after so many times its budget is given up, and shown as that."""


def main() -> None:
    options = arguments()
    done = {key(row) for row in rows(options.out)}
    for name in options.sets:
        for method in options.methods:
            for seed in options.seeds if method == "ours" else (1,):
                run = {"set": name, "method": method, "seconds": options.seconds, "seed": seed}
                if key(run) not in done:
                    append(options.out, {**run, **judged(run, options.peers)})
    show(options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=sys.executable, help="a Python with the bench extra")
    parser.add_argument("--seconds", type=int, default=120, help="of training")
    parser.add_argument("--sets", type=lambda t: t.split(","), default=USUAL)
    parser.add_argument("--methods", type=lambda t: t.split(","), default=list(METHODS))
    parser.add_argument("--seeds", type=lambda t: [int(s) for s in t.split(",")], default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["set"], row["method"], row["seconds"], row["seed"]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def append(path: Path, row: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lines:
        lines.write(json.dumps(row) + "\n")
    print({name: row[name] for name in row if name not in ("cores", "date")}, flush=True)


def judged(run: dict[str, Any], peers: str) -> dict[str, Any]:
    """Runs the method in a process, and scores what it forecast."""
    facts = {"date": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "forecast.parquet"
        python, script = (
            (sys.executable, "accuracy_ours.py")
            if run["method"] == "ours"
            else (peers, "accuracy_peers.py")
        )
        command = [python, str(HERE / script), json.dumps(run), str(out)]
        began = time.perf_counter()
        try:
            ended = subprocess.run(
                command, cwd=folder, timeout=PATIENCE * run["seconds"], capture_output=True,
                text=True, check=False,
                env={**os.environ, "LOOPCAST_DATA": str(sets.shared("").resolve())},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {**facts, "failed": "not finished"}
        if not out.exists():
            return {**facts, "failed": ended.stderr.strip().splitlines()[-1:]}
        wall = round(time.perf_counter() - began, 1)
        return {**facts, "wall": wall, **board(run["set"], pd.read_parquet(out))}


def board(name: str, forecast: pd.DataFrame) -> dict[str, Any]:
    """Scores on the hold-out; `forecast` has unique_id, ds, forecast and quantile columns."""
    spec = sets.SPECS[name]
    history, held = sets.parts(name)
    joined = held.merge(forecast, on=[sets.KEY, sets.TIME], how="left")
    step = joined.groupby(sets.KEY).cumcount()

    def wide(column: str) -> NDArray[np.float64]:
        return joined.assign(step=step).pivot(index=sets.KEY, columns="step", values=column).values

    actual, point = wide(sets.TARGET), wide("forecast")
    scale = naive_scale(history, spec.season).reindex(sorted(held[sets.KEY].unique())).values
    missing = int(np.isnan(point[~np.isnan(actual)]).sum())
    found: dict[str, Any] = {
        "mase": scores.mase(actual, point, scale),
        "smape": scores.smape(actual, point),
        "wape": scores.wape(actual, point),
    }
    levels = [level for level in LEVELS if f"q{level:g}" in forecast]  # that all give
    if levels:
        quantiles = np.stack([wide(f"q{level:g}") for level in levels], -1)
        found["wql"] = scores.wql(actual, quantiles, levels)
        found["coverage_80"] = scores.coverage(actual, quantiles[..., 0], quantiles[..., -1])
    seconds = forecast.attrs.get("fit_seconds")
    return {**{k: round(float(v), 5) for k, v in found.items()}, "missing": missing, "fit": seconds}


def naive_scale(history: pd.DataFrame, season: int) -> pd.Series:
    """Mean absolute change over a season of each series; NaN where it is 0."""
    change = history.groupby(sets.KEY)[sets.TARGET].diff(season).abs()
    mean = change.groupby(history[sets.KEY]).mean()
    return mean.where(mean > 0)


def show(options: argparse.Namespace) -> None:
    """One table: the deciding score of each set by method, ours as the median of its seeds."""
    found = [row for row in rows(options.out) if row["seconds"] == options.seconds]
    if not found:
        return
    table = pd.DataFrame(found)
    print(f"\n{options.seconds} s of training, {os.cpu_count()} cores")
    ratios = []
    lines = {}
    for name, spec in sets.SPECS.items():
        mine = table[table["set"] == name]
        middle = mine.groupby("method")[[c for c in SHOWN if c in mine]].median()
        if middle.empty:
            continue
        lines[f"{name} ({spec.deciding})"] = middle[spec.deciding]
        peers = middle["mase"].drop("ours", errors="ignore").dropna()
        if "ours" in middle.index and len(peers) and not spec.asked:
            ratios.append(middle.loc["ours", "mase"] / peers.min())
    order = [m for m in METHODS if m in set(table["method"])]
    print(pd.DataFrame(lines).T.reindex(columns=order).round(4).to_string())
    if ratios:
        print(
            f"MASE against the best peer, {len(ratios)} sets: {np.exp(np.mean(np.log(ratios))):.3f}"
        )


if __name__ == "__main__":
    main()
