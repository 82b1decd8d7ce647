"""A checkpoint as a file: numbers and plain values, and the facts that rebuild a forecaster."""

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from loopcast.core.errors import ConfigError
from loopcast.core.task import Task

SHAPING = ("series", "target", "frequency", "horizon", "history", "season")
"""What a network was made for; a config that says otherwise is of another run."""

ADVICE = "use the settings of its fit, which its folder keeps in config.yaml"


def loaded(content: bytes, path: Path) -> dict[str, Any]:
    """Of the file's bytes, nothing executed; raises ConfigError where they are no forecaster's."""
    try:
        found = torch.load(BytesIO(content), weights_only=True, map_location="cpu")
    except (UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ConfigError(f"{path} is no checkpoint, or it is damaged") from error
    if not isinstance(found, dict) or "loopcast" not in found:
        raise ConfigError(f"{path} is a checkpoint, but not one that a fit of loopcast wrote")
    return found


def task_of(path: Path) -> Task:
    """What the checkpoint's forecaster was made for."""
    return Task.from_dict(loaded(path.read_bytes(), path)["loopcast"]["task"])


def agreed(asked: Task, known: Task) -> Task:
    """A config's task with what a checkpoint knows; raises ConfigError where they contradict."""
    for name in SHAPING:
        wanted, there = getattr(asked, name), getattr(known, name)
        if wanted and wanted != there:
            raise ConfigError(
                f"data.{name} is {_word(wanted)}, but the checkpoint was fitted with"
                f" {_word(there)}; {ADVICE}"
            )
    for role in ("static", "past", "future"):
        wanted, there = getattr(asked, role).names, getattr(known, role).names
        chosen = set(asked.series) if role == "static" else set()  # keys are static by rule
        if set(wanted) - chosen != set(there) - chosen:
            raise ConfigError(
                f"data.{role} is {_word(wanted)}, but the checkpoint was fitted with"
                f" {_word(there)}; {ADVICE}"
            )
    return replace(
        asked,
        history=known.history,
        season=known.season,
        static=known.static,
        past=known.past,
        future=known.future,
    )


def unseen(path: Path, now: Mapping[str, Any], shared: bool) -> None:
    """Raises ConfigError where the weights of a checkpoint know values of the test part.

    `now`: the parts as they are judged; `shared`: do all series end together? A checkpoint that
    does not say what it was fitted on passes.
    """
    fitted = loaded(path.read_bytes(), path)["loopcast"].get("data")
    if fitted is None:
        return
    early = now["validation"] < fitted["validation"]
    if early if shared else now["parts"][1] > fitted["parts"][1]:
        validation, test = fitted["parts"]
        raise ConfigError(
            f"the test part begins before the data end that {path} was fitted on (its fit left"
            f" {test} steps for test and {validation} for validation; data.test is now"
            f" {now['parts'][1]}): its scores would be those of known values; {ADVICE}"
        )


def unlearned(path: Path, facts: Mapping[str, Any], now: Mapping[str, Any], task: Task) -> None:
    """Raises ConfigError where weights that a fit begins from know what it keeps for judging.

    `facts`: the checkpoint's "loopcast"; `now`: the parts of the fit, of `task`. Where frequencies
    differ, steps do too, and nothing can be told.
    """
    fitted = facts.get("data")
    if fitted is None or facts["task"]["frequency"] != task.frequency:
        return
    later = fitted["train"] > now["train"]
    if later and (task.origins != "own" or sum(fitted["parts"]) < sum(now["parts"])):
        raise ConfigError(
            f"{path} was trained on steps that this fit keeps for validation and test (its own kept"
            f" {fitted['parts'][0]} and {fitted['parts'][1]} steps; now they are {now['parts'][0]} and"
            f" {now['parts'][1]}): scores would be those of known values; begin from a checkpoint"
            " whose train part ends no later, or leave it out"
        )


def _word(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)
