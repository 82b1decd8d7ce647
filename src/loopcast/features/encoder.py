"""All features of a task, in order: the artifact's inputs in, what a network sees out."""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from loopcast.core.errors import ConfigError
from loopcast.core.panel import Panel
from loopcast.core.task import Columns, Task
from loopcast.features.calendar import Calendar
from loopcast.features.categories import Category
from loopcast.features.feature import Axis, Feature, Inputs
from loopcast.features.holidays import Holidays
from loopcast.features.level import Level
from loopcast.features.numeric import Numeric
from loopcast.features.position import Position, spanned
from loopcast.features.scaling import Scaling

ROLES: tuple[Axis, ...] = ("past", "future", "static")
WINDOW_FACTS = 6
HUGE = 1e30
"""A target of this size is taken as not observed, like NaN: its square is no float32."""
MISSED = 0.5
"""Share of the training windows that miss a covariate, drawn for each column, on a short train part."""
FEW = 60
"""Steps of the train part up to which it is short; on longer ones the share falls with their number."""
WIDE = 5.0
"""Logarithms among the window facts stay within so much of 0."""


def observed(target: Tensor) -> tuple[Tensor, Tensor]:
    """The values, 0 where there is none, and the mask, 1 or 0; comparisons are slow on a CPU."""
    finite = target.nan_to_num(HUGE)
    room = finite.abs().sub_(HUGE).neg_()  # what is left of HUGE: 0, or far above 1
    mask = room.clamp_(0.0, 1.0)
    return finite.mul_(mask), mask


def default_features(task: Task) -> list[Feature]:
    """The calendar, and every column of the task."""
    features: list[Feature] = [Calendar(), Position()]
    roles: dict[Axis, Columns] = {"past": task.past, "future": task.future, "static": task.static}
    for axis, columns in roles.items():
        if columns.numeric:
            features.append(Numeric(axis))
        features += [Category(f"{axis}.{name}") for name in columns.categorical]
    return features


