"""The shared sets of the accuracy tables: regular frames of unique_id, ds and y, and what they are.

Needs pandas alone, so that ours and the peers read the same rows. The last `horizon` steps of each
series are held out; nothing sees them but the scores.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

KEY, TIME, TARGET = "unique_id", "ds", "y"


@dataclass(frozen=True)
class Spec:
    """`season` scales MASE; `peers` is the frequency in pandas' words, 1 for positions."""

    horizon: int
    season: int
    frequency: str
    peers: str | int
    deciding: str  # the score of the goal
    gaps: str = "missing"
    series: tuple[str, ...] = (KEY,)
    asked: bool = False  # is it run only where it is asked for, and in no mean?


SPECS = {
    "aus_retail": Spec(12, 12, "MS", "MS", "mase", series=("State", "Industry")),
    "online_retail": Spec(8, 52, "W-MON", "W-MON", "wape", "zero"),
    "store_item": Spec(90, 7, "D", "D", "mase", series=("store", "item")),
    "walmart": Spec(13, 52, "W-FRI", "W-FRI", "mase", series=("Store", "Dept")),
    "walmart_two_years": Spec(
        13, 52, "W-FRI", "W-FRI", "mase", series=("Store", "Dept"), asked=True
    ),
    "m5": Spec(28, 7, "D", "D", "wape"),
    "m4_hourly": Spec(48, 24, "1", 1, "mase"),
    "m4_weekly": Spec(13, 1, "1", 1, "mase"),
    "m4_yearly": Spec(6, 1, "1", 1, "smape"),
}


def shared(path: str) -> Path:
    """A file of the shared data: below LOOPCAST_DATA, or ../shared/data beside the project."""
    root = Path(__file__).parents[1]
    return Path(os.environ.get("LOOPCAST_DATA", root.parent / "shared" / "data")) / path


def aus_retail() -> pd.DataFrame:
    """Monthly turnover by state and industry."""
    frame = pd.read_csv(shared("aus_retail/aus_retail.csv.gz"))
    frame[TIME] = pd.to_datetime(frame["Month"], format="%Y %b")
    return frame.rename(columns={"Turnover": TARGET})


def online_retail() -> pd.DataFrame:
    """Weekly units of the codes sold in 52 weeks or more; the last, partial week is left out."""
    frame = pd.read_parquet(shared("online_retail_ii/online_retail_II.parquet")).drop_duplicates()
    code = frame["StockCode"].astype(str)
    frame = frame[(frame["Quantity"] > 0) & (frame["Price"] > 0) & code.str.match("[0-9]{5}")]
    code = frame["StockCode"].astype(str).str.upper()
    week = frame["InvoiceDate"].dt.to_period("W-SUN").dt.start_time
    units = frame["Quantity"].groupby([code, week]).sum().rename(TARGET).reset_index()
    units.columns = [KEY, TIME, TARGET]
    units = units[units[TIME] < units[TIME].max()]
    often = units.groupby(KEY)[TIME].transform("size") >= 52
    return zeros(units[often], "W-MON")


def zeros(frame: pd.DataFrame, frequency: str) -> pd.DataFrame:
    """A row for every step from the first of a series to the last of all, 0 where there was none."""
    steps = pd.date_range(frame[TIME].min(), frame[TIME].max(), freq=frequency)
    wide = frame.pivot(index=TIME, columns=KEY, values=TARGET).reindex(steps)
    begun = wide.notna().cumsum() > 0
    long = wide.fillna(0.0).where(begun).rename_axis(index=TIME).T.stack()
    return long.rename(TARGET).dropna().reset_index()


def store_item() -> pd.DataFrame:
    """Daily sales of 50 items in 10 stores."""
    frame = pd.read_csv(shared("store_item/train.csv.gz"), parse_dates=["date"])
    return frame.rename(columns={"date": TIME, "sales": TARGET})


def walmart() -> pd.DataFrame:
    """Weekly sales of the departments that have all 143 weeks."""
    frame = pd.read_csv(shared("walmart/train.csv.gz"), parse_dates=["Date"])
    full = frame.groupby(["Store", "Dept"])["Date"].transform("size") == 143
    return frame[full].rename(columns={"Date": TIME, "Weekly_Sales": TARGET})


def walmart_two_years() -> pd.DataFrame:
    """Its newest 105 weeks."""
    frame = walmart()
    return frame[frame[TIME] > frame[TIME].max() - pd.Timedelta(weeks=105)]


def m5() -> pd.DataFrame:
    """Daily units of one store's foods, from each item's first sale on."""
    wide = pd.read_parquet(shared("m5/m5_TX_3_FOODS_3_full_d1_d1969_wide.parquet"))
    frame = wide.melt(id_vars="id", var_name=TIME, value_name=TARGET).rename(columns={"id": KEY})
    frame[TIME] = pd.to_datetime(frame[TIME])
    frame = frame.sort_values([KEY, TIME])
    return frame[frame.groupby(KEY)[TARGET].cumsum() > 0]


def m4(group: str) -> pd.DataFrame:
    """The competition's train part and, at the positions after it, its test part."""
    parts = [pd.read_parquet(shared(f"m4/{group}_{part}.parquet")) for part in ("train", "test")]
    last = parts[0].groupby(KEY)["t"].max()
    parts[1]["t"] = parts[1].groupby(KEY).cumcount() + 1 + parts[1][KEY].map(last)
    return pd.concat(parts).rename(columns={"t": TIME})


READ: dict[str, Callable[[], pd.DataFrame]] = {
    "aus_retail": aus_retail,
    "online_retail": online_retail,
    "store_item": store_item,
    "walmart": walmart,
    "walmart_two_years": walmart_two_years,
    "m5": m5,
    "m4_hourly": lambda: m4("hourly"),
    "m4_weekly": lambda: m4("weekly"),
    "m4_yearly": lambda: m4("yearly"),
}


@cache
def parts(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and hold-out, sorted; unique_id joins several key columns."""
    spec, frame = SPECS[name], READ[name]()
    if spec.series != (KEY,):
        texts = [frame[column].astype(str) for column in spec.series]
        frame[KEY] = texts[0].str.cat(texts[1:], sep=" / ")
    extra = [column for column in spec.series if column != KEY]
    frame = frame[[KEY, *extra, TIME, TARGET]].sort_values([KEY, TIME]).reset_index(drop=True)
    frame[TARGET] = frame[TARGET].astype("float64")
    if spec.peers == 1:  # positions: each series ends at its own
        held = frame.groupby(KEY).cumcount(ascending=False) < spec.horizon
    else:
        held = frame[TIME] > frame[TIME].drop_duplicates().nlargest(spec.horizon + 1).iloc[-1]
    return frame[~held].reset_index(drop=True), frame[held].reset_index(drop=True)
