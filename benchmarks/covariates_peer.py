"""The peers of covariates.py, run by the python of their environment; one JSON line says what.

python benchmarks/covariates_peer.py < request.json     # reads `rows`, writes `forecasts` (Parquet)

LightGBM by mlforecast; NHITS and TFT by neuralforecast with their defaults, on absolute error, each
text column as columns of 0 and 1, missing values as 0.
"""

import json
import logging
import sys
from typing import Any

import pandas as pd
from lightgbm import LGBMRegressor
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean

LAGS = {
    "D": ([7, 14, 21, 28, 42], {7: [RollingMean(28), RollingMean(84)]}, ["dayofweek", "month"]),
    "W-FRI": ([1, 2, 4, 13, 26, 52], {1: [RollingMean(4), RollingMean(13)]}, ["week", "month"]),
    "MS": ([1, 2, 3, 6, 12], {1: [RollingMean(3), RollingMean(12)]}, ["month"]),
}
MODEL = {
    "objective": "l1", "n_estimators": 500, "learning_rate": 0.05, "num_leaves": 63,
    "subsample": 0.8, "subsample_freq": 1, "colsample_bytree": 0.8, "verbosity": -1,
    "num_threads": 1, "seed": 1,
}  # fmt: skip


HISTORY = {"D": 84, "W-FRI": 52, "MS": 12}


def forecast(rows: pd.DataFrame, asked: dict[str, Any]) -> pd.DataFrame:
    """Columns unique_id, ds, forecast for the last `horizon` steps of each series."""
    first = rows["ds"].drop_duplicates().nlargest(asked["horizon"]).min()
    method = trees if asked["method"] == "LightGBM" else network
    found = method(rows, rows["ds"] < first, asked)
    return found.rename(columns={"LGBMRegressor": "forecast", asked["method"]: "forecast"})


def texts(rows: pd.DataFrame, columns: list[str]) -> list[str]:
    """Those that are no numbers."""
    return [name for name in columns if not pd.api.types.is_numeric_dtype(rows[name])]


def trees(rows: pd.DataFrame, known: pd.Series, asked: dict[str, Any]) -> pd.DataFrame:
    """One step after the other, with the keys as categories."""
    categories = texts(rows, [*asked["keys"], *asked["static"], *asked["future"]])
    rows = rows.astype(dict.fromkeys(categories, "category"))
    train, ahead = rows[known], rows[~known]
    lags, rolling, dates = LAGS[asked["frequency"]]
    model = MLForecast(
        [LGBMRegressor(**MODEL)], freq=asked["frequency"], lags=lags, lag_transforms=rolling,
        date_features=dates,
    )  # fmt: skip
    model.fit(train, static_features=[*asked["keys"], *asked["static"]], dropna=False)
    told = ahead[["unique_id", "ds", *asked["future"]]] if asked["future"] else None
    return model.predict(asked["horizon"], X_df=told)


def network(rows: pd.DataFrame, known: pd.Series, asked: dict[str, Any]) -> pd.DataFrame:
    """neuralforecast's, for so many seconds or its own steps, whichever end first."""
    import neuralforecast.models
    from neuralforecast import NeuralForecast

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    parts = {name: numbers(rows, asked[name]) for name in ("static", "future")}
    rows = pd.concat([rows[["unique_id", "ds", "y"]], *parts.values()], axis=1)
    static, future = (list(part) for part in parts.values())
    kind = getattr(neuralforecast.models, asked["method"])
    model = kind(
        h=asked["horizon"], input_size=HISTORY[asked["frequency"]], futr_exog_list=future or None,
        stat_exog_list=static or None, max_time={"seconds": asked["seconds"]}, accelerator="cpu",
        start_padding_enabled=True, enable_progress_bar=False, logger=False, random_seed=1,
    )  # fmt: skip
    forecaster = NeuralForecast([model], asked["frequency"])
    facts = rows.drop_duplicates("unique_id")[["unique_id", *static]] if static else None
    columns = ["unique_id", "ds", *future]
    forecaster.fit(rows.loc[known, [*columns, "y"]], static_df=facts)
    return forecaster.predict(futr_df=rows.loc[~known, columns], static_df=facts)


def numbers(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Each text column as columns of 0 and 1; missing values as 0."""
    found = pd.get_dummies(rows[columns], columns=texts(rows, columns), dtype=float)
    return found.astype(float).fillna(0.0)


def main() -> None:
    """One request."""
    asked = json.load(sys.stdin)
    found = forecast(pd.read_parquet(asked["rows"]), asked)
    found.to_parquet(asked["forecasts"])


if __name__ == "__main__":
    main()
