"""The peers of accuracy.py with their own defaults; runs where the bench extra is installed.

Networks get the budget as the trainer's max_time, and end at their own max_steps before it.
"""

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import sets

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
LEVEL = 80


def naive(rows: pd.DataFrame, spec: sets.Spec) -> pd.DataFrame:
    """The value of a season ago."""
    from statsforecast.models import SeasonalNaive

    return statistics(rows, spec, SeasonalNaive(spec.season))


def ets(rows: pd.DataFrame, spec: sets.Spec) -> pd.DataFrame:
    """Exponential smoothing, chosen by AICc."""
    from statsforecast.models import AutoETS

    return statistics(rows, spec, AutoETS(season_length=min(spec.season, 24)))


def theta(rows: pd.DataFrame, spec: sets.Spec) -> pd.DataFrame:
    """Dynamic optimized theta."""
    from statsforecast.models import DynamicOptimizedTheta

    return statistics(rows, spec, DynamicOptimizedTheta(season_length=spec.season))


def statistics(rows: pd.DataFrame, spec: sets.Spec, model: Any) -> pd.DataFrame:
    """One model a series."""
    from statsforecast import StatsForecast
    from statsforecast.models import SeasonalNaive

    run = StatsForecast([model], spec.peers, n_jobs=-1, fallback_model=SeasonalNaive(spec.season))
    found = run.forecast(df=rows, h=spec.horizon, level=[LEVEL])
    name = next(c for c in found if c not in (sets.KEY, sets.TIME) and "-" not in c)
    return found.rename(
        columns={name: "forecast", f"{name}-lo-{LEVEL}": "q0.1", f"{name}-hi-{LEVEL}": "q0.9"}
    ).assign(**{"q0.5": lambda table: table["forecast"]})


def trees(rows: pd.DataFrame, spec: sets.Spec) -> pd.DataFrame:
    """LightGBM on lags, rolling means and the calendar, one step at a time."""
    from lightgbm import LGBMRegressor
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    season = spec.season
    lags = sorted({1, 2, 3, *range(1, min(season, 24) + 1), season, 2 * season})
    lags = [lag for lag in lags if lag < rows.groupby(sets.KEY).size().median() / 2]
    dates = {
        "D": ["dayofweek", "day", "month"], "MS": ["month", "year"],
    }.get(str(spec.peers), [] if spec.peers == 1 else ["week", "month"])  # fmt: skip
    rolling = {1: [RollingMean(max(season, 4), min_samples=1)]}
    model = MLForecast(
        LGBMRegressor(n_estimators=500, learning_rate=0.05, num_leaves=63, verbosity=-1, n_jobs=-1),
        spec.peers, lags=lags, lag_transforms=rolling, date_features=dates,
    )  # fmt: skip
    model.fit(rows.assign(unique_id=rows[sets.KEY].astype("category")), static_features=[])
    return model.predict(spec.horizon).rename(columns={"LGBMRegressor": "forecast"})


def network(name: str, seconds: int) -> Callable[[pd.DataFrame, sets.Spec], pd.DataFrame]:
    """One of neuralforecast's with its defaults; quantiles by its own loss."""

    def run(rows: pd.DataFrame, spec: sets.Spec) -> pd.DataFrame:
        import neuralforecast.models
        from neuralforecast import NeuralForecast
        from neuralforecast.losses.pytorch import MQLoss

        model = getattr(neuralforecast.models, name)(
            h=spec.horizon, input_size=2 * spec.horizon if spec.season < 2 else
            max(2 * spec.horizon, spec.season), loss=MQLoss(level=[LEVEL]),
            start_padding_enabled=True, max_time={"seconds": seconds}, accelerator="cpu",
            enable_progress_bar=False, logger=False,
        )  # fmt: skip
        forecaster = NeuralForecast([model], spec.peers)
        forecaster.fit(rows)
        found = forecaster.predict()
        return found.rename(
            columns={
                f"{name}-median": "forecast", f"{name}-lo-80.0": "q0.1", f"{name}-hi-80.0": "q0.9",
                f"{name}-lo-80": "q0.1", f"{name}-hi-80": "q0.9",
            }
        ).assign(**{"q0.5": lambda table: table["forecast"]})  # fmt: skip

    return run


def main(run: dict[str, Any], out: Path) -> None:
    """Writes unique_id, ds, forecast, and quantiles where the method has them."""
    spec = sets.SPECS[run["set"]]
    history, _ = sets.parts(run["set"])
    rows = history[[sets.KEY, sets.TIME, sets.TARGET]]
    statistical = {"naive": naive, "AutoETS": ets, "Theta": theta, "LightGBM": trees}
    began = time.perf_counter()
    method = statistical.get(run["method"]) or network(run["method"], run["seconds"])
    found = method(rows, spec)
    keep = [c for c in (sets.KEY, sets.TIME, "forecast", "q0.1", "q0.5", "q0.9") if c in found]
    found = found[keep]
    found.attrs["fit_seconds"] = round(time.perf_counter() - began, 1)
    found.to_parquet(out)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
