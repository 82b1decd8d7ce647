"""LightGBM by mlforecast, run by the python of the peers' environment; one JSON line says what.

python benchmarks/lightgbm_peer.py < request.json     # reads `rows`, writes `forecasts` (Parquet)
"""

import json
import sys

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


def forecast(rows: pd.DataFrame, asked: dict) -> pd.DataFrame:
    """Columns unique_id, ds, LGBMRegressor for the last `horizon` steps of each series."""
    texts = [name for name in rows if not pd.api.types.is_numeric_dtype(rows[name])]
    categories = [name for name in texts if name not in ("unique_id", "ds")]
    rows = rows.astype(dict.fromkeys(categories, "category"))
    first = rows["ds"].drop_duplicates().nlargest(asked["horizon"]).min()
    train, ahead = rows[rows["ds"] < first], rows[rows["ds"] >= first]
    lags, rolling, dates = LAGS[asked["frequency"]]
    model = MLForecast(
        [LGBMRegressor(**MODEL)], freq=asked["frequency"], lags=lags, lag_transforms=rolling,
        date_features=dates,
    )  # fmt: skip
    model.fit(train, static_features=asked["static"], dropna=False)
    known = ahead[["unique_id", "ds", *asked["future"]]] if asked["future"] else None
    return model.predict(asked["horizon"], X_df=known)


def main() -> None:
    """One request."""
    asked = json.load(sys.stdin)
    found = forecast(pd.read_parquet(asked["rows"]), asked)
    found.to_parquet(asked["forecasts"])


if __name__ == "__main__":
    main()
