"""Ours, by default: a fit on the history of a set, then the artifact's forecast. See accuracy.py."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import sets

import loopcast


def data(name: str) -> dict[str, Any]:
    """Columns, frequency and horizon; what is held out is not in the rows, so there is no test part."""
    spec = sets.SPECS[name]
    return {
        "series": list(spec.series), "time": sets.TIME, "target": sets.TARGET,
        "frequency": spec.frequency, "horizon": spec.horizon, "gaps": spec.gaps, "test": 0,
    }  # fmt: skip


def main(run: dict[str, Any], out: Path) -> None:
    """Writes unique_id, ds, forecast and the quantiles."""
    history, _ = sets.parts(run["set"])
    keys = history[[sets.KEY, *sets.SPECS[run["set"]].series]].drop_duplicates(sets.KEY)
    rows = history[[*sets.SPECS[run["set"]].series, sets.TIME, sets.TARGET]]
    budget = {"max_time": {"seconds": run["seconds"]}}
    began = time.perf_counter()
    done = loopcast.fit(
        rows, name="ours", data=data(run["set"]), model={}, trainer=budget, seed=run["seed"]
    )
    seconds = time.perf_counter() - began
    forecast = loopcast.Predictor(done.artifact).predict(rows).to_pandas()
    series = list(sets.SPECS[run["set"]].series)
    if series != [sets.KEY]:
        text = keys.assign(**{name: keys[name].astype(str) for name in series})
        forecast = forecast.merge(text, on=series)
    forecast.attrs["fit_seconds"] = round(seconds, 1)
    forecast.to_parquet(out)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
