"""ETTh1 and ETTm1 at horizon 96 beside the papers' numbers: their split, standardisation and score.

Seven channels are seven series; 12, 4 and 4 months of 30 days train, choose and test. Every channel
is standardised by its train part. The score is the mean squared error over all windows of the part,
one step apart, none left out; the loss is squared error, the budget `--seconds` of training.

python benchmarks/ett.py [--sets ETTh1,ETTm1] [--seconds 600] [--network CLASS_PATH] [--history N]
"""

import argparse
import os
import tempfile
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

import loopcast
from loopcast.core.grid import grid
from loopcast.core.inputs import inputs
from loopcast.serving.predictor import Predictor
from loopcast.training.losses import SquaredLoss

STEPS = {"ETTh1": 1, "ETTm1": 4}
"""In an hour."""
MONTH = 30 * 24
PARTS = {"train": 12, "validation": 4, "test": 4}
HORIZON = 96
TOGETHER = 4096


def frame(name: str) -> pd.DataFrame:
    """Long form: channel, date, value in deviations of the train part."""
    root = Path(__file__).parents[1]
    folder = Path(os.environ.get("LOOPCAST_DATA", root.parent / "shared" / "data")) / "ett"
    wide = pd.read_csv(folder / f"{name}.csv.gz", parse_dates=["date"], index_col="date")
    month = MONTH * STEPS[name]
    wide = wide.iloc[: sum(PARTS.values()) * month]
    train = wide.iloc[: PARTS["train"] * month]
    scaled = (wide - train.mean()) / train.std(ddof=0)
    return scaled.melt(var_name="channel", value_name="value", ignore_index=False).reset_index()


def fitted(name: str, rows: pd.DataFrame, options: argparse.Namespace) -> Predictor:
    """In the working directory; everything not named is chosen by the rules."""
    month = MONTH * STEPS[name]
    data: dict[str, Any] = {
        "series": ["channel"], "time": "date", "target": "value", "horizon": HORIZON,
        "frequency": "h" if STEPS[name] == 1 else "15min", "history": options.history,
        "validation": PARTS["validation"] * month, "test": PARTS["test"] * month,
        "recent": options.recent,
    }  # fmt: skip
    if options.plain:
        data |= {"static": [], "features": []}
    model: dict[str, Any] = {"quantiles": [0.5], "loss": SquaredLoss()}
    if options.network:
        module, _, kind = options.network.rpartition(".")
        model["network"] = partial(getattr(import_module(module), kind), **named(options.size))
    data, model = {**data, **named(options.data)}, {**model, **named(options.model)}
    budget: dict[str, Any] = {"max_time": {"seconds": options.seconds}}
    budget = {"max_steps": options.steps} if options.steps else budget
    run = loopcast.fit(
        rows, name=name, data=data, model=model, trainer={**budget, "enable_progress_bar": False}
    )
    return Predictor(run.artifact)


def named(texts: list[str]) -> dict[str, Any]:
    """KEY=VALUE each, values as in YAML."""
    return {key: yaml.safe_load(value) for key, value in (text.split("=") for text in texts)}


def error(name: str, predictor: Predictor, rows: pd.DataFrame, part: str) -> tuple[float, float]:
    """Mean squared and mean absolute error over all windows of a part."""
    panel = grid({column: rows[column].to_numpy() for column in rows}, predictor.task)
    month, begin = (
        MONTH * STEPS[name],
        sum(PARTS[p] for p in list(PARTS)[: list(PARTS).index(part)]),
    )
    last = panel.start[0] + begin * month - 1  # the first origin
    origins = np.arange(last, last + PARTS[part] * month - HORIZON + 1)
    series = np.repeat(np.arange(len(panel)), len(origins))
    apart = []
    for at in range(0, len(series), TOGETHER):
        chosen, origin = (
            series[at : at + TOGETHER],
            np.tile(origins, len(panel))[at : at + TOGETHER],
        )
        found = predictor.run(inputs(panel, predictor.task, chosen, origin))[..., 0]
        apart.append(found - _actual(panel, chosen, origin))
    whole: NDArray[np.float64] = np.concatenate(apart).astype(np.float64)
    return float(np.square(whole).mean()), float(np.abs(whole).mean())


def _actual(panel: Any, series: NDArray[np.int64], origin: NDArray[np.int64]) -> Any:
    rows = panel.offsets[series] + origin - panel.start[series]
    return panel.target[rows[:, None] + np.arange(1, HORIZON + 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=lambda t: t.split(","), default=list(STEPS))
    parser.add_argument("--seconds", type=int, default=600, help="of training")
    parser.add_argument("--steps", type=int, help="of training, in place of seconds")
    parser.add_argument("--network", help="class path; default: what the rules choose")
    parser.add_argument("--history", type=int)
    parser.add_argument("--recent", type=int)
    parser.add_argument("--plain", action="store_true", help="no calendar, position or channel")
    for name, what in {"model": "model", "data": "data", "size": "network"}.items():
        parser.add_argument(
            f"--{name}", action="append", default=[], metavar="KEY=VALUE", help=f"of the {what}"
        )
    parser.add_argument("--part", choices=list(PARTS)[1:], default="test")
    options = parser.parse_args()
    for name in options.sets:
        rows, began = frame(name), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            predictor = fitted(name, rows, options)
            took = time.perf_counter() - began
            squared, absolute = error(name, predictor, rows, options.part)
        print(
            f"{name}, {options.network or 'default'}, history {predictor.task.history}, {options.part}:"
            f" MSE {squared:.4f}, MAE {absolute:.4f}, {took:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
