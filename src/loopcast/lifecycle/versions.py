"""`loopcast models`: versions of the served model, listed, shown, promoted and taken back by hand."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loopcast.core.errors import ConfigError, LoopcastError
from loopcast.serving.predictor import Predictor
from loopcast.serving.trial import compatible, self_test
from loopcast.store.clock import iso
from loopcast.store.database import connect, migrate
from loopcast.store.registry import Registry
from loopcast.store.version import Version, read_artifact

Load = Callable[[str], Any]
"""Reads the service's config; given from outside, since the service is another room of the roof."""


def command(args: Sequence[str], load: Load) -> None:
    """Versions: list, show, register, promote, rollback."""
    parser = argparse.ArgumentParser("loopcast models", description="Versions of the served model.")
    parser.add_argument("what", choices=list(WORK))
    parser.add_argument(
        "which", nargs="?",
        help="the version of show (default: the champion) or promote; the artifact of register",
    )  # fmt: skip
    parser.add_argument("--config", required=True, help="the service's YAML")
    parser.add_argument("--why", default="", help="kept with the event")
    options = parser.parse_args(list(args))
    found = load(options.config)
    database = connect(found.store.url, found.store.durability)
    migrate(database)
    registry = Registry(database, found.model, Path(found.models))
    sys.stdout.write(WORK[options.what](registry, options) + "\n")


def _list(registry: Registry, options: argparse.Namespace) -> str:
    shown = {"promoted": "champion"}
    rows = [("version", "", "registered", "SHA-256", "MASE on its validation part")]
    for one in registry.versions():
        status = shown.get(one.status, one.status)
        rows.append(
            (str(one.version), status, _day(one.registered_at), one.digest[:12], _mase(one))
        )
    events = [
        f"{iso(e.at)[:19]}  version {e.version} {e.what}{f' by {e.who}' if e.who else ''}: {e.why}"
        for e in reversed(registry.events(20))
    ]
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, wide, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *events])


def _show(registry: Registry, options: argparse.Namespace) -> str:
    """The model card where there is one; the artifact's own card else."""
    version = _wanted(registry, None if options.which is None else _number(options.which))
    version.content()  # an artifact that was changed is not shown as if it were not
    card = Path(version.path).with_name("card.md")
    if card.is_file():
        return card.read_text(encoding="utf-8").rstrip()
    facts = {"version": version.version, "status": version.status, "sha256": version.digest}
    told: Mapping[str, Any] = {**facts, "task": version.task, "card": version.card}
    return json.dumps(told, indent=2, ensure_ascii=False)


def _register(registry: Registry, options: argparse.Namespace) -> str:
    """Opened and tried first; it serves once it is promoted."""
    if options.which is None:
        raise ConfigError("say which file: loopcast models register export/NAME.onnx --config ...")
    predictor = Predictor(read_artifact(options.which))
    self_test(predictor, options.which)
    task = json.loads(predictor.task.to_json())
    why = options.why or "by hand"
    version = registry.register(options.which, task, predictor.card, why=why, who="command")
    return f"{options.which} is version {version.version}; loopcast models promote makes it serve"


def _promote(registry: Registry, options: argparse.Namespace) -> str:
    """Verified, opened and tried first, as the service would."""
    if options.which is None:
        raise ConfigError("say which version: loopcast models promote 3 --config ...")
    version = registry.version(_number(options.which))
    predictor = Predictor(version.content())
    self_test(predictor, f"version {version.version}")
    before = registry.promoted()
    if before is not None and before.version != version.version:
        try:
            old = Predictor(before.content()).task
        except LoopcastError:
            old = predictor.task  # what serves cannot be opened: all the more reason to go on
        if why := compatible(predictor.task, old):
            raise LoopcastError(f"version {version.version} cannot take over: {why}")
    registry.promote(version.version, why=options.why or "by hand", who="command")
    return f"version {version.version} is the champion; a running service takes it over by itself"


def _rollback(registry: Registry, options: argparse.Namespace) -> str:
    version = registry.rollback(why=options.why or "rollback by hand", who="command")
    return f"version {version.version} is the champion again"


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"{text!r} is no version; loopcast models list shows them")
    return int(text)


def _wanted(registry: Registry, number: int | None) -> Version:
    if number is not None:
        return registry.version(number)
    champion = registry.promoted()
    if champion is None:
        raise LoopcastError(f"{registry.model} has no champion; name a version")
    return champion


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).date().isoformat()


def _mase(version: Version) -> str:
    overall = ((version.card.get("scores") or {}).get("validation") or {}).get("overall") or {}
    score = overall.get("mase")
    return f"{score:.3f}" if score is not None else "-"


WORK: Mapping[str, Callable[[Registry, argparse.Namespace], str]] = {
    "list": _list,
    "show": _show,
    "register": _register,
    "promote": _promote,
    "rollback": _rollback,
}
