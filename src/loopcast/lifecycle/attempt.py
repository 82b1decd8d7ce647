"""One attempt: snapshot, checks, challengers, comparison, refit, promotion. What fails leaves the champion."""

import json
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from loopcast.core.errors import ArtifactError, LoopcastError
from loopcast.core.inputs import inputs
from loopcast.core.naive import window_scale
from loopcast.core.scores import median
from loopcast.lifecycle import experiment
from loopcast.lifecycle.card import decision_card
from loopcast.lifecycle.collect import Collected
from loopcast.lifecycle.fitting import DataRefused, Fitted, Trainer
from loopcast.lifecycle.gates import Verdict, best, churn, compare, judge
from loopcast.lifecycle.paired import Paired
from loopcast.lifecycle.replay import Replayed, Stretch, replay
from loopcast.lifecycle.settings import Retrain as Settings
from loopcast.serving.predictor import Predictor
from loopcast.serving.trial import compatible, self_test
from loopcast.store import backtests
from loopcast.store.backtests import Backtest
from loopcast.store.database import Database, StoreError
from loopcast.store.leases import Lease
from loopcast.store.registry import Registry
from loopcast.store.retrains import Retrains
from loopcast.store.series import key_text
from loopcast.store.version import Version

log = logging.getLogger("loopcast.lifecycle")
WHO = "retrain"
ASKING = 15.0
"""Seconds between two looks at the lease while a training runs."""


@dataclass(frozen=True)
class Ground:
    """What every attempt stands on."""

    settings: Settings
    database: Database
    registry: Registry

    @property
    def retrains(self) -> Retrains:
        """The model's."""
        return Retrains(self.database, self.registry.model)

    def folder(self, number: int) -> Path:
        """Where an attempt's snapshot, configs and logs lie."""
        return Path(self.settings.folder) / self.registry.model / str(number)


@dataclass(frozen=True)
class Tried:
    """A challenger's honest run: trained without the stretch, replayed on it."""

    name: str
    replayed: Replayed
    compared: Paired

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        found = self.compared
        return {"name": self.name, "loss": found.second, "gain": found.gain, "p": found.p}


