"""What monitoring and retraining leave in the store, made up, so that every panel has something to show."""

from loopcast.store import accuracy, alarms, ticks
from loopcast.store.clock import now
from loopcast.store.retrains import Retrains

STEPS = range(560, 584)
"""Months up to 2018-08."""


def monitored(parts):
    """Two versions judged, two open alarms and a closed one, a tick, and two retrains."""
    model, database = parts.settings.model, parts.database
    with database.writing() as connection:
        accuracy.replace(connection, model, list(STEPS), rows())
        alarms.settle(connection, model, [alarm("coverage", "panel", [])])
        alarms.settle(connection, model, [alarm("level", "panel", []), alarm("size", "series", [
            {"shop": "<i>a</i>", "item": "x"}])])  # fmt: skip
        both = [
            alarms.Score(1, k, s, 0.9, 1.0, 1 / (s - 559), 0.05)
            for k in ("level", "size")
            for s in STEPS
        ]
        alarms.write_scores(connection, model, 1, both)
        ticks.write(
            connection, model, ticks.Tick(now(), 0.2, "done", {"through": 583, "alarms": 2})
        )
    retrained(Retrains(database, model))


def alarm(kind, scope, concerned):
    return alarms.Alarm(
        1, kind, scope, 580, 4.2, 3.1, f"errors have moved ({kind})", concerned,
        ["price: missing in 12 % of rows, 1 % before", "<b>shop</b>: 1 new category"],
    )  # fmt: skip


def rows():
    found = []
    for version in (1, 2):
        for step in STEPS:
            groups = [("", ""), *(("horizon", t) for t in ("1", "2-3")), ("shop", "<u>a</u>")]
            for grouping, text in groups:
                sums = dict.fromkeys(accuracy.SUMS, 10.0)
                sums["scaled"] = 6.0 + version + step % 5
                found.append(
                    accuracy.Accuracy(
                        version, step, step, grouping, text, 10, sums, {"80": 6 + step % 4, "50": 5}
                    )
                )
    return found


def retrained(retrains):
    gates = [
        {"name": "gain", "seen": "3.1 % lower loss", "wanted": "2 % at least", "passed": True},
        {"name": "coverage", "seen": "71 %", "wanted": "70 % at least", "passed": True},
    ]
    first = retrains.begin("alarm", "an alarm is open: errors have moved", 1, 583)
    retrains.end(
        first,
        "promoted",
        "better on the same points",
        gates=gates,
        card="# The decision\n\nBetter.",
        challenger=2,
    )
    gates = [{**gates[0], "seen": "0.4 % lower loss", "passed": False}, gates[1]]
    second = retrains.begin("age", "12 steps have come", 1, 583)
    retrains.end(second, "kept", "the gain is too small", gates=gates, challenger=3)
