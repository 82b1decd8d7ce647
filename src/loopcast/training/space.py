"""The search space of `loopcast tune`: keys of the config and the values they may take."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import optuna

from loopcast.core.errors import ConfigError
from loopcast.core.task import Task
from loopcast.models.mlp import ResidualMLP
from loopcast.training.datamodule import DataModule
from loopcast.training.defaults import DEFAULT_NETWORK, Recipe
from loopcast.training.forecaster import Forecaster

NETWORK = "model.network.init_args."
NETWORKS = ("model.network", "model.network.class_path")
SECTIONS = ("data.", "model.", "trainer.")
KEYS = {"low", "high", "log", "choices", "int"}


@dataclass(frozen=True)
class Range:
    """One key: `choices`, or from `low` to `high`."""

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False
    whole: bool = False

    def suggest(self, trial: optuna.Trial) -> Any:
        """The trial's value."""
        if self.choices:
            return trial.suggest_categorical(self.key, self.choices)
        if self.whole:
            return trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        """May a trial take it?"""
        if self.choices:
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high


def asked(described: Mapping[str, Any]) -> list[Range]:
    """The YAML's `tune:` section; raises ConfigError."""
    return [_range(key, value) for key, value in described.items()]


def _range(key: str, value: Any) -> Range:
    if not key.startswith(SECTIONS):
        raise ConfigError(f"tune.{key}: name a key of data, model or trainer, as {EXAMPLE}")
    if isinstance(value, Mapping) and "choices" in value:
        value = value["choices"]
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value):
        plain = all(isinstance(v, str | int | float | bool | None) for v in value)
        if not plain:
            raise ConfigError(f"tune.{key}: choices are numbers, texts, true, false or null")
        return Range(key, tuple(value))
    if not isinstance(value, Mapping) or not {"low", "high"} <= set(value) <= KEYS:
        raise ConfigError(f"tune.{key} is {value!r}; give it as {EXAMPLE}, or a list of choices")
    low, high = _number(key, value["low"]), _number(key, value["high"])
    whole = bool(value.get("int", isinstance(low, int) and isinstance(high, int)))
    log = bool(value.get("log", False))
    if low >= high or (log and low <= 0):
        raise ConfigError(f"tune.{key}: low ({low}) must be below high ({high}), above 0 with log")
    return Range(key, (), low, high, log, whole)


EXAMPLE = "model.learning_rate: {low: 0.0003, high: 0.003, log: true}"


def _number(key: str, value: Any) -> float:
    """YAML reads 1e-3 as text."""
    try:
        return value if isinstance(value, int | float) else float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"tune.{key}: {value!r} is no number") from error


def sensible(config: Mapping[str, Any], task: Task, longest: int) -> list[Range]:
    """Where none is asked for; `longest`: steps of the train part of the longest series."""
    network = parameters(config)
    found = [
        Range("model.learning_rate", low=2e-4, high=5e-3, log=True),
        Range("data.scaling", ("standard", "mean_absolute", "robust", "change")),
        Range("data.transform", ("none", "log1p", "asinh")),
    ]
    steps = [n * task.history // 2 for n in (2, 3, 4)]
    possible = tuple(n for n in steps if n + task.horizon <= longest)
    if len(possible) > 1:
        found.append(Range("data.history", possible))
    if task.series:
        found.append(Range("data.sampling", ("windows", "series")))
    own = looked_up(config, f"{NETWORK}width", network.get("width"))
    widths = sorted({64, 128, 256, 512} | ({own} if isinstance(own, int) else set()))
    deep = {
        "width": Range(f"{NETWORK}width", tuple(widths)),
        "layers": Range(f"{NETWORK}layers", low=1, high=4, whole=True),
        "dropout": Range(f"{NETWORK}dropout", low=0.0, high=0.3),
    }
    return found + [one for name, one in deep.items() if name in network]


def parameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the config's network and their defaults."""
    described = (config.get("model") or {}).get("network") or {}
    path = described if isinstance(described, str) else described.get("class_path")
    kind = ResidualMLP if path is None else _class(path)
    return {name: p.default for name, p in inspect.signature(kind).parameters.items()}


def _class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"model.network.class_path: there is no {path}") from error


def completed(config: Mapping[str, Any], chosen: Recipe) -> dict[str, Any]:
    """With the network of the rules and its members, where the config names none.

    A trial that changes one option of a network names that network, and would else lose the rest.
    """
    if looked_up(config, "model.network", None) is not None:
        return dict(config)
    given = config.get("model") or {}
    values = {
        f"{NETWORK}layers": chosen.layers,
        f"{NETWORK}width": chosen.width,
        "model.members": given.get("members") or chosen.members,
        "model.learning_rate": given.get("learning_rate") or chosen.learning_rate,
    }
    return changed(config, values)


def started(
    space: Sequence[Range], config: Mapping[str, Any], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """What the config says of the keys, so that the first trial is as it stands.

    `chosen`: what the rules say of keys that it does not name.
    """
    known = dict(chosen)
    for section, kind in (("data", DataModule), ("model", Forecaster)):
        defaults = inspect.signature(kind).parameters
        known |= {f"{section}.{name}": p.default for name, p in defaults.items()
                  if f"{section}.{name}" not in known}  # fmt: skip
    known |= {NETWORK + name: default for name, default in parameters(config).items()}
    values = {one.key: looked_up(config, one.key, known.get(one.key)) for one in space}
    return {one.key: values[one.key] for one in space if one.holds(values[one.key])}


def looked_up(config: Mapping[str, Any], key: str, default: Any) -> Any:
    """The value at a dotted key."""
    found: Any = config
    for name in key.split("."):
        if not isinstance(found, Mapping) or found.get(name) is None:
            return default
        found = found[name]
    return found


def changed(config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the config with the values at their dotted keys."""
    made: dict[str, Any] = _copied(config)
    for key, value in values.items():
        place = made
        *path, last = key.split(".")
        for name in path:
            if not isinstance(place.get(name), dict):
                given = place.get(name)
                place[name] = {"class_path": given} if isinstance(given, str) else {}
            place = place[name]
        place[last] = value
    network = (made.get("model") or {}).get("network")
    if isinstance(network, dict):
        made["model"]["network"] = {"class_path": DEFAULT_NETWORK, **network}
    return made


def _copied(config: Any) -> Any:
    if isinstance(config, Mapping):
        return {name: _copied(value) for name, value in config.items()}
    return list(config) if isinstance(config, list) else config
