"""WAPE of the test part with all covariates and without, beside peers with the same ones.

python benchmarks/covariates.py --sets stallion walmart simulated --seconds 120 --peer-python PYTHON

A line of JSON is added to --out for each (set, method, seed), and what is there is not run again.
The table is printed from that file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
from covariate_sets import SETS, Set, simulated

HERE = Path(__file__).parent
METHODS = (
    "ours", "ours without", "LightGBM", "LightGBM without", "NHITS", "NHITS without", "TFT",
    "TFT without", "truth",
)  # fmt: skip


def wape(actual: pd.Series, forecast: pd.Series) -> float:
    """Of all rows together."""
    return float((actual - forecast).abs().sum() / actual.abs().sum())


def ours(one: Set, covariates: bool, options: argparse.Namespace, seed: int) -> float:
    """Through the exported artifact, by the five-line call; no setting but columns and budget."""
    from loopcast.training.api import fit

    data = {**one.plain, **(one.covariates if covariates else {})}
    time_ = {"max_time": {"seconds": options.seconds}}
    budget = {"max_steps": options.steps} if options.steps else time_
    trainer = {**budget, "enable_progress_bar": False, "accelerator": "cpu"}
    model = {"members": options.members} if options.members else {}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            run = fit(one.frame, data=data, model=model, trainer=trainer, seed=seed)
        finally:
            os.chdir(before)
    assert run.scores is not None
    return float(run.scores["overall"]["wape"])


def peer(one: Set, method: str, covariates: bool, options: argparse.Namespace) -> float:
    """In the peers' environment."""
    static = one.covariates["static"] if covariates else []
    future = one.covariates["future"] if covariates else []
    keys, time_, target = one.plain["series"], one.plain["time"], one.target
    assert isinstance(keys, list)
    rows = one.frame[[*keys, *static, *future]].assign(
        unique_id=one.frame[keys].agg("|".join, axis=1), ds=one.frame[time_], y=one.frame[target]
    )
    with tempfile.TemporaryDirectory() as folder:
        asked = {
            "rows": f"{folder}/rows.parquet", "forecasts": f"{folder}/forecasts.parquet",
            "method": method, "keys": keys, "static": static, "future": future,
            "frequency": one.plain["frequency"], "horizon": one.plain["horizon"],
            "seconds": options.seconds,
        }  # fmt: skip
        rows.to_parquet(asked["rows"])
        subprocess.run(
            [options.peer_python, str(HERE / "covariates_peer.py")], input=json.dumps(asked),
            text=True, check=True, cwd=folder, capture_output=True,
        )  # fmt: skip
        found = pd.read_parquet(asked["forecasts"])
    both = found.merge(rows[["unique_id", "ds", "y"]], on=["unique_id", "ds"])
    return wape(both["y"], both["forecast"])


def truth(one: Set) -> float:
    """What a forecast that knows the generator would get; only of simulated sets."""
    last = one.frame[one.plain["time"]].drop_duplicates().nlargest(int(str(one.plain["horizon"])))
    test = one.frame[one.frame[one.plain["time"]].isin(last)]
    return wape(test[one.target], test["expected"])


def measured(one: Set, method: str, options: argparse.Namespace, seed: int) -> float:
    """WAPE of a method."""
    covariates = not method.endswith("without")
    if method.startswith("ours"):
        return ours(one, covariates, options, seed)
    if method == "truth":
        return truth(one)
    return peer(one, method.removesuffix(" without"), covariates, options)


def kept(path: Path) -> list[dict[str, Any]]:
    """Results so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def asked(options: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """What is not yet in the file."""
    have = {(r["set"], r["method"], r["seed"]) for r in kept(options.out)}
    for name in options.sets:
        for method in options.methods:
            seeds = options.seeds if method.startswith("ours") else [1]
            known = method != "truth" or name == "simulated"
            yield from (
                (name, method, seed) for seed in seeds if known and (name, method, seed) not in have
            )


def table(results: list[dict[str, Any]]) -> str:
    """A line a set, the median over seeds."""
    sets = list(dict.fromkeys(r["set"] for r in results))
    lines = ["| set | " + " | ".join(METHODS) + " |", "|---" * (len(METHODS) + 1) + "|"]
    for name in sets:
        cells = []
        for method in METHODS:
            found = [r["wape"] for r in results if (r["set"], r["method"]) == (name, method)]
            cells.append(f"{median(found):.3f}" if found else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--seconds", type=int, default=120, help="of training")
    parser.add_argument("--steps", type=int, help="of ours, in place of seconds")
    parser.add_argument("--members", type=int, help="of ours; default: by rule")
    parser.add_argument("--stores", type=int, default=300, help="of the simulated set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--peer-python", default=sys.executable, help="has the bench extra")
    parser.add_argument("--out", type=Path, default=Path("covariates.jsonl"))
    options = parser.parse_args()
    frames: dict[str, Set] = {}
    for name, method, seed in asked(options):
        if name not in frames:
            frames[name] = simulated(options.stores) if name == "simulated" else SETS[name]()
        one = frames[name]
        began = time.perf_counter()
        score = measured(one, method, options, seed)
        line = {
            "set": name, "method": method, "seed": seed, "wape": score,
            "seconds": options.seconds, "steps": options.steps, "members": options.members,
            "wall": round(time.perf_counter() - began, 1),
        }  # fmt: skip
        with options.out.open("a") as out:
            out.write(json.dumps(line) + "\n")
        print(f"{name}, {method}, seed {seed}: {score:.4f}", flush=True)
    print(table(kept(options.out)))


if __name__ == "__main__":
    main()
