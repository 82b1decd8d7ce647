"""A config's data section without the training side: the source of the rows that a task names."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from loopcast.core.errors import ConfigError
from loopcast.core.frequency import Frequency
from loopcast.core.rows import columns
from loopcast.core.task import Task
from loopcast.data.source import Source

Section = dict[str, Any]


def read(paths: Sequence[str]) -> Section:
    """The YAML files one over the other; raises ConfigError."""
    merged: Section = {}
    for path in paths:
        try:
            found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"there is no config file {path} ({error.strerror})") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            told = " ".join(str(error).split())
            raise ConfigError(f"{path} is not valid YAML: {told}") from error
        if not isinstance(found, dict):
            raise ConfigError(f"{path} holds no sections; a config has data: and model:")
        merged = over(merged, found)
    return merged


def over(below: Section, above: Section) -> Section:
    """`above` wins, key by key; a class with another path takes no arguments from below."""
    other = "class_path" in above and above["class_path"] != below.get("class_path")
    merged = {} if other else dict(below)
    for name, value in above.items():
        inner = merged.get(name)
        both = (inner, value) if isinstance(inner, dict) and isinstance(value, dict) else None
        merged[name] = over(*both) if both else value
    return merged


def source(config: Section) -> Source:
    """What `data.source` names."""
    described = config.get("data", {}).get("source")
    if described is None:
        raise ConfigError("the config has no data.source: name where the rows are read from")
    made = _made(described, "data.source")
    if not isinstance(made, Source):
        raise ConfigError(f"data.source is {described!r}, which is no source of rows")
    return made


def rows_for(task: Task, config: Section) -> dict[str, np.ndarray]:
    """The columns of the task from the config's source; a config of another task is refused."""
    _same_task(task, config.get("data", {}))
    roles = (task.static, task.past, task.future)
    target = [] if task.aggregate == "count" else [task.target]
    extra = [task.observed] if task.observed else []
    names = [name for role in roles for name in role.names]
    wanted = list(dict.fromkeys([*task.series, task.time, *target, *names, *extra]))
    text = {*task.series, *(name for role in roles for name in role.categorical)}
    if task.time_format:
        text.add(task.time)
    return columns(source(config).read(wanted, [n for n in wanted if n in text]), wanted)


def _same_task(task: Task, data: Section) -> None:
    frequency = data.get("frequency")
    named = {
        "target": (data.get("target"), task.target),
        "time": (data.get("time"), task.time),
        "series": (data.get("series"), list(task.series)),
        "frequency": (frequency and Frequency.parse(str(frequency)).name, task.frequency),
    }
    for name, (theirs, ours) in named.items():
        if theirs and theirs != ours:
            raise ConfigError(
                f"the config's data.{name} is {theirs!r}, the artifact's is {ours!r};"
                " give the config that the artifact was trained with"
            )


def _made(value: Any, place: str) -> Any:
    """Classes by their path, wherever they stand."""
    if isinstance(value, list):
        return [_made(one, f"{place}[{number}]") for number, one in enumerate(value)]
    if not isinstance(value, Mapping) or "class_path" not in value:
        return value
    options = value.get("init_args") or {}
    given = {name: _made(one, f"{place}.init_args.{name}") for name, one in options.items()}
    kind = _class(str(value["class_path"]), place)
    try:
        return kind(**given)
    except TypeError as error:
        raise ConfigError(f"{place}: {error}; docs/data.md names the arguments") from error


def _class(path: str, place: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{place}.class_path: there is no {path} ({error})") from error
