"""Series that training never saw, from their static and future columns: against their group's mean.

python benchmarks/cold_start.py --sets stallion store_item --steps 600

Every tenth series is held out whole. It is forecast at the end of the data with no history, and with
three steps of it, and compared on the same steps with the mean of the other series of its group (the
same product in other places). That mean is of the actuals of those very steps, which no forecast
has: a hard mark. `--shorten 0` trains without windows that are cut short.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from covariate_sets import Set, stallion
from peer import data

from loopcast.serving.predictor import Predictor
from loopcast.training.api import fit

EVERY = 10
STEPS = (0, 3)
GROUP = {"stallion": "sku", "store_item": "item"}


def store_item() -> Set:
    """Daily sales of 50 items in 10 stores."""
    frame = pd.read_csv(data("store_item/train.csv.gz"), dtype={"store": str, "item": str})
    frame = frame.assign(date=pd.to_datetime(frame["date"]))
    plain = {
        "series": ["store", "item"], "time": "date", "target": "sales", "frequency": "D",
        "horizon": 28,
    }  # fmt: skip
    return Set(frame, plain, {})


def held_out(frame: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Which rows belong to every tenth series, drawn once."""
    names = frame[keys].agg("|".join, axis=1)
    distinct = np.sort(names.unique())
    chosen = np.random.default_rng(1).permutation(distinct)[: len(distinct) // EVERY]
    return names.isin(set(chosen))


def scores(one: Set, group: str, artifact: Path, steps: tuple[int, ...]) -> dict[str, float]:
    """WAPE of the held out series' last horizon, by steps of history; and of the group's mean."""
    keys, clock, target = list(one.plain["series"]), str(one.plain["time"]), one.target  # type: ignore[call-overload]
    hidden = held_out(one.frame, keys)
    times = np.sort(one.frame[clock].unique())
    ahead = one.frame[clock] > times[-int(str(one.plain["horizon"])) - 1]
    asked, others = one.frame[hidden & ahead], one.frame[~hidden & ahead]
    mean = others.groupby([group, clock])[target].mean().rename("forecast").reset_index()
    found = {"group's mean": wape(asked.merge(mean, on=[group, clock]), target)}
    predictor = Predictor(artifact)
    origin = times[-int(str(one.plain["horizon"])) - 1]
    rest = one.frame[~hidden & (one.frame[clock] <= origin)]
    anchor = rest[rest[keys].agg("|".join, axis=1) == "|".join(rest[keys].iloc[0])]
    for count in steps:
        last = one.frame[clock] > times[-int(str(one.plain["horizon"])) - 1 - count]
        seen = pd.concat([anchor, one.frame[hidden & last & ~ahead]])
        future = one.frame[ahead].drop(columns=target)
        static = list(predictor.task.static.names)
        names = asked[list(dict.fromkeys([*keys, *static]))].drop_duplicates().to_dict("list")
        forecast = predictor.predict(seen, future=future, series=names, origin=origin)
        table = forecast.to_pandas().astype({name: str for name in keys})
        both = asked.merge(table[[*keys, clock, "forecast"]], on=[*keys, clock])
        assert len(both) == len(asked)
        found[f"{count} steps"] = wape(both, target)
    return found


def wape(both: pd.DataFrame, target: str) -> float:
    """Of all rows together."""
    return float((both[target] - both["forecast"]).abs().sum() / both[target].abs().sum())


def trained(one: Set, steps: int, members: int, shorten: float) -> Path:
    """The artifact of a fit on the series that are not held out, in the working directory."""
    rows = one.frame[~held_out(one.frame, list(one.plain["series"]))]  # type: ignore[call-overload]
    run = fit(
        rows, name="cold", data={**one.plain, **one.covariates},
        model={"members": members, "shorten": shorten},
        trainer={"max_steps": steps, "enable_progress_bar": False, "accelerator": "cpu"},
    )  # fmt: skip
    assert run.scores is not None
    print(f"the series that were seen, WAPE of the test part: {run.scores['overall']['wape']:.4f}")
    return run.artifact.resolve()


def main() -> None:
    """A line a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(GROUP), choices=list(GROUP))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--shorten", type=float, default=0.05)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.sets:
        one = {"stallion": stallion, "store_item": store_item}[name]()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            artifact = trained(one, options.steps, options.members, options.shorten)
            found = scores(one, GROUP[name], artifact, STEPS)
        os.chdir("/")
        told = ", ".join(f"{label} {value:.3f}" for label, value in found.items())
        print(f"{name}, shorten {options.shorten:g}: {told}", flush=True)


if __name__ == "__main__":
    main()
