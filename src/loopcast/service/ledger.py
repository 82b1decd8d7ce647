"""`loopcast ledger`: the ledger as Parquet, and its policy applied, by hand or by cron."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from loopcast.core.errors import ConfigError
from loopcast.service.settings import Settings, load
from loopcast.store.database import Database, connect, migrate
from loopcast.store.ledger import Ledger
from loopcast.store.parquet import export
from loopcast.store.retention import Retention, thin


def ledger(args: Sequence[str]) -> str:
    """What was done, in a sentence; raises LoopcastError."""
    parser = argparse.ArgumentParser("loopcast ledger", description="Export or thin the ledger.")
    what = parser.add_subparsers(required=True, metavar="WHAT")
    out = what.add_parser("export", help="every forecast beside what came, as Parquet")
    out.add_argument("path", type=Path, help="the file, complete or absent: FILE.parquet")
    out.add_argument("--every", action="store_true", help="also forecasts that were repeated later")
    out.set_defaults(run=_export)
    less = what.add_parser("thin", help="apply the config's retention now")
    less.set_defaults(run=_thin)
    for one in (out, less):
        one.add_argument("--config", required=True, help="the service's YAML")
    options = parser.parse_args(args)
    settings = load(options.config)
    database = connect(settings.store.url, settings.store.durability)
    try:
        migrate(database)
        return options.run(options, settings, database)
    finally:
        database.close()


def _export(options: argparse.Namespace, settings: Settings, database: Database) -> str:
    if not options.path.parent.is_dir():
        raise ConfigError(f"{options.path.parent} is no folder; make it, or name another file")
    rows = export(Ledger(database, settings.model), options.path, repeated=options.every)
    return f"{rows:,} rows -> {options.path}"


def _thin(_: argparse.Namespace, settings: Settings, database: Database) -> str:
    kept = settings.retention
    policy = Retention(kept.repeats, kept.histories, kept.forecasts)
    if policy == Retention():
        raise ConfigError("the config keeps everything; set retention to thin the ledger")
    done = thin(Ledger(database, settings.model), policy)
    return (
        f"dropped {done.forecasts:,} old forecasts and {done.repeats:,} repeated ones,"
        f" and the histories of {done.histories:,}"
    )
