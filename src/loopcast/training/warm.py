"""A fit that begins from an earlier run's weights: by name and shape, categories by their texts."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from loopcast.core.errors import ConfigError
from loopcast.core.task import Task
from loopcast.features.categories import Category
from loopcast.features.encoder import Encoder
from loopcast.training.checkpoint import ADVICE, loaded

NETWORK = "network."
SHAPING = ("history", "horizon", "season", "quantiles", "mean")
SHOWN = 3


@dataclass(frozen=True)
class Earlier:
    """A checkpoint; its features are taken to be this run's, in the same order."""

    path: Path
    state: dict[str, Tensor]
    facts: dict[str, Any]

    @classmethod
    def read(cls, path: str | None) -> "Earlier | None":
        """Raises ConfigError where there is no checkpoint of a fit."""
        if path is None:
            return None
        if not Path(path).is_file():
            raise ConfigError(
                f"model.warm_start: there is no {path}; name a run's best.ckpt, last.ckpt or refit.ckpt"
            )
        found = loaded(Path(path).read_bytes(), Path(path))
        return cls(Path(path), found["state_dict"], found["loopcast"])

    @property
    def task(self) -> Task:
        """What it was fitted for."""
        return Task.from_dict(self.facts["task"])

    def texts(self, encoder: Encoder) -> dict[str, tuple[list[str], Tensor]]:
        """By the state's names: texts and vectors [1 + text, width] of the categories."""
        facts = self.facts["encoder"]["features"]
        if len(facts) != len(encoder.features):
            return {}
        names = [f"encoder.features.{place}.table" for place in range(len(facts))]
        return {
            name: (list(fact["vocabulary"]), self.state[name])
            for name, fact, feature in zip(names, facts, encoder.features, strict=True)
            if isinstance(feature, Category) and "vocabulary" in fact and name in self.state
        }

    def widened(self, encoder: Encoder, task: Task) -> Encoder:
        """With vectors as wide as they were: a vocabulary that grew would ask for wider ones."""
        for name, (_, vectors) in self.texts(encoder).items():
            place = int(name.split(".")[2])
            feature = encoder.features[place]
            if isinstance(feature, Category) and feature.width != vectors.shape[-1]:
                facts = {**feature.facts(), "width": vectors.shape[-1]}
                encoder.features[place] = feature.restore(facts, task)
        return encoder

    def carry(self, model: Any) -> None:
        """Copy into `model` what fits, say what does not; raises ConfigError where nothing does."""
        encoder, texts = model.encoder, self.texts(model.encoder)
        new: list[str] = []
        left: list[str] = []
        own = dict(model.named_parameters())
        with torch.no_grad():
            for name, weight in own.items():
                if name in texts:
                    new += _by_text(encoder.features[int(name.split(".")[2])], *texts[name])
                elif name in self.state and self.state[name].shape == weight.shape:
                    weight.copy_(self.state[name])
                else:
                    left.append(name)
        why = self._why(model.task)
        network = {name for name in own if name.startswith(NETWORK)}
        if network and network <= set(left):
            raise ConfigError(
                f"model.warm_start: nothing of the network in {self.path} fits this one ({why}); {ADVICE}"
            )
        _tell(self._told(len(own), new, left, why))

    def _why(self, task: Task) -> str:
        """What is another task now."""
        known = self.task
        changed = [
            f"{name} was {getattr(known, name)}, is {getattr(task, name)}"
            for name in SHAPING
            if getattr(known, name) != getattr(task, name)
        ]
        return "; ".join(changed) or "class, size, members or features differ"

    def _told(self, count: int, new: list[str], left: list[str], why: str) -> str:
        lines = [f"warm start: {count - len(left)} of {count} weights begin as in {self.path}"]
        if new:
            lines.append(f"  {len(new)} new texts begin as the unknown one: {_some(new)}")
        if left:
            lines.append(f"  {len(left)} weights begin anew ({why}): {_some(left)}")
        return "\n".join(lines)


def _by_text(category: Category, texts: list[str], vectors: Tensor) -> list[str]:
    """Each text's vector as it was, a new text's as the unknown one's; returns the new texts."""
    place = {text: code for code, text in enumerate(texts, start=1)}
    codes = [0, *(place.get(text, 0) for text in category.vocabulary)]
    category.table.copy_(vectors[torch.tensor(codes)])
    return [f"{category.name} {text!r}" for text in category.vocabulary if text not in place]


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


@rank_zero_only
def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
