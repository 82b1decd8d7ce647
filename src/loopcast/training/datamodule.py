"""The `data:` section of a config: reads, checks, splits, fits the features, hands out windows."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch import Tensor

from loopcast.core.errors import ConfigError, NoRows
from loopcast.core.grid import require_future
from loopcast.core.panel import Panel
from loopcast.core.task import Aggregate, Duplicates, Gaps, Origins, Task
from loopcast.data.reading import configured
from loopcast.data.source import Source
from loopcast.data.splits import Splits, origins, shares, split
from loopcast.features.categories import Category, encode
from loopcast.features.encoder import Encoder, default_features
from loopcast.features.feature import Feature
from loopcast.features.holidays import Holidays, named_places
from loopcast.features.scaling import Kind, Scaling, Transform
from loopcast.training import defaults
from loopcast.training.budget import allowed
from loopcast.training.card import described
from loopcast.training.checking import Checks, derived, gridded, once, tells, zeros
from loopcast.training.windows import Batch, Draws, Listed, Sampling, Windows, judging, windows

Resident = Literal["auto", "device", "host"]
SHARES = ("stopping", "calibration")
"""The validation part's windows, as data.splits.shares divides them."""


class DataModule(L.LightningDataModule):
    """Every argument is a key of the YAML's `data:` section; docs/configuration.md tells each."""

    def __init__(
        self,
        source: Source,
        time: str,
        target: str,
        frequency: str | int,
        horizon: int,
        series: list[str] | None = None,
        time_format: str | None = None,
        zone: str | None = None,
        season: int | None = None,
        history: int | None = None,
        static: list[str] | None = None,
        past: list[str] | None = None,
        future: list[str] | None = None,
        categorical: list[str] | None = None,
        aggregate: Aggregate | None = None,
        gaps: Gaps = "missing",
        duplicates: Duplicates = "error",
        observed: str | None = None,
        weight: str | None = None,
        origins: Origins | None = None,
        validation: int | None = None,
        test: int | None = None,
        strict: bool = False,
        non_negative: bool | None = None,
        stride: int | None = None,
        features: list[Feature] | None = None,
        holidays: list[str] | dict[str, str] | None = None,
        scaling: Kind | None = None,
        transform: Transform = "none",
        batch_size: int | None = None,
        sampling: Sampling = "windows",
        recent: int | list[int] | None = None,
        partial: bool | None = None,
        resident: Resident = "auto",
        memory: float | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.reading = configured(
            {
                "source": source,
                "time": time,
                "target": target,
                "frequency": str(frequency),
                "horizon": horizon,
                "series": series or [],
                "time_format": time_format,
                "zone": zone,
                "season": season,
                "history": history,
                "static": static,
                "past": past or [],
                "future": future or [],
                "categorical": categorical or [],
                "aggregate": aggregate,
                "gaps": gaps,
                "duplicates": duplicates,
                "observed": observed,
                "weight": weight,
                "origins": origins,
                "memory": memory,
            }
        )
        self.stride = horizon if stride is None else stride
        self.features = features
        self.named_scaling, self.transform = scaling, transform
        self.holidays = named_places(holidays)
        self.checks = Checks((validation, test), non_negative, strict, self._wanted())
        self.batch_size, self.sampling, self.seed = batch_size, sampling, seed
        self.partial = partial
        self.recent: list[int | None] = [*recent] if isinstance(recent, list) else [recent]
        self.placed = resident
        self.known: Task | None = None  # a checkpoint's task, where one is resumed or judged
        self.folder: Path | None = None  # the run's own, where its findings are kept
        self.panel: Panel | None = None
        self.splits: Splits

    def setup(self, stage: str) -> None:
        """Read once, check before a fit; whatever is fitted is fitted on the train part."""
        if self.panel is not None:
            return
        self._sensible()
        if stage == "fit":
            examined = self.checks.examine(self.reading, self.known)
            task, self.panel, self.splits = self.checks.heed(examined, self.folder)
        else:
            task, self.panel = gridded(self.reading, self.known)
            self.splits = split(self.panel, task.horizon, *self.checks.parts)
        self.use(task, self.panel, self.splits)

    def use(self, task: Task, panel: Panel, splits: Splits) -> None:
        """Fit what is fitted on a panel that was read."""
        self.panel, self.splits = panel, splits
        self.train = panel.until(splits.train)
        self.task = derived(task, self.train, self.checks.kept(self.known))
        if self.holidays and not any(isinstance(f, Holidays) for f in self.features or ()):
            known = default_features(task) if self.features is None else self.features
            self.features = [*known, Holidays(self.holidays)]
        self.tells, self.once = tells(self.task, self.train), once(self.task, self.train)
        kind = self.named_scaling or defaults.scaling(self.task.season, self.tells)
        self.scaling = Scaling(kind, self.transform)
        self.encoder = Encoder.fit(self.train, self.task, self.features, self.scaling)
        self.windows: Windows | None = None

    def _wanted(self) -> frozenset[str]:
        """Static columns that the config names, by themselves or in a feature."""
        codes = [self.holidays] if isinstance(self.holidays, str) else []
        for feature in self.features or ():
            if isinstance(feature, Category):
                codes.append(feature.name.removeprefix("static."))
            elif isinstance(feature, Holidays) and isinstance(feature.places, str):
                codes.append(feature.places)
        return frozenset([*(self.reading.static or ()), *codes])

    def _sensible(self) -> None:
        if not self.recent:
            raise ConfigError("data.recent is []; give a number of steps, or leave it out")
        named = {
            "horizon": self.reading.horizon,
            "batch_size": self.batch_size,
            "stride": self.stride,
        }
        recent = [("recent", steps) for steps in self.recent]
        for name, value in [*named.items(), *recent]:
            if value is not None and value < 1:
                raise ConfigError(f"data.{name} is {value}; it must be 1 or more")

    def plan(self, members: int | None = None) -> dict[str, Any]:
        """What was derived, for people and for the run's own config."""
        train = self.resident()
        members = members or self._members()
        batch = self._batch(len(train), members)
        return {
            "history": self.task.history,
            "season": self.task.season,
            "validation": int((self.splits.validation - self.splits.train).max()),
            "test": int((self.panel.origin - self.splits.validation).max()) if self.panel else 0,
            "batch_size": batch,
            "steps_per_epoch": self._epoch(len(train), batch * members),
            "windows": len(train),
            "roles": {r: asdict(getattr(self.task, r)) for r in ("static", "past", "future")},
        }

    def described(self) -> dict[str, Any]:
        """Source, size, parts and fingerprint of the data, for the card and the run's folder."""
        assert self.panel is not None
        return {"source": self.reading.source.describe(), **described(self.panel, self.splits)}

    def reasons(self) -> dict[str, str]:
        """Why what was derived is as it is."""
        return defaults.reasons(self.task, self.train.typical_length, self.tells)

    def resident(self) -> Windows:
        """The panel as flat tensors, coded by the vocabularies of the forecaster in charge."""
        assert self.panel is not None
        if self.windows is None:
            encoder = self._encoder()
            codes = {
                name: encode(self.panel.categories[name], vocabulary)
                for name, vocabulary in encoder.vocabularies.items()
            }
            partial = self.once if self.partial is None else self.partial
            self.windows = windows(self.panel, self.task, codes, self.splits.train, partial)
            if not len(self.windows):
                raise NoRows(
                    "the train part holds no window: give a longer history, or shorten"
                    " data.validation, data.test or data.horizon"
                )
        return self.windows

    def coded_by(self, encoder: Encoder) -> None:
        """Texts are coded as a checkpoint's encoder does, where no forecaster is in charge."""
        if getattr(getattr(self, "trainer", None), "lightning_module", None) is None:
            self.encoder, self.windows = encoder, None

    def _on_host(self) -> bool:
        """Does the panel stay on the host, and only windows travel?"""
        if self.placed == "auto":
            device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
            self.placed = "device" if self.resident().fits(device) else "host"
        return self.placed == "host"

    def _encoder(self) -> Encoder:
        attached = getattr(getattr(self, "trainer", None), "lightning_module", None)
        return getattr(attached, "encoder", None) or self.encoder

    def _members(self) -> int:
        """Each member has a batch of its own."""
        attached = getattr(getattr(self, "trainer", None), "lightning_module", None)
        return attached.together.count if attached is not None else 1

    def _batch(self, windows: int, members: int) -> int:
        return self.batch_size or defaults.batch_size(windows, members)

    def _epoch(self, windows: int, batch: int) -> int:
        return defaults.epoch(windows, batch, self.once)

    def _recent(self) -> list[int | None]:
        """The newest windows of each series that are drawn, by rule where none are named."""
        if self.recent != [None]:
            return list(self.recent)
        return [defaults.recent(self.task, self.tells)]

    def facts(self, trainer: L.Trainer | None = None) -> defaults.Facts:
        """What the rules for a network that is not named look at."""
        trainer = trainer or self.trainer
        steps, seconds = allowed(trainer) if trainer else (None, None)
        about = self.task.season, self.task.horizon, steps, seconds, zeros(self.train)
        return defaults.Facts(*about)

    def _seed(self) -> int:
        """The run's own (seed_everything), unless `seed` is named."""
        if self.seed is not None:
            return self.seed
        attached = getattr(getattr(self, "trainer", None), "lightning_module", None)
        known = getattr(attached, "seed", None)
        return 1 if known is None else int(known)

    def train_dataloader(self) -> Draws:
        """Endless draws, an epoch at a time."""
        train = self.resident()
        members = self._members()
        batch = self._batch(len(train), members) * members
        return Draws(
            train,
            batch,
            self._epoch(len(train), batch),
            self._seed(),
            self.sampling,
            self.trainer.global_rank if self.trainer else 0,
            self.trainer.world_size if self.trainer else 1,
            recent=self._recent(),
            members=members,
        )

    def val_dataloader(self) -> Listed | list[Any]:
        """Windows whose horizon lies in the validation part, that choose the best weights."""
        return self._listed("stopping")

    def test_dataloader(self) -> Listed | list[Any]:
        """Windows whose horizon lies in the test part."""
        return self._listed("test")

    def predict_dataloader(self) -> Listed:
        """The last window of each series: its horizon has not come yet; raises MissingFuture."""
        assert self.panel is not None
        require_future(self.panel, self.task)
        return self._shard(np.arange(len(self.panel)), self.panel.origin)

    def part(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Series, origins and limit of the part's windows: "validation" or "test".

        Of the validation part's some are "stopping", which choose the best weights, and some
        "calibration".
        """
        assert self.panel is not None
        test = name == "test"
        until = self.panel.origin if test else self.splits.validation
        after = self.splits.validation if test else self.splits.train
        series, origin = origins(after, until, self.stride)
        begun = origin >= self.panel.start[series]
        series, origin = series[begun], origin[begun]
        if name in SHARES:
            names = [self.panel.name(number) for number in range(len(self.panel))]
            chosen = shares(series, names)[SHARES.index(name)]
            series, origin = series[chosen], origin[chosen]
        return series, origin, until

    def _listed(self, name: str) -> Listed | list[Any]:
        series, origin, _ = self.part(name)
        return self._shard(series, origin) if len(series) else []

    def _shard(self, series: np.ndarray, origin: np.ndarray) -> Listed:
        table = np.stack([np.arange(len(series)), series, origin], 1).astype(np.int64)
        rank = self.trainer.global_rank if self.trainer else 0
        world = self.trainer.world_size if self.trainer else 1
        return Listed(torch.from_numpy(table), self.judging, rank, world)

    @property
    def judging(self) -> int:
        """Windows in a batch of judging."""
        return judging(self.task, bool(self.encoder.covariates))

    def on_before_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Tensor | Batch:
        """Numbers of windows -> windows, where the panel stays on the host."""
        if not self._on_host():
            return batch
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        gathered = self._gathered(self.resident(), batch)
        # from pinned memory the copy runs beside the step under way
        return (
            {n: t.contiguous().pin_memory() for n, t in gathered.items()}
            if device.type == "cuda"
            else gathered
        )

    def on_after_batch_transfer(self, batch: Tensor | Batch, dataloader_idx: int) -> Batch:
        """Numbers of windows -> windows, gathered where the panel lies."""
        if isinstance(batch, dict):
            return batch
        return self._gathered(self._at(batch.device), batch)

    def _gathered(self, resident: Windows, batch: Tensor) -> Batch:
        if batch.ndim == 1:
            return resident.draw(batch)
        number, series, origin = batch.unbind(1)
        shown = self._until_now(resident)
        return {**shown.gather(series, origin), "number": number, "series": series}

    def _until_now(self, resident: Windows) -> Windows:
        """Judging sees the actuals up to the end of the part that is judged."""
        assert self.panel is not None
        state = self.trainer.state.stage if self.trainer else None
        validating = state is not None and state.value in ("validate", "sanity_check")
        until = self.splits.validation if validating else self.panel.origin
        return resident.until(until)

    def _at(self, device: torch.device) -> Windows:
        resident = self.resident()
        if resident.start.device != device:
            resident = self.windows = resident.to(device)
        return resident
