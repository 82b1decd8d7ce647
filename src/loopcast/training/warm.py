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
from loopcast.features.holidays import Holidays
from loopcast.training.checkpoint import ADVICE, loaded

NETWORK = "network."
SHAPING = ("history", "horizon", "season", "quantiles", "mean")
SHOWN = 3


@dataclass(frozen=True)
class Table:
    """Texts, and a vector for each [..., text, width]; before them those of no text in particular."""

    texts: list[str]
    vectors: Tensor

    def given(self, feature: Any) -> list[str]:
        """Each text's vector as it was, a new text's as the unknown one's; returns the new texts."""
        first = self.vectors.shape[-2] - len(self.texts)
        place = {text: code for code, text in enumerate(self.texts, start=first)}
        own = feature.vocabulary if isinstance(feature, Category) else feature.names
        codes = [*range(first), *(place.get(text, first - 1) for text in own)]
        feature.table.copy_(self.vectors[..., torch.tensor(codes), :])
        told = getattr(feature, "name", type(feature).__name__.lower())
        return [f"{told} {text!r}" for text in own if text not in place]


@dataclass(frozen=True)
class Earlier:
    """A checkpoint; its features are known by their names."""

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
                f"model.warm_start: there is no {path}; name a run's best.ckpt or last.ckpt"
            )
        found = loaded(Path(path).read_bytes(), Path(path))
        return cls(Path(path), found["state_dict"], found["loopcast"])

    @property
    def task(self) -> Task:
        """What it was fitted for."""
        return Task.from_dict(self.facts["task"])

    def tables(self, encoder: Encoder) -> dict[int, Table]:
        """What was learned of texts, by the place of the feature that has it now."""
        facts = self.facts["encoder"]
        names = facts.get("names") or encoder.names  # of old checkpoints nothing else is known
        if len(names) != len(facts["features"]):
            return {}
        known = dict(zip(names, enumerate(facts["features"]), strict=True))
        found = {}
        for here, name in enumerate(encoder.names):
            place, fact = known.get(name, (0, {}))
            vectors = self.state.get(f"encoder.features.{place}.table")
            feature = encoder.features[here]
            own = "vocabulary" if isinstance(feature, Category) else "names"
            texts = fact.get(own) if isinstance(feature, Category | Holidays) else None
            if vectors is not None and texts is not None:
                found[here] = Table(list(texts), vectors)
        return found

    def widened(self, encoder: Encoder, task: Task) -> Encoder:
        """With vectors as wide as they were: texts that came would ask for wider ones."""
        for place, table in self.tables(encoder).items():
            feature, width = encoder.features[place], table.vectors.shape[-1]
            if isinstance(feature, Category | Holidays) and feature.table.shape[-1] != width:
                encoder.features[place] = feature.widened(width, task)
        return encoder

    def carry(self, model: Any) -> None:
        """Copy into `model` what fits, say what does not; raises ConfigError where nothing does."""
        encoder, tables = model.encoder, self.tables(model.encoder)
        new: list[str] = []
        left: list[str] = []
        own = dict(model.named_parameters())
        with torch.no_grad():
            for place, table in tables.items():
                new += table.given(encoder.features[place])
            by_text = {f"encoder.features.{place}.table" for place in tables}
            for name, weight in own.items():
                if name in by_text:
                    continue
                if name.endswith(".table") and name.startswith("encoder."):
                    left.append(name)
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


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


@rank_zero_only
def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
