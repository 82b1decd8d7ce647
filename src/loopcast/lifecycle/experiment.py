"""The experiment's YAML with flags over it, as plain values: what a challenger is trained by."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from loopcast.core.errors import ConfigError
from loopcast.data.named import source
from loopcast.data.reading import Reading, configured

SNAPSHOT = "loopcast.data.files.ParquetFile"


def load(path: str, over: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ConfigError."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"retrain.config: {path} cannot be read ({error.strerror}); name the experiment's YAML"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("data"), dict):
        raise ConfigError(f"{path} has no data: section; retrain.config names an experiment")
    return overridden(raw, over)


def overridden(config: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with {"data.horizon": 12} set in it."""
    found = deepcopy(dict(config))
    for dotted, value in over.items():
        *groups, name = dotted.split(".")
        section = found
        for group in groups:
            section = section.setdefault(group, {})
            if not isinstance(section, dict):
                raise ConfigError(f"retrain: {dotted}: {group} is no section of the experiment")
        section[name] = deepcopy(value)
    return found


def reading(config: Mapping[str, Any]) -> Reading:
    """How the rows are read: the experiment's own source, without the training command."""
    data = config["data"]
    known = {one.name for one in fields(Reading)}
    options = {name: value for name, value in data.items() if name in known}
    lacking = {"source", "time", "target", "frequency", "horizon"} - set(options)
    if lacking:
        raise ConfigError(f"the experiment's data: section lacks {', '.join(sorted(lacking))}")
    return configured(
        {**options, "source": source(options["source"]), "frequency": str(options["frequency"])}
    )


def on(config: Mapping[str, Any], snapshot: Path) -> dict[str, Any]:
    """The experiment on a snapshot of its rows."""
    where = {"class_path": SNAPSHOT, "init_args": {"path": str(snapshot)}}
    return overridden(config, {"data.source": where})
