"""History that a request leaves out: from the operator's database, and from what clients sent."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.errors import DataError, LoopcastError
from loopcast.core.overlay import overlaid
from loopcast.service.problem import Problem
from loopcast.service.rows import Table, texts_of
from loopcast.service.served import Served
from loopcast.store.actuals import Actuals, Latest
from loopcast.store.history import SqlHistory
from loopcast.store.series import key_text


class NoAnswer(LoopcastError):
    """What was looked up cannot be used; the operator's to mend, not the client's."""


class Lookup:
    """Rows by series key. Without a query the actual values in the ledger are the history."""

    def __init__(self, query: SqlHistory | None, actuals: Actuals | None) -> None:
        self._query, self._actuals = query, actuals

    @property
    def knows_future(self) -> bool:
        """Only a query can give known-ahead columns."""
        return self._query is not None

    def rows(self, keys: Sequence[Mapping[str, str]], served: Served) -> Table:
        """All rows of these series, the newest vintages put in; raises Problem, StoreError."""
        task = served.task
        counts = task.aggregate == "count"  # rows are the values
        names = [*task.series, task.time, *([] if counts else [task.target]), *_columns(served)]
        rows: Table = {name: [] for name in names}
        if self._query is not None and (found := self._query.read(keys)):
            _require(found, names)
            rows = {name: list(found[name]) for name in names}
        if self._actuals is not None and not counts:
            latest = self._actuals.read([key_text(key) for key in keys])
            values = {k: latest[t] for k in map(_tuple, keys) if (t := _text(k, task)) in latest}
            rows = _overlaid(rows, values, served)
        if not rows[task.time]:
            raise Problem(
                422,
                "No history is known of these series; send their target, or rows.",
                [("/series", "no history is known")],
            )
        return rows

    def future(
        self, keys: Sequence[Mapping[str, str]], origins: NDArray[np.int64], served: Served
    ) -> list[Table | None]:
        """Known-ahead columns after each origin, as far as there are rows; None: there are none."""
        task = served.task
        names = [*task.series, task.time, *task.future.names]
        found = self._query.read(keys) if self._query is not None else {}
        if not found:
            return [None] * len(keys)
        _require(found, names)
        steps = _steps(found, served)
        owners = texts_of(found, task.series) if task.series else [()] * len(steps)
        places = {
            (key, step): row for row, (key, step) in enumerate(zip(owners, steps, strict=True))
        }
        return [
            _after(found, places, _tuple(key), int(origin), served)
            for key, origin in zip(keys, origins, strict=True)
        ]


def _after(
    found: Table,
    places: Mapping[tuple[tuple[str, ...], int], int],
    key: tuple[str, ...],
    origin: int,
    served: Served,
) -> Table | None:
    rows = [places.get((key, origin + ahead)) for ahead in range(1, served.task.horizon + 1)]
    while rows and rows[-1] is None:
        rows.pop()
    if not rows:
        return None
    names = served.task.future.names
    return {n: [None if row is None else found[n][row] for row in rows] for n in names}


def _steps(rows: Table, served: Served) -> list[int]:
    try:
        times = served.read_times(rows[served.task.time])
    except DataError as error:
        raise NoAnswer(f"the history's times cannot be read: {error}") from error
    return served.frequency.index(times).tolist()


def _columns(served: Served) -> list[str]:
    task = served.task
    extra = (*task.static.names, *task.past.names, *task.future.names, task.observed)
    return [name for name in dict.fromkeys(extra) if name and name not in task.series]


def _require(found: Mapping[str, Any], names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in found]:
        raise NoAnswer(
            f"the history query gives no column {missing[0]!r}; it gives {', '.join(found)}:"
            " name its columns as the model does (select ... as)"
        )


def _tuple(key: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(key.values())


def _text(key: tuple[str, ...], task: Any) -> str:
    return key_text(dict(zip(task.series, key, strict=True)))


def _overlaid(rows: Table, latest: dict[tuple[str, ...], Latest], served: Served) -> Table:
    """Steps with an actual get its value; steps without a row become one."""
    task = served.task
    if not latest:
        return rows
    steps = _steps(rows, served) if rows[task.time] else []
    owners = texts_of(rows, task.series) if task.series else [()] * len(steps)
    values = {
        key: dict(zip(one.step.tolist(), one.value.tolist(), strict=True))
        for key, one in latest.items()
    }
    times = list(served.read_times(rows[task.time])) if steps else []
    return overlaid(
        {**rows, task.time: times}, values, task, owners, steps,
        list,
    )  # fmt: skip
