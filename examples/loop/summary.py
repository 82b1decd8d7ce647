"""What the demo shows: a line a month, the figure at the end, and a picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loop.months import Record
from loop.world import YEAR

RETRAINS = 3
"""Within so many promotions the error must have come back (80 % of it, says the goal)."""
FEWEST = 3
"""Months that must follow a promotion for the figure to say something."""


@dataclass(frozen=True)
class Figure:
    """Mean errors in scales of the seasonal differences before the demo, at points of one pattern.

    `frozen` and `ours`: the same forecasts (series, origin, horizon), origins from month `begin`
    of the demo on. `before`: the first model's, from as many months before the break.
    """

    since: str
    promotions: int
    begin: int
    months: int
    frozen: float
    ours: float
    before: float

    @property
    def recovered(self) -> float:
        """Share of the damage that is undone."""
        return (self.frozen - self.ours) / (self.frozen - self.before)

    def text(self) -> str:
        """For the terminal."""
        return (
            f"{self.since}, {self.promotions} promotions, {self.months} months:"
            f" frozen {self.frozen:.3f}, ours {self.ours:.3f}, before the break {self.before:.3f};"
            f" recovered {self.recovered:.0%}"
        )


def figures(record: Record, broke: int) -> list[Figure]:
    """From the last promotion on, and from when each month of the new world has come once.

    Until then nobody can know what a month that has not come will be like: a peak that stays away
    for the first time surprises every model alike. `broke`: the month of the break, counted from
    the first. Empty: nothing was promoted after it.
    """
    count = len(record.version)
    after = [m for m in record.promotions if m > broke and count - m >= FEWEST][:RETRAINS]
    if not after:
        return []
    found = [_figure(record, broke, after[-1], "from the last promotion on", len(after))]
    begin = max(after[0], broke + YEAR + 1)
    if count - begin >= FEWEST and begin != after[-1]:
        since = f"from {begin - broke} months after the break on"
        found.append(_figure(record, broke, begin, since, len(after)))
    return found


def _figure(record: Record, broke: int, begin: int, since: str, promotions: int) -> Figure:
    months = min(len(record.version) - begin, broke)
    end = begin + months
    return Figure(
        since,
        promotions,
        begin,
        months,
        record.mean(record.frozen, begin, end),
        record.mean(record.ours, begin, end),
        record.mean(record.frozen, broke - months, broke),
    )


def line(record: Record, month: int, broke: int) -> str:
    """One month of the table; both errors are of the forecasts of this month's value."""
    date = record.world.months[record.first + month][:7]
    ours, frozen = (record.by_month(said)[month] for said in (record.ours, record.frozen))
    told = ["the world breaks"] if month == broke else []
    told += [text for text in (record.alarms.get(month), record.retrains.get(month)) if text]
    version = record.version[month]
    return f"{date}  version {version:<3} {ours:7.3f} {frozen:8.3f}   {'; '.join(told)}".rstrip()


HEAD = "month    answered by   ours   frozen   (mean error in seasonal differences)"


def picture(record: Record, broke: int, path: Path) -> None:
    """Errors by month of both, with break, alarms and promotions; needs the report extra."""
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    months = np.array(record.world.months[record.first :], dtype="M8[D]")
    drawn, (top, low) = pyplot.subplots(2, 1, figsize=(10, 7), height_ratios=(3, 2))
    top.plot(months, record.by_month(record.frozen), color="0.6", label="frozen first model")
    top.plot(months, record.by_month(record.ours), color="C0", label="with the loop")
    top.axvline(months[broke], color="C3", linestyle=":", label="the world breaks")
    for place, month in enumerate(record.promotions):
        top.axvline(months[month], color="C2", alpha=0.6, label=None if place else "promotion")
    told = [m for m in record.alarms if np.isfinite(record.by_month(record.ours)[m])]
    top.plot(months[told], np.zeros(len(told)), "C3^", markersize=5, label="alarm open")
    top.set_ylim(bottom=0)
    top.set_ylabel("mean error, in seasonal differences")
    top.legend(loc="upper left")
    _series(record, broke, low, months)
    drawn.tight_layout()
    drawn.savefig(path, dpi=110)
    pyplot.close(drawn)


def _series(record: Record, broke: int, axes: object, months: np.ndarray) -> None:
    """The series that suffered most: what came, and what both said a quarter before."""
    errors = record.errors(record.frozen)[:, broke:]
    seen = np.isfinite(errors)
    damage = np.where(seen, errors, 0).sum((1, 2)) / np.maximum(seen.sum((1, 2)), 1)
    row = int(damage.argmax())
    ahead = 2
    actual = record.world.values[row, record.first :]
    said = {"ours": record.ours, "frozen": record.frozen}
    draw = axes.plot  # type: ignore[attr-defined]
    draw(months, actual, "k", linewidth=1, label="actual")
    for (name, values), color in zip(said.items(), ("C0", "0.6"), strict=True):
        draw(months[ahead:], values[row, : len(months) - ahead, ahead], color=color, label=name)
    axes.set_title(", ".join(record.world.keys[row].values()) + ", three months ahead")  # type: ignore[attr-defined]
    axes.legend(loc="upper left")  # type: ignore[attr-defined]
