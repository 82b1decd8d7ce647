"""`loopcast retrain`: one tick, under a lease; decides, tries, promotes or keeps, goes back."""

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from loopcast.core.errors import LoopcastError
from loopcast.lifecycle import experiment
from loopcast.lifecycle.attempt import Attempt, Ground
from loopcast.lifecycle.collect import Collected, collect
from loopcast.lifecycle.fitting import Trainer
from loopcast.lifecycle.replay import Stretch
from loopcast.lifecycle.triggers import Decision, Facts, decide
from loopcast.lifecycle.watch import go_back
from loopcast.store import alarms
from loopcast.store.leases import Lease, held, holder
from loopcast.store.version import Version

log = logging.getLogger("loopcast.lifecycle")
What = Literal["busy", "nothing", "would retrain", "promoted", "kept", "rolled back"]


@dataclass(frozen=True)
class Told:
    """What a tick did, and why."""

    what: What
    why: str
    number: int | None = None


def tick(ground: Ground, *, force: bool = False, dry: bool = False) -> Told:
    """Idempotent: with nothing new it does nothing. Raises LoopcastError, and the champion stays."""
    model = ground.registry.model
    with held(ground.database, f"retrain/{model}") as lease:
        if lease is None:
            other = holder(ground.database, f"retrain/{model}") or "another process"
            return Told("busy", f"{other} is retraining {model}; nothing was done")
        return _alone(ground, lease, force, dry)


def _alone(ground: Ground, lease: Lease, force: bool, dry: bool) -> Told:
    champion = ground.registry.promoted()
    if champion is None:
        raise LoopcastError(
            f"no version of {ground.registry.model} is promoted, so there is nothing to compare"
            " with; serve a first one (artifact: in the config), or `loopcast models promote`"
        )
    ground.retrains.settle(champion.version)
    settings = ground.settings
    config = experiment.load(settings.config, settings.set)
    collected = collect(experiment.reading(config), ground.database, ground.registry.model)
    facts = _facts(ground, champion, collected)
    if not dry and (back := go_back(ground, lease, champion, collected, facts.end)):
        return Told("rolled back", back)
    decision = decide(facts, settings, force=force)
    if decision.reason is None:
        return Told("nothing", decision.why)
    stretch = Stretch(max(facts.end - settings.holdout, facts.seen), facts.end)
    if dry:
        return _tried(ground, config, collected, decision, stretch)
    number = ground.retrains.begin(decision.reason, decision.why, champion.version, facts.end)
    told = {"reason": decision.reason, "because": decision.why, "data_end": facts.end}
    attempt = Attempt(ground, lease, number, champion, collected, stretch, dict(told))
    why = attempt.run()
    done = ground.retrains.one(number)
    promoted = done is not None and done.outcome == "promoted"
    return Told("promoted" if promoted else "kept", why, number)


def _facts(ground: Ground, champion: Version, collected: Collected) -> Facts:
    panel = collected.panel()
    end = int(panel.origin.max())
    seen = champion.seen_until
    if seen is None:
        raise LoopcastError(
            f"the card of version {champion.version} does not say where its data end; export it"
            " again with this version of loopcast"
        )
    steps = panel.indices
    fresh = (steps > seen) & (steps <= end) & np.isfinite(panel.target)
    model = ground.registry.model
    about = [a for a in alarms.active(ground.database, model) if a.version == champion.version]
    return Facts(end, seen, int(fresh.sum()), about, ground.retrains.recent())


def _tried(
    ground: Ground,
    config: dict[str, Any],
    collected: Collected,
    decision: Decision,
    stretch: Stretch,
) -> Told:
    """Data are collected and checked; nothing is trained, nothing is written in the store."""
    folder = ground.folder(0).with_name("dry")
    rows = folder / "rows.parquet"
    digest = collected.write(rows)
    trainer = Trainer(folder, ground.settings.minutes, lambda: None)
    trainer.check(experiment.on(config, rows.resolve()), "check")
    held_out = stretch.end - stretch.after
    return Told(
        "would retrain",
        f"{decision.why}; the data passed the checks ({len(next(iter(collected.rows.values()))):,}"
        f" rows, SHA-256 {digest[:16]}), the last {held_out} steps would be compared, recipes"
        f" {', '.join(ground.settings.recipes)}",
    )
