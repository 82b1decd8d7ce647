"""Verdicts in words: which alarms hold at the last look, since when, and about whom."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from loopcast.monitoring.drift import PANEL, Looked, Verdict, examine
from loopcast.monitoring.reference import Compared
from loopcast.store.alarms import Alarm, Scope, Score

Group = tuple[str, str, NDArray[np.int64]]
"""A column, one of its texts, and the series that have it."""
SHOWN = 3
"""So many names stand in a reason; all stand in `concerned`."""


@dataclass(frozen=True)
class Judged:
    """One version at its last look."""

    version: int
    compared: Compared
    groups: Sequence[Group]
    verdict: Verdict

    def alarms(self, why: Sequence[str]) -> Iterator[Alarm]:
        """Those that hold; one for each kind and scope."""
        for looked in self.verdict.panel:
            yield from self._alarm(looked, "panel", slice(0, 1), why)
        for looked in self.verdict.rows:
            yield from self._alarm(looked, "groups", slice(0, len(self.groups)), why)
            yield from self._alarm(looked, "series", slice(len(self.groups), None), why)

    def scores(self) -> Iterator[Score]:
        """The panel's tests at each look."""
        for looked in self.verdict.panel:
            for look in range(looked.p.shape[1]):
                error, score = (_plain(part[0, look]) for part in (looked.error, looked.score))
                step = self.compared.last_step(look)
                alpha = PANEL * self.verdict.alpha / len(self.verdict.panel)
                yield Score(
                    self.version, looked.kind, step, error, score, float(looked.p[0, look]), alpha
                )

    def _alarm(
        self, looked: Looked, scope: Scope, rows: slice, why: Sequence[str]
    ) -> Iterator[Alarm]:
        state = looked.alarm[rows]
        if not state.size or not state[:, -1].any():
            return
        held = np.flatnonzero(state[:, -1])
        score = np.nan_to_num(looked.score[rows][held, -1])
        worst = held[np.argsort(-score)]
        began = int(np.flatnonzero(~np.append([False], state[worst[0]]))[-1])
        names = [self._name(scope, int(row)) for row in worst]
        yield Alarm(
            self.version,
            looked.kind,
            scope,
            self.compared.last_step(began),
            float(score.max()),
            float(looked.threshold[rows][worst[0]]),
            self._reason(looked, scope, rows, worst, names),
            () if scope == "panel" else names,
            why,
        )

    def _name(self, scope: Scope, row: int) -> Mapping[str, str]:
        if scope == "groups":
            column, text, _ = self.groups[row]
            return {column: text}
        return {} if scope == "panel" else orjson.loads(self.compared.keys[row])

    def _reason(
        self, looked: Looked, scope: Scope, rows: slice, worst: Any, names: Sequence[Any]
    ) -> str:
        told = looked.error[rows][worst[0]]
        now = float(told[np.isfinite(told)][-max(self.compared.clock.season, 3) :].mean())
        was = float(looked.was[rows][worst[0]])
        side = "more" if now > was else "less"
        what = (
            f"forecasts lie {abs(now - was):.2g} naive scales {side} above the actual values than before"
            if looked.kind == "level"
            else f"surprises are {now / was:.2g} times as large as before"
            if was > 0
            else f"surprises are {now:.2g}; before there were none"
        )
        if scope == "panel":
            return f"over the whole panel, {what}"
        listed = "; ".join(", ".join(name.values()) for name in names[:SHOWN])
        rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"in {len(names)} {scope}, e.g. {listed}{rest}: {what} (of the first)"


def judge(version: int, compared: Compared, columns: Sequence[str], alpha: float) -> Judged:
    """Run the tests; groups are the categories of `columns` that two series or more share."""
    groups = list(_groups(compared.keys, columns))
    clock = compared.clock
    verdict = examine(
        compared.reference,
        compared.since,
        season=clock.season,
        year=clock.year,
        alpha=alpha,
        groups=[rows for _, _, rows in groups],
    )
    return Judged(version, compared, groups, verdict)


def _groups(keys: Sequence[str], columns: Sequence[str]) -> Iterator[Group]:
    parsed = [orjson.loads(key) for key in keys]
    for column in columns:
        texts = np.array([key[column] for key in parsed], object)
        for text in sorted(set(texts)):
            rows = np.flatnonzero(texts == text)
            if 1 < len(rows) < len(parsed):
                yield column, text, rows


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
