"""`loopcast retrain`: what people and cron call."""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from loopcast.core.errors import LoopcastError
from loopcast.lifecycle import settings
from loopcast.lifecycle.attempt import Ground
from loopcast.lifecycle.retrain import Told, tick
from loopcast.monitoring.command import seconds
from loopcast.store.database import connect, migrate
from loopcast.store.registry import Registry

log = logging.getLogger("loopcast.lifecycle")
Load = Callable[[str], Any]
"""Reads the service's config; given from outside, since the service is another room of the roof."""


def retrain(args: Sequence[str], load: Load) -> None:
    """One tick, or one after the other."""
    parser = argparse.ArgumentParser("loopcast retrain", description=(
        "Look whether it is time, train a challenger, compare, promote it only if it is better."
    ))  # fmt: skip
    parser.add_argument(
        "--config", required=True, help="the service's YAML, with a retrain: section"
    )
    parser.add_argument("--force", action="store_true", help="try now, whatever the triggers say")
    parser.add_argument("--dry-run", action="store_true", help="collect and check, train nothing")
    parser.add_argument("--every", type=seconds, help="again and again: 30m, 6h, 1d")
    options = parser.parse_args(list(args))
    logging.basicConfig(
        level=os.environ.get("LOOPCAST_LOG", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a training ends with its parent
    found = load(options.config)
    settings.read(found.retrain, options.config)  # its faults are told before the first tick
    ground = cache(lambda: opened(found, options.config))
    while True:
        _tell(
            lambda: tick(ground(), force=options.force, dry=options.dry_run),
            options.every is not None,
        )
        if options.every is None:
            return
        time.sleep(options.every)


def opened(found: Any, name: str) -> Ground:
    """The store of a service's settings, brought up to date, and its retrain: section."""
    database = connect(found.store.url, found.store.durability)
    migrate(database)
    registry = Registry(database, found.model, Path(found.models))
    return Ground(settings.read(found.retrain, name), database, registry)


def _tell(work: Callable[[], Told], goes_on: bool) -> None:
    try:
        told = work()
    except LoopcastError as error:
        if not goes_on:
            raise
        sys.stderr.write(f"loopcast: {error}\n")
        return
    except Exception:
        if not goes_on:
            raise
        log.exception("the tick failed; the next one tries again")
        return
    number = f" (retrain {told.number})" if told.number is not None else ""
    sys.stdout.write(f"{told.what}{number}: {told.why}\n")
    sys.stdout.flush()