class Encoder(nn.Module):
    """Made by `fit` from the train part, or by `restore` from facts and a state dict."""

    def __init__(
        self, task: Task, features: Sequence[Feature], scaling: Scaling, level: Level, span: int
    ) -> None:
        """`span`: steps of the train part, all series together."""
        super().__init__()
        self.span = span
        self.history, self.horizon = task.history, task.horizon
        self.features = nn.ModuleList(features)
        self.scaling = scaling
        self.level = level

    @classmethod
    def fit(
        cls, train: Panel, task: Task, features: Sequence[Feature] | None, scaling: Scaling
    ) -> Self:
        """`features`: unfitted ones, None for the default set; `train` is the train part alone."""
        chosen = default_features(task) if features is None else features
        return cls._levelled([feature.fit(train, task) for feature in chosen], train, task, scaling)

    def again(self, train: Panel, task: Task, features: Sequence[Feature] | None) -> Self:
        """Fitted on more rows; `features` as they were given to `fit`."""
        chosen = default_features(task) if features is None else features
        pairs = zip(chosen, self._listed, strict=True)
        fitted = [feature.again(before, train, task) for feature, before in pairs]
        return self._levelled(fitted, train, task, self.scaling)

    @classmethod
    def _levelled(
        cls, fitted: Sequence[Feature], train: Panel, task: Task, scaling: Scaling
    ) -> Self:
        coded = _vocabularies(fitted)
        for feature in fitted:
            if isinstance(feature, Holidays) and feature.column not in (None, *coded):
                raise ConfigError(
                    f"holidays: {feature.places!r} is no feature; add Category({feature.column}) to"
                    " data.features"
                )
        level = Level().fit(train, task, scaling, coded)
        return cls(task, fitted, scaling, level, spanned(train)[1])

    @classmethod
    def restore(
        cls,
        facts: dict[str, Any],
        task: Task,
        features: Sequence[Feature] | None,
        scaling: Scaling,
    ) -> Self:
        """The same modules without data; `load_state_dict` then brings their numbers back."""
        chosen = default_features(task) if features is None else features
        scaling = Scaling(**facts["scaling"]) if "scaling" in facts else scaling
        if len(chosen) != len(facts["features"]):
            raise ConfigError(
                f"the checkpoint was fitted with {len(facts['features'])} features, the config has"
                f" {len(chosen)}: columns, data.features and data.holidays must be those of its fit"
            )
        pairs = zip(chosen, facts["features"], strict=True)
        fitted = [feature.restore(known, task) for feature, known in pairs]
        level = Level().restore(facts["level"], task)
        spans = [f.span for f in fitted if isinstance(f, Position)]  # before it was kept
        return cls(task, fitted, scaling, level, int(facts.get("span", max([1, *spans]))))

    def facts(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "features": [feature.facts() for feature in self._listed],
            "scaling": {"kind": self.scaling.kind, "transform": self.scaling.transform},
            "level": self.level.facts(),
            "span": self.span,
            "names": self.names,
        }

    @property
    def names(self) -> list[str]:
        """Of the features, each once: an earlier run's are found again by them."""
        plain = [f"{type(f).__name__} {getattr(f, 'name', f.axis)}" for f in self._listed]
        return [f"{name} {plain[:place].count(name)}" for place, name in enumerate(plain)]

    @property
    def _listed(self) -> list[Feature]:
        return [feature for feature in self.features if isinstance(feature, Feature)]

    @property
    def vocabularies(self) -> dict[str, tuple[str, ...]]:
        """Input name ("static.State") -> the texts whose code is position + 1."""
        return _vocabularies(self._listed)

    @property
    def widths(self) -> tuple[int, int, int]:
        """Columns of past, future and static; each has at least one."""
        sums = {axis: sum(f.width for f in self._listed if f.axis == axis) for axis in ROLES}
        return max(sums["past"], 1), max(sums["future"], 1), sums["static"] + WINDOW_FACTS

    @property
    def covariates(self) -> int:
        """Columns of future that are no calendar; they come last."""
        return sum(f.width for f in self.of("future") if not isinstance(f, Calendar))

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        """The fields of a network's window, by name."""
        scaled, facts = self._target(inputs, None)
        return {
            **scaled,
            "past": _join(self._parts("past", inputs) or [scaled["mask"][..., None]]),
            "future": self._missed(
                _join(self._parts("future", inputs) or [self._ahead(scaled["mask"])])
            ),
            "static": _join([*self._parts("static", inputs), facts]),
        }

    def through(
        self, inputs: Inputs, encoded: dict[str, Tensor], seen: Tensor
    ) -> dict[str, Tensor]:
        """`encoded` as members see it whose history is shorter: `seen` [member, 1, history], 1 or 0.

        Each scales the window by what it sees; all fields get a member axis, of size 1 where it is
        the same for all.
        """
        scaled, facts = self._target(inputs, seen)
        rest = encoded["static"][..., : -facts.shape[-1]].expand(len(seen), -1, -1)
        shared = {name: encoded[name].unsqueeze(0) for name in ("past", "future")}
        if not any(f.axis == "past" and f.width for f in self._listed):
            shared["past"] = scaled["mask"][..., None]
        return {**scaled, **shared, "static": torch.cat([rest, facts], dim=-1)}

    def scale(self, inputs: Inputs) -> Tensor:
        """[batch, 1]: what the target of each window is scaled with."""
        return self._target(inputs, None)[0]["scale"]

    def _target(self, inputs: Inputs, seen: Tensor | None) -> tuple[dict[str, Tensor], Tensor]:
        """Target, mask, location and scale of the window, and what they say of it."""
        known, mask = observed(inputs["target"])
        if seen is not None:
            mask, known = mask * seen, known * seen
        level = self.level(inputs)
        scaled, location, scale = self.scaling.of_known(known, mask, *level)
        facts = self._window_facts(mask, known, location, scale, level)
        return {"target": scaled, "mask": mask, "location": location, "scale": scale}, facts

    def _parts(self, axis: Axis, inputs: Inputs) -> list[Tensor]:
        return [f(inputs) for f in self.of(axis)]

    def _missed(self, future: Tensor) -> Tensor:
        """In training windows miss some covariates, so that no single one is relied on alone."""
        if not self.training or not self.covariates:
            return future
        calendar, given = future.split([future.shape[-1] - self.covariates, self.covariates], -1)
        share = MISSED * min(1.0, FEW / max(1, self.span))
        shown = torch.rand(len(given), 1, self.covariates, device=given.device) >= share
        return torch.cat([calendar, given * shown], -1)

    def of(self, axis: Axis) -> list[Feature]:
        """As their columns stand side by side: the calendar before the others."""
        mine = [f for f in self._listed if f.axis == axis and f.width]
        return sorted(mine, key=lambda f: not isinstance(f, Calendar))

    def _window_facts(
        self,
        mask: Tensor,
        known: Tensor,
        location: Tensor,
        scale: Tensor,
        expected: tuple[Tensor, Tensor],
    ) -> Tensor:
        """[batch, 6]: shares of observed steps and of zeros, scale against train and level.

        And how far location and scale are from those `expected` of the series, as far as steps are
        not observed: what few steps say is drawn towards what the static columns say.
        """
        size = scale.log()
        shown = mask.mean(dim=-1, keepdim=True)
        typical, spread = expected
        facts = [
            shown,
            shown - known.sign().abs_().mean(dim=-1, keepdim=True),
            (size - self.level.usual).clamp(-WIDE, WIDE),
            (size - (location.abs() + scale).log()).clamp(-WIDE, 0.0),
            (1 - shown) * ((typical - location) / scale).clamp(-WIDE, WIDE),
            (1 - shown) * (spread.log() - size).clamp(-WIDE, WIDE),
        ]
        return torch.cat(facts, dim=-1)

    def _ahead(self, mask: Tensor) -> Tensor:
        """[batch, history + horizon, 1]: 0 up to the origin, then rising to 1."""
        steps = torch.arange(1 - self.history, self.horizon + 1, device=mask.device)
        ahead = steps.clamp(min=0) / self.horizon
        return ahead[None, :, None].expand(mask.shape[0], -1, -1)

    def scaled(self, actual: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Actuals [..., horizon] in the window's units; NaN stays."""
        return (self.scaling.transformed(actual) - location) / scale

    def units(self, quantiles: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """[..., batch, horizon, quantile] in scaled units -> the target's units; still unsorted."""
        return self.scaling.inverse(quantiles * scale[..., None] + location[..., None])


def _vocabularies(features: Sequence[Feature]) -> dict[str, tuple[str, ...]]:
    return {f.name: f.vocabulary for f in features if isinstance(f, Category)}


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
