"""`loopcast monitor`: one tick for cron, systemd or Kubernetes, or one after the other by itself."""

import argparse
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from loopcast.core.errors import ConfigError, LoopcastError
from loopcast.monitoring.rules import rules
from loopcast.monitoring.tick import Monitor
from loopcast.store.database import Database, StoreError, connect, migrate
from loopcast.store.history import SqlHistory
from loopcast.store.registry import Registry
from loopcast.store.ticks import Tick

log = logging.getLogger("loopcast.monitoring")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def monitor(args: Sequence[str], load: Callable[[str], Any]) -> None:
    """The command; `load` reads the service's config. Raises LoopcastError: exit status 2."""
    parser = argparse.ArgumentParser(
        "loopcast monitor", description="Measure what came, test, raise alarms, learn ranges."
    )
    parser.add_argument("--config", required=True, help="the service's YAML")
    parser.add_argument("--every", type=seconds, help="again and again: 1h, 30m, 90s, 1d")
    parser.add_argument("--all", action="store_true", help="measure all periods anew")
    options = parser.parse_args(args)
    logging.basicConfig(
        level=os.environ.get("LOOPCAST_LOG", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = load(options.config)
    rules(settings.monitoring)  # wrong settings are said before anything is opened
    if options.every is None:
        once(settings, options.all)
    else:
        loop(settings, options.every, options.all)


def once(settings: Any, everything: bool = False) -> Tick:
    """One tick; raises StoreError where the database is away."""
    database = connect(settings.store.url, settings.store.durability)
    try:
        migrate(database)
        found = opened(settings, database).tick(everything=everything)
        log.info("tick: %s after %.2f s; %s", found.outcome, found.seconds, said(found))
        return found
    finally:
        database.close()


def opened(settings: Any, database: Database) -> Monitor:
    """The monitor of the service's settings."""
    facts, history = settings.history, None
    version = Registry(database, settings.model).promoted()
    if facts is not None and version is not None:
        key = tuple(version.task["series"])
        history = SqlHistory.open(facts.url, facts.query, key, facts.parameters, facts.max_rows)
    return Monitor(database, settings.model, rules(settings.monitoring), history)


def loop(settings: Any, pause: float, everything: bool = False) -> None:
    """Until SIGTERM or SIGINT; a database that is away is said, and asked again at the next tick."""
    stop = threading.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: stop.set())
    while not stop.is_set():
        try:
            once(settings, everything)
            everything = False
        except StoreError as error:
            log.error("no tick, the store is away; the next one catches up: %s", error)
        except LoopcastError as error:
            log.error("no tick: %s", error)
        except Exception:
            log.exception("the tick failed; the next one tries again")
        stop.wait(pause)


def seconds(text: str) -> float:
    """1h, 30m, 90s, 1d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if match is None or float(match[1]) == 0:
        raise ConfigError(f"--every is {text!r}; write it like 1h, 30m, 90s or 1d")
    return float(match[1]) * UNITS[match[2]]


def said(tick: Tick) -> str:
    """What a person wants to know of a tick."""
    facts = tick.facts
    if tick.outcome == "busy":
        return f"another is under way ({facts['holder']})"
    if facts.get("version") is None:
        return "no version is promoted"
    reference = facts.get("reference") or {"looks": 0, "needed": 0}
    if reference["looks"] < reference["needed"]:
        return f"drift is not tested yet: {reference['looks']} of {reference['needed']} looks to compare with"
    return f"{facts.get('alarms', 0)} alarms open, version {facts['version']}"