@dataclass
class Attempt:
    """Runs under a lease that is renewed; every state is in the store before its work begins."""

    ground: Ground
    lease: Lease
    number: int
    champion: Version
    collected: Collected
    stretch: Stretch
    facts: dict[str, Any] = field(default_factory=dict)
    challenger: Version | None = None
    asked: float = field(default_factory=time.monotonic)

    def run(self) -> str:
        """The sentence that the store keeps. Raises LoopcastError, with its row ended before."""
        try:
            verdict, tried = self._judged()
            if not verdict.passed:
                return self._end("kept", verdict.why(), verdict)
            return self._promoted(verdict, tried)
        except LoopcastError as error:
            self._failed(error)
            raise
        except OSError as error:
            where = error.filename or self.ground.settings.folder
            told = LoopcastError(
                f"{where} cannot be written ({error.strerror or error}); make room"
            )
            self._failed(told)
            raise told from error

    def _judged(self) -> tuple[Verdict, Tried]:
        settings = self.ground.settings
        self._at("collect")
        self._tidy()  # failed ones leave folders too, and this one needs room
        rows = self.ground.folder(self.number) / "rows.parquet"
        self.facts["snapshot"] = self.collected.write(rows)
        config = experiment.on(experiment.load(settings.config, settings.set), rows.resolve())
        self._at("replay", snapshot=self.facts["snapshot"])
        trainer = self._trainer()
        champion = replay(Predictor(self.champion.content()), self.collected, self.stretch)
        tried = [self._try(trainer, config, name, champion) for name in settings.recipes]
        self.facts["recipes"] = [one.plain() for one in tried]
        self._at("compare")
        chosen = tried[best([one.compared for one in tried])]
        self.facts |= {"recipe": chosen.name, "churn": churn(champion, chosen.replayed)}
        verdict = judge(champion, chosen.replayed, settings.gates, len(tried))
        self.facts |= {"steps": verdict.compared.steps, "loss_before": verdict.compared.first}
        self.facts |= {"loss": verdict.compared.second, "gain": verdict.compared.gain}
        return verdict, chosen

    def _try(
        self, trainer: Trainer, config: dict[str, Any], name: str, champion: Replayed
    ) -> Tried:
        """Trained on what came before the stretch, so that neither version knows its values."""
        self._at(f"train {name}")
        held = self.stretch.end - self.stretch.after
        try:
            honest = self._with(config, name, {"data.test": held, "refit": False})
            fitted = trainer.fit(honest, f"{name}_honest")
        except DataRefused:
            self._at("validate")
            raise
        replayed = replay(self._opened(fitted), self.collected, self.stretch)
        return Tried(name, replayed, compare(champion, replayed))

    def _with(self, config: dict[str, Any], recipe: str, ours: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe's flags, and over them what the comparison rests on."""
        flags = self.ground.settings.recipes[recipe]
        return experiment.overridden(config, {**flags, **ours})

    def _opened(self, fitted: Fitted) -> Predictor:
        """Raises ArtifactError where its clients could not go on with it."""
        predictor = Predictor(fitted.artifact)
        self_test(predictor, "the challenger")
        if why := compatible(predictor.task, Predictor(self.champion.content()).task):
            raise ArtifactError(f"the challenger cannot take over: {why}")
        return predictor

    def _promoted(self, verdict: Verdict, tried: Tried) -> str:
        """The same recipe on all the data; the honest run's errors are what monitoring compares with."""
        settings, registry = self.ground.settings, self.ground.registry
        self._at(f"refit {tried.name}")
        rows = self.ground.folder(self.number) / "rows.parquet"
        config = experiment.on(experiment.load(settings.config, settings.set), rows.resolve())
        everything = self._with(config, tried.name, {"data.test": 0})
        fitted = self._trainer().fit(everything, tried.name)
        predictor = self._opened(fitted)
        self._at("register")
        gates = [gate.plain() for gate in verdict.gates]
        task = json.loads(predictor.task.to_json())
        self.challenger = registry.register(
            fitted.artifact, task, predictor.card, scores={"gates": gates},
            config=fitted.config.read_bytes(), why=f"retrain {self.number}", who=WHO,
        )  # fmt: skip
        registry.challenge(self.challenger.version, why=verdict.why(), who=WHO)
        self._at("promote", challenger=self.challenger.version)
        self._keep_errors(tried.replayed)
        self.lease.require()
        before = self.champion.version
        registry.promote(self.challenger.version, why=verdict.why(), who=WHO, instead_of=before)
        return self._end("promoted", verdict.why(), verdict)

    def _keep_errors(self, replayed: Replayed) -> None:
        """In scales of each window's own history, as monitoring tells them."""
        assert self.challenger is not None
        panel, task = self.collected.panel(replayed.task), replayed.task
        error = median(replayed.judged.quantiles, task.quantiles) - replayed.judged.actual
        known = np.flatnonzero(np.isfinite(error).any(1))
        series, origin = replayed.series[known], replayed.origin[known]
        history = inputs(panel, task, series, origin)["target"]
        scale = window_scale(history, task.season)[:, None]
        keys = [
            key_text({name: str(texts[one]) for name, texts in panel.keys.items()})
            for one in series
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.where(scale > 0, error[known] / scale, np.nan)
        found = Backtest(keys, origin, scaled.astype(np.float32))
        registry = self.ground.registry
        backtests.write(self.ground.database, registry.model, self.challenger.version, found)

    def _trainer(self) -> Trainer:
        folder = self.ground.folder(self.number)
        return Trainer(folder, self.ground.settings.minutes, self._alive)

    def _alive(self) -> None:
        """A training whose lease is gone is ended."""
        if time.monotonic() - self.asked > ASKING:
            self.asked = time.monotonic()
            try:
                self.lease.require()
            except StoreError as error:  # away for a moment; the next state asks again
                log.warning(
                    "retrain %s goes on without a word of its lease: %s", self.number, error
                )

    def _at(self, state: str, **found: Any) -> None:
        log.info("retrain %s: %s", self.number, state)
        self.lease.require()
        self.ground.retrains.at(self.number, state, **found)

    def _end(self, outcome: Any, why: str, verdict: Verdict) -> str:
        gates = [gate.plain() for gate in verdict.gates]
        card = decision_card(self.ground.registry.model, outcome, why, self.facts, gates)
        self.ground.retrains.end(
            self.number, outcome, why, gates=gates, facts=self.facts, card=card, state="done"
        )
        try:
            (self.ground.folder(self.number) / "decision.md").write_text(card, encoding="utf-8")
            self._tidy()
        except OSError as error:
            log.warning("the decision is in the store, not beside the run: %s", error)
        log.info("retrain %s: %s: %s", self.number, outcome, why)
        return why

    def _failed(self, error: LoopcastError) -> None:
        """Said in the store, if the store can be reached; the row is closed by the next tick if not."""
        why = str(error)
        log.error("retrain %s failed, the champion stays: %s", self.number, why)
        registry = self.ground.registry
        try:
            if self.challenger is not None:
                promoted = registry.promoted()
                if promoted is not None and promoted.version == self.challenger.version:
                    self.ground.retrains.settle(promoted.version)  # it serves: only the word failed
                    return
                registry.withdraw(self.challenger.version, why=why, who=WHO)
            card = decision_card(registry.model, "failed", why, self.facts, [])
            self.ground.retrains.end(self.number, "failed", why, facts=self.facts, card=card)
        except LoopcastError as away:
            log.error("retrain %s: that could not be written: %s", self.number, away)

    def _tidy(self) -> None:
        """Old attempts' folders go; the newest stay."""
        there = self.ground.folder(self.number).parent
        if not there.is_dir():
            return
        numbers = sorted(int(one.name) for one in there.iterdir() if one.name.isdigit())
        for old in numbers[: -max(self.ground.settings.keep, 1)]:
            shutil.rmtree(there / str(old), ignore_errors=True)
