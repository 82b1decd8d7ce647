"""Ours, by default: a fit and its refit on a set's history, then the artifact's forecast. See accuracy.py."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import sets

import loopcast


def data(name: str) -> dict[str, Any]:
    """Columns, frequency and horizon; what is held out is not in the rows, so there is no test part."""
    spec = sets.SPECS[name]
    return {
        "series": list(spec.series), "time": sets.TIME, "target": sets.TARGET,
        "frequency": spec.frequency, "horizon": spec.horizon, "gaps": spec.gaps, "test": 0,
    }  # fmt: skip


def forecast(name: str, model: dict[str, Any], trainer: dict[str, Any], seed: int) -> pd.DataFrame:
    """Fits in the working directory; unique_id, ds, forecast and the quantiles after the history."""
    history, _ = sets.parts(name)
    series = list(sets.SPECS[name].series)
    rows = history[[*series, sets.TIME, sets.TARGET]]
    began = time.perf_counter()
    done = loopcast.fit(
        rows, name="ours", data=data(name), model=model, trainer=trainer, refit=True, seed=seed
    )
    seconds = time.perf_counter() - began
    found = loopcast.Predictor(done.artifact).predict(rows).to_pandas()
    if series != [sets.KEY]:
        keys = history[[sets.KEY, *series]].drop_duplicates(sets.KEY)
        text = keys.assign(**{column: keys[column].astype(str) for column in series})
        found = found.merge(text, on=series)
    found.attrs["fit_seconds"] = round(seconds, 1)
    return found


def main(run: dict[str, Any], out: Path) -> None:
    """Writes the forecast as Parquet."""
    budget = {"max_time": {"seconds": run["seconds"]}, "enable_progress_bar": False}
    forecast(run["set"], {}, budget, run["seed"]).to_parquet(out)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
