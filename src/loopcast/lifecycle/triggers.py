"""Whether it is time to retrain. Retraining often is often useless, so every answer has its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loopcast.lifecycle.settings import Retrain as Settings
from loopcast.store.alarms import Alarm
from loopcast.store.retrains import Retrain

Reason = Literal["hand", "alarm", "again", "age", "data"]


@dataclass(frozen=True)
class Facts:
    """What the decision rests on; steps of the grid."""

    end: int  # the last step of the data
    seen: int  # the last one that the champion has trained on
    rows: int  # values that have come since then
    alarms: Sequence[Alarm]  # open, about the champion
    attempts: Sequence[Retrain]  # newest first


@dataclass(frozen=True)
class Decision:
    """`reason` None: nothing to do, and `why` says so."""

    reason: Reason | None
    why: str


def decide(facts: Facts, settings: Settings, *, force: bool = False) -> Decision:
    """By hand goes before everything but this: there must be steps that the champion has not seen."""
    since = facts.end - facts.seen
    if since < 2:
        return Decision(
            None, f"{since} steps have come since the champion was trained; 2 are needed to compare"
        )
    if force:
        return Decision("hand", "asked for by hand")
    asked = _asked(facts, settings)
    if asked.reason is None:
        return asked
    tried = [a.step for a in facts.attempts if a.step is not None]
    last = max(
        (step for step in tried if step <= facts.end), default=None
    )  # later: withdrawn since
    if last is not None and facts.end - last < settings.cooldown:
        return Decision(
            None,
            f"{asked.why}, but the last attempt was {facts.end - last} steps ago and the cool-down"
            f" is {settings.cooldown}",
        )
    return asked


def _asked(facts: Facts, settings: Settings) -> Decision:
    triggers, since = settings.triggers, facts.end - facts.seen
    if triggers.alarm and facts.alarms:
        first = facts.alarms[0]
        more = f" and {len(facts.alarms) - 1} more" if len(facts.alarms) > 1 else ""
        return Decision("alarm", f"an alarm is open: {first.reason}{more}")
    if (wait := _again(facts, triggers.again)) is not None:
        return Decision(
            "again", f"an alarm's retrain was {wait} steps ago, and more has come since"
        )
    if triggers.age is not None and since >= triggers.age:
        return Decision(
            "age", f"the champion's data ended {since} steps ago ({triggers.age} is the most)"
        )
    if triggers.rows is not None and facts.rows >= triggers.rows:
        return Decision("data", f"{facts.rows:,} values have come ({triggers.rows:,} are enough)")
    return Decision(
        None, f"no trigger: {since} steps and {facts.rows:,} values since the champion's data"
    )


def _again(facts: Facts, after: Sequence[int]) -> int | None:
    """How long ago the last alarm's retrain was, where its next repetition is due."""
    tries = 0
    for one in facts.attempts:
        if one.step is not None and one.step > facts.end:
            continue  # of a step that was withdrawn since
        if one.reason == "alarm" and one.step is not None:
            wait = facts.end - one.step
            return wait if tries < len(after) and wait >= after[tries] else None
        tries += one.reason == "again"
    return None
