"""What the demo plays on: a database of sales, a first model, a service in a process of its own."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from loop.world import World, rows
from loopcast.core.errors import LoopcastError
from loopcast.lifecycle import experiment
from loopcast.lifecycle.attempt import Ground
from loopcast.lifecycle.command import opened
from loopcast.lifecycle.fitting import Trainer
from loopcast.lifecycle.retrain import tick
from loopcast.monitoring.command import opened as monitored
from loopcast.service.settings import Settings, load
from loopcast.store import alarms

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICE = ROOT / "configs" / "service" / "aus_retail.yaml"
QUERY = "select State, Industry, Month, Turnover from sales"
NAME = "aus_retail"


@dataclass(frozen=True)
class Stage:
    """Everything lies in `folder`; `flags` go over the experiment's YAML in every training."""

    folder: Path
    flags: Mapping[str, Any]
    port: int

    @property
    def config(self) -> Path:
        """The service's YAML."""
        return self.folder / "service.yaml"

    def sales(self, known: World) -> None:
        """The database of sales as it is at the start."""
        table = [
            (row["key"]["State"], row["key"]["Industry"], row["time"], row["value"])
            for row in rows(known, 0, len(known.months))
        ]
        with closing(sqlite3.connect(self.folder / "sales.db")) as out, out:
            out.execute("create table sales (State text, Industry text, Month text, Turnover real)")
            out.executemany("insert into sales values (?, ?, ?, ?)", table)
            out.execute("create index by_key on sales (State, Industry, Month)")

    def first(self, recipe: Mapping[str, Any]) -> Path:
        """The first champion, trained on what is in the database; raises TrainingFailed."""
        base = str(ROOT / "configs" / f"{NAME}.yaml")
        config = experiment.load(base, {**self._flags(), "data.test": 0, **recipe})
        trainer = Trainer(self.folder / "first", 60.0, lambda: None)
        return trainer.fit(config, NAME).artifact

    def settings(self, artifact: Path, more: Mapping[str, Any]) -> Settings:
        """The example's own service config, in this folder; `more` goes over its sections."""
        raw = yaml.safe_load(SERVICE.read_text(encoding="utf-8"))
        raw |= {
            "artifact": str(artifact),
            "models": str(self.folder / "models"),
            "store": {"url": f"sqlite:///{self.folder}/ledger.db"},
            "listen": {"host": "127.0.0.1", "port": self.port},
            "poll_seconds": 0.2,
        }
        raw["history"]["url"] = self._url
        raw["retrain"] |= {
            "config": str(ROOT / "configs" / f"{NAME}.yaml"),
            "folder": str(self.folder / "retrains"),
            "set": {**(raw["retrain"].get("set") or {}), **self._flags()},
        }
        for section, values in more.items():
            raw[section] = {**(raw.get(section) or {}), **values}
        self.config.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
        return load(self.config)

    @contextmanager
    def served(self) -> Iterator[httpx.Client]:
        """`loopcast serve`, until the block ends."""
        command = [sys.executable, "-m", "loopcast", "serve", "--config", str(self.config)]
        log = (self.folder / "service.log").open("wb")
        process = subprocess.Popen(
            command, stderr=log, cwd=ROOT, env={**os.environ, "LOOPCAST_LOG": "warning"}
        )
        address = f"http://127.0.0.1:{self.port}"
        try:
            with httpx.Client(base_url=address, timeout=60) as client:
                _ready(client, process, self.folder / "service.log")
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            log.close()

    @property
    def _url(self) -> str:
        return f"sqlite:///{self.folder}/sales.db"

    def _flags(self) -> dict[str, Any]:
        source = {
            "class_path": "loopcast.data.database.SqlQuery",
            "init_args": {"url": self._url, "query": QUERY},
        }
        return {"data.source": source, "data.time_format": None, **self.flags}


class Loop:
    """`loopcast monitor` and `loopcast retrain` as cron would call them, in this process."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.ground: Ground = opened(settings, name)
        self.watch = monitored(settings, self.ground.database)

    def monitor(self) -> str:
        """What is wrong, in a few words."""
        self.watch.tick()
        told = alarms.active(self.ground.database, self.watch.model)
        return f"alarm: {', '.join(f'{one.kind} of {one.scope}' for one in told)}" if told else ""

    def retrain(self) -> str:
        """What was done, in a few words; a failure is told and the loop goes on."""
        try:
            told = tick(self.ground)
        except LoopcastError as error:
            return f"retrain failed: {error}"
        if told.what == "nothing":
            return ""
        done = self.ground.retrains.one(told.number) if told.number is not None else None
        if done is None:
            return told.what
        recipe = done.facts.get("recipe", "")
        return f"retrain {done.id} ({done.reason}, {recipe}): {told.what}, {_short(done.facts)}"


def _short(facts: Mapping[str, Any]) -> str:
    gain = facts.get("gain")
    return f"loss {gain:+.0%} less" if isinstance(gain, float) else "no comparison"


def _ready(client: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"the service ended: {log.read_text(encoding='utf-8')[-800:]}")
        try:
            if client.get("/v2/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the service is not ready after a minute")
