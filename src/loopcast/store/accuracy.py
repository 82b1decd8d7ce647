"""How good forecasts were, by period of the target: what pages, /metrics and retraining read.

Rows hold sums, so that periods add up: `together(read(database, model, grouping="", first=...))`
is the accuracy since a step. Monitoring writes them anew for every period that has news, so a value
that came late or was revised is right after the next tick.

    for one in read(database, "aus_retail", version=3, grouping="horizon"):
        print(one.first, one.text, one.scaled_error, one.naive_scaled_error, one.coverage)
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.schema import accuracy

NAN = float("nan")
SUMS = (
    "error", "absolute", "actual", "pinball", "scaled", "scaled_points",
    "naive_absolute", "naive_actual", "naive_scaled", "naive_pinball", "naive_points",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One version over target steps `first` to `last`.

    `grouping` "": all; "horizon": `text` is the steps ahead ("1", "2-3"); else a static column and
    `text` its category. Naive sums are over the points whose history is kept.
    """

    version: int
    first: int
    last: int
    grouping: str
    text: str
    points: int
    sums: Mapping[str, float]  # by SUMS
    inside: Mapping[str, int] = field(
        default_factory=dict
    )  # points in each range, "80": 0.1 to 0.9

    @property
    def scaled_error(self) -> float:
        """Mean |median - actual| in seasonal naive scales of the window, like MASE."""
        return _ratio(self.sums["scaled"], self.sums["scaled_points"])

    @property
    def naive_scaled_error(self) -> float:
        """The same of the seasonal naive forecast, on the same points."""
        return _ratio(self.sums["naive_scaled"], self.sums["scaled_points"])

    @property
    def wape(self) -> float:
        """Sum of |median - actual| over sum of |actual|."""
        return _ratio(self.sums["absolute"], self.sums["actual"])

    @property
    def naive_wape(self) -> float:
        """The same of the seasonal naive forecast."""
        return _ratio(self.sums["naive_absolute"], self.sums["naive_actual"])

    @property
    def bias(self) -> float:
        """Sum of median - actual over sum of |actual|: above 0 where too much was forecast."""
        return _ratio(self.sums["error"], self.sums["actual"])

    @property
    def pinball(self) -> float:
        """Mean quantile loss over points and levels, in the target's units."""
        return _ratio(self.sums["pinball"], self.points)

    @property
    def naive_pinball(self) -> float:
        """The same of the seasonal naive forecast."""
        return _ratio(self.sums["naive_pinball"], self.sums["naive_points"])

    @property
    def coverage(self) -> dict[str, float]:
        """Share of actual values in each range by its nominal percent, in [0, 1]."""
        return {nominal: _ratio(count, self.points) for nominal, count in self.inside.items()}


def together(rows: Iterable[Accuracy]) -> Accuracy | None:
    """Rows that do not overlap as one; None of none."""
    listed = list(rows)
    if not listed:
        return None
    nominals = dict.fromkeys(name for one in listed for name in one.inside)
    return Accuracy(
        listed[0].version,
        min(one.first for one in listed),
        max(one.last for one in listed),
        listed[0].grouping,
        listed[0].text,
        sum(one.points for one in listed),
        {name: sum(one.sums[name] for one in listed) for name in SUMS},
        {name: sum(one.inside.get(name, 0) for one in listed) for name in nominals},
    )


def read(
    database: Database,
    model: str,
    *,
    version: int | None = None,
    grouping: str | None = None,
    text: str | None = None,
    first: int | None = None,
) -> list[Accuracy]:
    """Rows in the order of version, grouping, text and period; `first`: periods from this step on."""
    where = [accuracy.c.model == model]
    wanted = {"version": version, "grouping": grouping, "text": text}
    where += [accuracy.c[name] == value for name, value in wanted.items() if value is not None]
    if first is not None:
        where.append(accuracy.c.first >= first)
    c = accuracy.c
    query = sa.select(accuracy).where(*where).order_by(c.version, c.grouping, c.text, c.first)
    with database.reading() as connection:
        return [_accuracy(row) for row in connection.execute(query)]


def replace(
    connection: sa.Connection, model: str, firsts: Sequence[int], rows: Sequence[Accuracy]
) -> None:
    """`rows` are all there is of the periods that begin at `firsts`, and of what overlaps them."""
    mine = sa.and_(
        accuracy.c.model == model,
        accuracy.c.first <= sa.bindparam("end"),
        accuracy.c.last >= sa.bindparam("begin"),
    )
    if firsts:
        last = {one.first: one.last for one in rows}
        periods = [{"begin": one, "end": last.get(one, one)} for one in firsts]
        connection.execute(sa.delete(accuracy).where(mine), periods)
    if rows:
        connection.execute(sa.insert(accuracy), [_row(model, one) for one in rows])


def _row(model: str, one: Accuracy) -> dict[str, Any]:
    return {
        "model": model,
        "version": one.version,
        "first": one.first,
        "grouping": one.grouping,
        "text": one.text,
        "last": one.last,
        "points": one.points,
        "sums": json.dumps({**one.sums, "inside": dict(one.inside)}),
        "computed_at": now(),
    }


def _accuracy(row: sa.Row[Any]) -> Accuracy:
    sums = json.loads(row.sums)
    inside = sums.pop("inside")
    return Accuracy(
        row.version, row.first, row.last, row.grouping, row.text, row.points, sums, inside
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else NAN
