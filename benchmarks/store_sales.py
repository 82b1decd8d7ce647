"""A simulated panel of daily store sales whose truth is known: promotions, prices, closed days.

Sales are a product of store, year, weekday, promotion, price, school holidays and the rush before
and after closed days, times lognormal noise; 0 on closed days. `expected` is the median of sales,
which no forecast can beat. `weather` and `lottery` mean nothing.
"""

import numpy as np
import pandas as pd

STORES, DAYS = 300, 900
BEGIN = "2021-01-04"  # a Monday
NOISE = 0.12
TYPES = {"a": 1.0, "b": 1.6, "c": 0.8, "d": 1.2}
WEEKDAYS = {
    "a": (1.15, 1.0, 0.95, 0.97, 1.05, 0.85, 0.0),
    "b": (0.9, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3),  # open on Sundays
    "c": (1.2, 1.05, 0.95, 0.95, 1.0, 0.8, 0.0),
    "d": (1.05, 1.0, 1.0, 1.0, 1.1, 1.0, 0.0),
}
FIXED = {(1, 1): "New Year", (5, 1): "Labour", (10, 3): "Unity", (12, 25): "Christmas"}
FIXED |= {(12, 26): "Christmas"}
STATIC = ["type", "distance"]
FUTURE = ["open", "promotion", "price", "holiday", "school", "weather", "lottery"]
KNOWN = {"type": "category", "holiday": "category", "lottery": "category"}


def store_sales(stores: int = STORES, days: int = DAYS, seed: int = 1) -> pd.DataFrame:
    """One row a store and day."""
    rng = np.random.default_rng(seed)
    calendar = _calendar(days, rng)
    return pd.concat([_store(i, calendar, rng) for i in range(stores)], ignore_index=True)


def _calendar(days: int, rng: np.random.Generator) -> pd.DataFrame:
    day = pd.date_range(BEGIN, periods=days)
    holiday = [FIXED.get((d.month, d.day), "") for d in day]
    school = day.month.isin([7, 8]) | ((day.month == 12) & (day.day > 20)) | (day.month == 4)
    weather = rng.normal(size=days)
    return pd.DataFrame(
        {
            "day": day,
            "holiday": holiday,
            "school": school.astype(int),
            "weather": weather,
            "season": 1
            + 0.08 * np.sin(2 * np.pi * (day.dayofyear / 365.25 - 0.3))
            + 0.35 * ((day.month == 12) & (day.day < 25)),
        }
    )


def _store(number: int, calendar: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    days = len(calendar)
    kind = rng.choice(list(TYPES), p=[0.5, 0.1, 0.2, 0.2])
    weekday = calendar.day.dt.weekday.to_numpy()
    week = np.array(WEEKDAYS[kind])[weekday]
    closed = (calendar.holiday != "").to_numpy() & (kind != "b") | (week == 0)
    if rng.random() < 0.2:  # rebuilt
        begin = rng.integers(0, days - 30)
        closed[begin : begin + rng.integers(7, 30)] = True
    promotion = _promotion(weekday, rng)
    price = _price(days, rng)
    lift = rng.normal(0.35, 0.12) * np.where(weekday == 0, 1.4, 1.0)
    before = np.append(closed[1:], False) & ~_sundays(weekday)
    after = np.insert(closed[:-1], 0, False) & (weekday != 0)
    expected = (
        rng.lognormal(8.3, 0.4)
        * TYPES[kind]
        * week
        * calendar.season.to_numpy() ** rng.uniform(0.5, 1.5)
        * (1 + rng.normal(0, 0.08) * np.arange(days) / 365)
        * np.exp(lift.clip(0) * promotion)
        * price ** rng.normal(-1.8, 0.5)
        * (1 + rng.normal(0.08, 0.05) * calendar.school.to_numpy())
        * (1 + 0.35 * before)
        * (1 + 0.2 * after)
    )
    expected[closed] = 0.0
    return pd.DataFrame(
        {
            "store": f"s{number:03}",
            "day": calendar.day,
            "sales": (expected * rng.lognormal(0, NOISE, days)).round(),
            "expected": expected,
            "open": (~closed).astype(int),
            "promotion": promotion,
            "price": price,
            "holiday": calendar.holiday,
            "school": calendar.school,
            "weather": calendar.weather,
            "lottery": rng.choice(["red", "green", "blue"], days),
            "type": kind,
            "distance": round(float(rng.lognormal(7, 1)), 0),
        }
    )


def _sundays(weekday: np.ndarray) -> np.ndarray:
    """Saturdays: the Sunday after them is no surprise."""
    return weekday == 5


def _promotion(weekday: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole working weeks, about two of five."""
    weeks = np.arange(len(weekday)) // 7
    chosen = rng.random(weeks[-1] + 1) < 0.4
    return (chosen[weeks] & (weekday < 5)).astype(int)


def _price(days: int, rng: np.random.Generator) -> np.ndarray:
    """An index that jumps every few weeks."""
    jumps = rng.random(days) < 0.04
    levels = rng.normal(1.0, 0.06, days + 1)
    return levels[np.cumsum(jumps)].clip(0.8, 1.25).round(3)
