"""What members are worth: scores of 1, 2, 4, 8, 16 at the same wall clock, and stacked against single runs.

python benchmarks/members.py [--seconds 60] [--sets aus_retail,m4_weekly]   # scores on the hold-out
python benchmarks/members.py --stacked                                      # 8 in one run, 8 runs of one
"""

import argparse
import logging
import tempfile
import time
import warnings
from os import chdir
from pathlib import Path
from typing import Any

import accuracy_ours
import lightning as L
import sets
from accuracy import board

from loopcast.data.frame import Frame
from loopcast.training.cli import DEFAULTS
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
COUNTS = (1, 2, 4, 8, 16)
STEPS, BATCH, ROUNDS = 200, 128, 3


def scored(name: str, count: int, seconds: int) -> dict[str, Any]:
    """Scores on the hold-out of a set after `seconds` of training."""
    with tempfile.TemporaryDirectory() as folder:
        chdir(folder)
        forecast = accuracy_ours.forecast(
            name, {"members": count}, {"max_time": {"seconds": seconds}}, 1
        )
    return board(name, forecast)


def timed(members: int, steps: int = STEPS) -> float:
    """Wall seconds between the first and the last step on aus_retail."""
    history, _ = sets.parts("aus_retail")
    L.seed_everything(1, verbose=False)
    data = DataModule(
        Frame(history), **accuracy_ours.data("aus_retail"), validation=0, batch_size=BATCH
    )
    model = Forecaster(members=members)
    clock = Clock()
    options = {**DEFAULTS, "max_steps": steps, "max_time": None, "logger": False}
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "callbacks": [clock]}
    L.Trainer(**{**options, **quiet}).fit(model, data)
    return clock.seconds


class Clock(L.Callback):
    """Wall seconds of the steps alone."""

    seconds = 0.0

    def on_train_start(self, *_: object) -> None:
        self.began = time.perf_counter()

    def on_train_end(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.began


def stacked() -> None:
    """Best of some rounds, in turns; one run of 8, and 8 times one run."""
    together, alone = [], []
    for _ in range(ROUNDS):
        together.append(timed(8))
        alone.append(8 * timed(1))
    print(f"8 stacked members, {STEPS} steps of 8 x {BATCH} windows: {min(together):.2f} s")
    print(f"8 single runs of the same steps: {min(alone):.2f} s")
    print(f"ratio {min(together) / min(alone):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--sets", type=lambda t: t.split(","), default=["aus_retail", "m4_weekly"])
    parser.add_argument("--stacked", action="store_true")
    options = parser.parse_args()
    if options.stacked:
        stacked()
        return
    here = Path.cwd()
    for name in options.sets:
        for count in COUNTS:
            found = scored(name, count, options.seconds)
            chdir(here)
            shown = {k: found[k] for k in ("mase", "smape", "wape", "wql", "coverage_80")}
            print(f"{name}, {count} members, {options.seconds} s: {shown}", flush=True)


if __name__ == "__main__":
    main()
