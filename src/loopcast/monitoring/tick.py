"""One tick: read what has landed, measure, test, learn, and write all of it in one transaction.

Idempotent: everything is computed from the ledger, so a tick that runs twice, or after one that was
killed, finds and writes the same. News are told by the numbers of rows; a clock only adds to them.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import msgspec
import numpy as np

from loopcast.core.frequency import Frequency
from loopcast.core.task import Task
from loopcast.monitoring import ranges, webhook
from loopcast.monitoring.accuracy import accuracies, period_length
from loopcast.monitoring.alarming import Judged, judge
from loopcast.monitoring.forecasts import Given, given, grouping
from loopcast.monitoring.inputs import explanations
from loopcast.monitoring.looks import steps_a_year
from loopcast.monitoring.reference import compared
from loopcast.monitoring.replay import replayed, trained
from loopcast.monitoring.rules import Rules
from loopcast.store import accuracy, alarms, backtests, calibrations, ticks
from loopcast.store.accuracy import Accuracy
from loopcast.store.alarms import Alarm, Change, Score
from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.history import SqlHistory
from loopcast.store.leases import Lease, held, holder
from loopcast.store.ledger import Ledger
from loopcast.store.news import News, news
from loopcast.store.registry import Registry
from loopcast.store.series import key_text
from loopcast.store.ticks import Tick
from loopcast.store.version import Version

log = logging.getLogger("loopcast.monitoring")
Anew = Literal["news", "all", "others"]
"""What is measured: what came, everything, or everything since periods or groups are others now."""
AGAIN = 2
"""Seasons of periods that every tick with news measures anew: forecasts may have come late too."""


@dataclass(frozen=True)
class Monitor:
    """One model's monitoring; `history`: the service's own query, for backtests."""

    database: Database
    model: str
    rules: Rules
    history: SqlHistory | None = None

    def tick(self, *, everything: bool = False) -> Tick:
        """Raises StoreError; of two at once, one does nothing and says so (outcome "busy").

        `everything`: measure all periods anew.
        """
        begin = time.perf_counter()
        with held(self.database, f"monitor:{self.model}") as lease:
            if lease is None:
                who = holder(self.database, f"monitor:{self.model}")
                log.info("nothing done: another tick is under way (%s)", who)
                return Tick(now(), 0.0, "busy", {"holder": who})
            done = self._tick(lease, begin, everything)
            self._tell()
        return done

    def _tick(self, lease: Lease, begin: float, everything: bool) -> Tick:
        version = Registry(self.database, self.model).promoted()
        before = None if everything else ticks.last(self.database, self.model, "done")
        mark = {} if before is None else before.facts
        looked = now()
        known = int(mark.get("landed", 0)), int(mark.get("looked", 0))
        found = news(self.database, self.model, *known)
        facts: dict[str, Any] = {
            "landed": found.landed,
            "answers": found.answers,
            "rows": found.rows,
        }
        facts["version"] = version.version if version else None
        told = repr(msgspec.structs.replace(self.rules, webhook=None))  # whose address is a secret
        facts["rules"] = sha256(told.encode()).hexdigest()[:16]
        if version is None or all(mark.get(name) == value for name, value in facts.items()):
            done = Tick(now(), time.perf_counter() - begin, "nothing", dict(mark) or facts)
            with self.database.writing() as connection:
                ticks.write(connection, self.model, done)
            return done
        facts["looked"] = looked
        facts["measured"] = repr((self.rules.period, self.rules.groups))
        other = before is not None and mark.get("measured", facts["measured"]) != facts["measured"]
        anew: Anew = "all" if before is None else "others" if other else "news"
        return self._write(lease, begin, version, found, facts, anew)

    def _write(
        self, lease: Lease, begin: float, version: Version, found: News, facts: dict[str, Any],
        anew: Anew,
    ) -> Tick:  # fmt: skip
        task = Task.from_dict(dict(version.task))
        firsts, rows, worn = self._measured(task, found, anew)
        seen = self._seen(version, task)
        lease.require()
        facts |= seen.facts | self._objective(version, task, seen, [*rows, *worn])
        facts |= {"actuals_lag_seconds": found.lag(Frequency.parse(task.frequency), task.zone)}
        with self.database.writing() as connection:
            accuracy.replace(connection, self.model, firsts, rows)
            alarms.write_scores(connection, self.model, version.version, seen.scores)
            change = alarms.settle(connection, self.model, seen.alarms)
            if seen.state is not None:
                through = int(seen.facts["through"])
                calibrations.write(connection, self.model, version.version, through, seen.state)
            facts["alarms"] = len(seen.alarms)
            done = Tick(now(), time.perf_counter() - begin, "done", facts)
            ticks.write(connection, self.model, done)
        _log(change)
        return done

    def _objective(
        self, version: Version, task: Task, seen: "Seen", rows: Sequence[Accuracy]
    ) -> dict[str, Any]:
        """Coverage of the last season beside what it should be."""
        first = int(seen.facts.get("through", 0)) - AGAIN * max(task.season, 1) // 2
        mine = [r for r in rows if r.version == version.version and r.grouping == ""]
        whole = accuracy.together([row for row in mine if row.last > first])
        if whole is None:
            return {}
        room = self.rules.ranges.room
        return {"coverage": ranges.met(whole.coverage, whole.points, room)}

    def _measured(
        self, task: Task, found: News, anew: Anew
    ) -> tuple[list[int], list[Accuracy], list[Accuracy]]:
        """The periods that have news, all of their rows, and rows that stay as they were measured."""
        length = period_length(Frequency.parse(task.frequency), task.season, self.rules.period)
        steps = found.steps if anew == "news" else found.all_steps
        recent = found.all_steps[found.all_steps > found.last - AGAIN * max(task.season, 1)]
        firsts = np.unique(np.concatenate([steps, recent]) // length * length)
        rows: list[Accuracy] = []
        reached: set[int] = set()  # what was thinned away stays as it was measured
        for part in _runs(firsts, length):
            first, last = int(part[0]) - found.horizon, int(part[-1]) + length - 1
            for one in given(Ledger(self.database, self.model), first=first, last=last):
                rows += accuracies(one, part.tolist(), length, self.rules.groups)
                reached |= set(np.unique(one.steps // length * length).tolist())
        fresh = found.all_steps if anew == "others" else found.steps
        worn = self._worn(rows, set((fresh // length * length).tolist()))
        kept = [first for first in firsts.tolist() if first in reached and first not in worn]
        stored = [row for listed in worn.values() for row in listed]
        return kept, [row for row in rows if row.first not in worn], stored

    def _worn(self, rows: Sequence[Accuracy], fresh: set[int]) -> dict[int, list[Accuracy]]:
        """Periods without news of which the ledger keeps less than when they were measured."""
        now_: Counter[int] = Counter()
        for row in rows:
            if row.grouping == "" and row.first not in fresh:
                now_[row.first] += _points(row)
        if not now_:
            return {}
        before: dict[int, list[Accuracy]] = {}
        for row in accuracy.read(self.database, self.model, grouping="", first=min(now_)):
            before.setdefault(row.first, []).append(row)
        return {f: b for f, b in before.items() if f in now_ and now_[f] < sum(map(_points, b))}

    def _seen(self, version: Version, task: Task) -> "Seen":
        """What the promoted version's forecasts say."""
        parts = list(given(Ledger(self.database, self.model), version=version.version))
        if not parts or not parts[0].landed.any():
            return Seen({"reference": {"looks": 0, "needed": self.rules.reference}})
        one = parts[0]
        through = int(one.steps[one.landed].max())
        facts: dict[str, Any] = {"through": through}
        judged = self._judged(version, one)
        if judged is None:
            facts["reference"] = {"looks": 0, "needed": self.rules.reference}
            return Seen(facts, state=self._state(one))
        facts["reference"] = {
            "looks": judged.compared.looked,
            "needed": self.rules.reference,
            "series": len(judged.compared.keys),
        }
        opened = list(judged.alarms(()))
        if opened:
            opened = list(judged.alarms(explanations(one, version.card)))
        return Seen(facts, opened, list(judged.scores()), self._state(one))

    def _judged(self, version: Version, one: Given) -> Judged | None:
        """None where the reference is too short, or nothing came after it."""
        backtest = self._backtest(version, one)
        found = compared(one, backtest, self.rules.reference)
        if found is None or found.looked < self.rules.reference:
            return None
        if not found.since.size:
            return None
        columns = grouping(one.task, one.part.keys, self.rules.groups)
        return judge(version.version, found, columns, self.rules.alpha)

    def _backtest(self, version: Version, one: Given) -> backtests.Backtest | None:
        known = backtests.read(self.database, self.model, version.version)
        if self.history is None or not self.rules.backtest:
            return known
        there = set() if known is None else set(known.keys)
        keys = {text: key for key in one.part.keys if (text := key_text(key)) not in there}
        if not keys:
            return known
        until = int(one.steps[one.landed].min()) - 1
        learned = trained(version, one.task)
        if learned is None or learned >= until:  # nothing that it could be judged on
            return known
        made = replayed(version, self.history, list(keys.values()), until, self.rules.backtest)
        if made is None:
            return known
        made = made.marked([text for text in keys if text not in set(made.keys)], until)
        backtests.write(self.database, self.model, version.version, made)
        log.info("version %s replayed: %d windows", version.version, len(made))
        return backtests.read(self.database, self.model, version.version)

    def _state(self, one: Given) -> dict[str, Any] | None:
        year = steps_a_year(Frequency.parse(one.task.frequency), one.task.season)
        return ranges.learned(one, self.rules.ranges, year)

    def _tell(self) -> None:
        """Alarms whose state the webhook was not told; those it did not take wait for the next tick."""
        if self.rules.webhook is None:
            return
        for alarm in alarms.untold(self.database, self.model):
            if webhook.tell(self.rules.webhook, self.model, alarm):
                alarms.tell(self.database, alarm)


@dataclass(frozen=True)
class Seen:
    """What one version's forecasts say, to be written."""

    facts: dict[str, Any]
    alarms: Sequence[Alarm] = ()
    scores: Sequence[Score] = ()
    state: dict[str, Any] | None = None


def _points(row: Accuracy) -> int:
    """How much a measurement rests on."""
    return row.points + int(row.sums["naive_points"])


def _runs(firsts: Any, length: int) -> Iterator[Any]:
    """Neighbouring periods together, so that little is read twice and never all at once."""
    if len(firsts):
        yield from np.split(firsts, np.flatnonzero(np.diff(firsts) > length) + 1)


def _log(change: Change) -> None:
    for alarm in change.opened:
        log.warning("alarm %s opened (%s, %s): %s", alarm.id, alarm.kind, alarm.scope, alarm.reason)
        for reason in alarm.why:
            log.warning("alarm %s: %s", alarm.id, reason)
    for alarm in change.closed:
        log.warning("alarm %s closed (%s, %s)", alarm.id, alarm.kind, alarm.scope)
