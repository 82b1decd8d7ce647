"""After a promotion: was it right? The version before it is replayed on what has come since."""

import logging

from loopcast.core.errors import ArtifactError, LoopcastError
from loopcast.lifecycle.attempt import WHO, Ground
from loopcast.lifecycle.card import decision_card
from loopcast.lifecycle.collect import Collected
from loopcast.lifecycle.gates import compare
from loopcast.lifecycle.paired import Paired
from loopcast.lifecycle.replay import Stretch, replay
from loopcast.serving.predictor import Predictor
from loopcast.store.leases import Lease
from loopcast.store.retrains import Retrain
from loopcast.store.version import Version

log = logging.getLogger("loopcast.lifecycle")
LOOKS = 4
"""It is watched for so many times the steps that must come first; chance has as many throws."""


def go_back(
    ground: Ground, lease: Lease, champion: Version, collected: Collected, end: int
) -> str | None:
    """Promotes the version before where it is better by the same paired test; why, or None."""
    settings = ground.settings.watch
    made = _promotion(ground, champion)
    if made is None or made.champion is None or made.step is None or not settings.steps:
        return None
    before = ground.registry.version(made.champion)
    seen = [version.seen_until for version in (champion, before)]
    after = max(made.step, *(step for step in seen if step is not None))
    if not settings.steps <= end - after <= LOOKS * settings.steps:
        return None
    try:
        found = _compared(before, champion, collected, Stretch(after, end))
    except ArtifactError as error:
        log.warning("version %s cannot be replayed, so it stays away: %s", before.version, error)
        return None
    if not (found.gain >= settings.gain and found.p * LOOKS <= settings.significance):
        return None
    return _back(ground, lease, champion, before, found, end)


def _promotion(ground: Ground, champion: Version) -> Retrain | None:
    """The retrain that made the champion, unless something else was promoted or undone since."""
    done = [one for one in ground.retrains.recent() if one.outcome in ("promoted", "rolled back")]
    newest = done[0] if done else None
    mine = newest is not None and newest.outcome == "promoted"
    return newest if mine and newest and newest.challenger == champion.version else None


def _compared(before: Version, champion: Version, collected: Collected, stretch: Stretch) -> Paired:
    serving, earlier = (Predictor(one.content()) for one in (champion, before))
    return compare(replay(serving, collected, stretch), replay(earlier, collected, stretch))


def _back(
    ground: Ground, lease: Lease, champion: Version, before: Version, found: Paired, end: int
) -> str:
    why = (
        f"version {before.version} would have been better than version {champion.version} by"
        f" {found.gain:.1%} on the {found.steps} steps since its promotion (p {found.p:.2g})"
    )
    retrains, model = ground.retrains, ground.registry.model
    lease.require()
    number = retrains.begin("watch", why, champion.version, end)
    try:
        ground.registry.go_back(before.version, champion, why=why, who=WHO)
    except LoopcastError as error:
        retrains.end(number, "failed", str(error))
        raise
    facts = {"back_to": before.version, "loss_before": found.first, "loss": found.second,
             "gain": found.gain, "p": found.p, "steps": found.steps}  # fmt: skip
    card = decision_card(model, "rolled back", why, facts, [])
    retrains.end(number, "rolled back", why, facts=facts, card=card, challenger=before.version)
    log.warning("rolled back: %s", why)
    return why
