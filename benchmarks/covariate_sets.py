"""Sets whose covariates are known ahead, as a frame and the config's `data:` section."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from peer import data
from store_sales import FUTURE, KNOWN, STATIC, store_sales

MARKS = [f"MarkDown{number}" for number in range(1, 6)]
EVENTS = [
    "easter_day", "good_friday", "new_year", "christmas", "labor_day", "independence_day",
    "revolution_day_memorial", "regional_games", "fifa_u_17_world_cup", "football_gold_cup",
    "beer_capital", "music_fest",
]  # fmt: skip


@dataclass(frozen=True)
class Set:
    """A balanced panel; `plain` has no covariates, `covariates` are added to it."""

    frame: pd.DataFrame
    plain: dict[str, object]
    covariates: dict[str, list[str]]

    @property
    def target(self) -> str:
        """Its name."""
        return str(self.plain["target"])


def stallion() -> Set:
    """Beverages by agency and product, monthly; prices and events are known ahead."""
    frame = pd.read_parquet(data("stallion/stallion.parquet"))
    frame = frame.assign(**{name: frame[name].astype(str) for name in ("agency", "sku")})
    plain = {
        "series": ["agency", "sku"], "time": "date", "target": "volume", "frequency": "MS",
        "horizon": 6,
    }  # fmt: skip
    return Set(frame, plain, {
        "static": ["avg_population_2017", "avg_yearly_household_income_2017"],
        "future": ["price_regular", "price_actual", "discount", *EVENTS],
    })  # fmt: skip


def walmart() -> Set:
    """Weekly sales of the departments with all 143 weeks; markdowns and holidays are known ahead."""
    sales, weeks, stores = (
        pd.read_csv(data(f"walmart/{name}.csv.gz")) for name in ("train", "features", "stores")
    )
    full = sales.groupby(["Store", "Dept"])["Date"].transform("size") == sales["Date"].nunique()
    facts = weeks.drop(columns="IsHoliday")
    frame = sales[full].merge(facts, on=["Store", "Date"]).merge(stores, on="Store")
    frame = frame.assign(
        Store=frame["Store"].astype(str), Dept=frame["Dept"].astype(str),
        IsHoliday=frame["IsHoliday"].astype(int), Date=pd.to_datetime(frame["Date"]),
    )  # fmt: skip
    plain = {
        "series": ["Store", "Dept"], "time": "Date", "target": "Weekly_Sales",
        "frequency": "W-FRI", "horizon": 13,
    }  # fmt: skip
    future = ["IsHoliday", "Temperature", *MARKS]
    return Set(frame, plain, {"static": ["Type", "Size"], "future": future})


def simulated(stores: int = 300) -> Set:
    """Store sales whose truth is known (store_sales.py)."""
    plain = {
        "series": ["store"], "time": "day", "target": "sales", "frequency": "D", "horizon": 42,
    }  # fmt: skip
    return Set(store_sales(stores), plain, {
        "static": STATIC, "future": FUTURE, "categorical": list(KNOWN),
    })  # fmt: skip


SETS: dict[str, Callable[[], Set]] = {
    "stallion": stallion,
    "walmart": walmart,
    "simulated": simulated,
}
