"""Clean data with a season, a trend and noise, into which the tests of the checks plant faults."""

from dataclasses import replace

import numpy as np

from loopcast.core.grid import grid
from loopcast.core.panel import Panel
from loopcast.core.task import Columns, Task
from loopcast.data.checks.finding import Finding
from loopcast.data.checks.panel import check_panel
from loopcast.data.checks.rows import check_rows
from loopcast.data.splits import Splits, split

YEARS = {"MS": 12, "W-SUN": 52, "D": 365.25, "B": 260.9, "h": 24}
SEASONS = {"MS": 12, "W-SUN": 52, "D": 7, "B": 5, "h": 24}
END = np.datetime64("2024-06-30")
UNITS = {"MS": "M", "W-SUN": "W", "D": "D", "B": "D", "h": "h"}


def times(frequency: str, steps: int) -> np.ndarray:
    """Labels of the last `steps` steps up to the middle of 2024."""
    if frequency == "B":
        days = np.arange(END - 2 * steps, END)
        return days[np.is_busday(days)][-steps:].astype("M8[s]")
    if frequency == "W-SUN":
        return (END - 7 * np.arange(steps)[::-1]).astype("M8[s]")
    last = END.astype(f"M8[{UNITS[frequency]}]")
    return np.arange(last - steps + 1, last + 1).astype("M8[s]")


def values(frequency: str, series: int, steps: int, seed: int = 0) -> np.ndarray:
    """[series, step]: levels that differ, a year, a trend, autocorrelated noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(steps)
    level = np.exp(rng.normal(5, 0.7, (series, 1)))
    trend = 1 + rng.uniform(-0.1, 0.2, (series, 1)) * t / steps
    year = 0.3 * np.sin(2 * np.pi * t / YEARS[frequency] + rng.uniform(0, 6, (series, 1)))
    week = 0.15 * np.sin(2 * np.pi * t / 7) * (frequency == "D")
    noise = rng.normal(0, 0.05, (series, steps))
    for step in range(1, steps):
        noise[:, step] += 0.5 * noise[:, step - 1]
    return np.round(level * trend * np.exp(year + week + noise), 2)


def rows(frequency: str = "MS", series: int = 12, steps: int = 84, seed: int = 0) -> dict:
    """Columns shop, kind, time, sales and price, as a table would hold them."""
    rng = np.random.default_rng(seed + 1)
    sales = values(frequency, series, steps, seed)
    shop = np.array([f"shop {i:02d}" for i in range(series)], dtype=object)
    kind = np.array(["city", "village", "road"], dtype=object)[np.arange(series) % 3]
    return {
        "shop": np.repeat(shop, steps),
        "kind": np.repeat(kind, steps),
        "time": np.tile(times(frequency, steps), series),
        "sales": sales.ravel(),
        "price": np.round(rng.normal(10, 1, series * steps), 2),
    }


def task(frequency: str = "MS", horizon: int = 6, *, keys: tuple[str, ...] = ("shop",)) -> Task:
    """The task of `rows`."""
    season = SEASONS[frequency]
    return Task(
        "sales",
        "time",
        keys,
        frequency,
        horizon,
        season=season,
        history=2 * season,
        static=Columns((), ("kind",)),
        future=Columns(("price",)),
    )


def plain(task: Task) -> Task:
    """Without any covariate."""
    return replace(task, static=Columns(), future=Columns())


def found(table: dict, task: Task, non_negative: bool | None = None) -> dict[str, Finding]:
    """Findings about rows by code."""
    return {f.code: f for f in check_rows(table, task, non_negative)}


def seen(table: dict, task: Task, splits: bool = True) -> dict[str, Finding]:
    """Findings about the panel of rows by code."""
    panel = grid(table, task)
    return {f.code: f for f in check_panel(panel, task, parts(panel, task) if splits else None)}


def parts(panel: Panel, task: Task) -> Splits:
    """Train, validation and test as they are by default."""
    return split(panel, task.horizon, None, None)


def loud(findings: dict[str, Finding]) -> list[str]:
    """What is more than a note."""
    return [code for code, finding in findings.items() if finding.severity != "note"]
