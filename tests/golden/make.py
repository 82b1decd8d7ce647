"""Makes the golden artifact, its rows and its forecasts: python tests/golden/make.py.

The files stay as they are from version to version: an artifact that was once exported keeps giving
the same numbers. Make them anew only with a new format, and keep the old ones beside them.
"""

import csv
import json
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
MONTHS = np.arange("2019-01", "2024-01", dtype="M8[M]")
AHEAD = 6
DATA = {
    "series": ["Shop", "Ware"],
    "time": "Month",
    "target": "Sold",
    "frequency": "MS",
    "horizon": AHEAD,
    "history": 18,
    "static": ["Shop", "Ware", "Size"],
    "past": ["Visitors"],
    "future": ["Price", "Promotion"],
}


def rows() -> list[dict]:
    """Sales with a season, a price and promotions; one row in fifteen is absent."""
    random = np.random.default_rng(7)
    made = []
    for shop, size in (("Nord", 80), ("Süd", 120), ("007", 45)):
        for ware in ("tea", "ice"):
            season = np.cos(np.arange(len(MONTHS)) * np.pi / 6) * (1 if ware == "tea" else -1)
            price = random.choice([3.5, 3.9, 4.2], len(MONTHS))
            promotion = random.choice(["none", "none", "flyer", "window"], len(MONTHS))
            sold = size * (1 + 0.4 * season) * (4 / price) * np.where(promotion == "none", 1, 1.2)
            sold = sold * random.lognormal(0, 0.05, len(MONTHS))
            for i in np.flatnonzero(random.random(len(MONTHS)) > 1 / 15):
                made.append(
                    {
                        "Shop": shop, "Ware": ware, "Month": str(MONTHS[i]) + "-01",
                        "Sold": round(float(sold[i]), 1), "Size": size,
                        "Visitors": round(float(sold[i] * random.uniform(4, 6))),
                        "Price": float(price[i]), "Promotion": str(promotion[i]),
                    }
                )  # fmt: skip
    return made


def ahead(known: list[dict]) -> list[dict]:
    """Rows of the known-ahead columns over the horizon, and an unknown promotion."""
    keys = list(dict.fromkeys((row["Shop"], row["Ware"]) for row in known))
    months = MONTHS[-1] + np.arange(1, AHEAD + 1)
    return [
        {
            "Shop": shop, "Ware": ware, "Month": str(month) + "-01", "Price": 3.9,
            "Promotion": "balloon" if i == 2 else "none",
        }
        for shop, ware in keys
        for i, month in enumerate(months)
    ]  # fmt: skip


def write(name: str, records: list[dict]) -> None:
    with (HERE / name).open("w", encoding="utf-8", newline="") as out:
        lines = csv.DictWriter(out, records[0])
        lines.writeheader()
        lines.writerows(records)


def main() -> None:
    import pandas as pd

    import loopcast
    from loopcast.models.mlp import MLP

    known = rows()
    write("rows.csv", known)
    write("future.csv", ahead(known))
    frame = pd.read_csv(HERE / "rows.csv", dtype={"Shop": str})
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run = loopcast.fit(
            frame, name="golden", data=DATA, model={"network": partial(MLP, layers=1, width=12)},
            trainer={"max_steps": 300, "enable_progress_bar": False},
        )  # fmt: skip
        shutil.copy(run.artifact, HERE / "golden.onnx")
        os.chdir(HERE)
    forecast = loopcast.Predictor(HERE / "golden.onnx").predict(
        frame, pd.read_csv("future.csv", dtype={"Shop": str})
    )
    text = json.dumps({"records": forecast.to_records(), "warnings": forecast.warnings}, indent=0)
    (HERE / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
