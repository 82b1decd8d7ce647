"""A source as a YAML names it, made without the training command's parser."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from loopcast.core.errors import ConfigError
from loopcast.data.source import Source


def source(spec: Any) -> Source:
    """`{class_path: ..., init_args: {...}}`, sources within it too; raises ConfigError."""
    found = _made(spec)
    if not isinstance(found, Source):
        raise ConfigError(f"data.source is {spec!r}; it must name a Source: class_path, init_args")
    return found


def _made(value: Any) -> Any:
    if isinstance(value, list):
        return [_made(one) for one in value]
    if not isinstance(value, Mapping) or "class_path" not in value:
        return value
    path = str(value["class_path"])
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"class_path: {path} cannot be found ({error})") from error
    if not (isinstance(kind, type) and issubclass(kind, Source)):
        raise ConfigError(f"class_path: {path} is no Source")
    arguments = {key: _made(one) for key, one in dict(value.get("init_args") or {}).items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ConfigError(f"{path}: {error}") from error
