"""Retrains again and again, killed before and after each of its steps; prints what was found after.

The training is a file (see conftest); what is killed is everything around it.
"""

import json
import os
import sys
from pathlib import Path

import sqlalchemy as sa
from lifecycle import conftest

from loopcast.lifecycle import attempt as place
from loopcast.lifecycle.collect import Collected
from loopcast.lifecycle.retrain import tick
from loopcast.store import backtests
from loopcast.store.registry import Registry
from loopcast.store.retrains import Retrains

STEPS = [
    (Retrains, "begin"), (Retrains, "at"), (Collected, "write"), (conftest.Training, "fit"),
    (Registry, "register"), (Registry, "challenge"), (backtests, "write"), (Registry, "promote"),
    (Retrains, "end"),
]  # fmt: skip


def watched(kill_at=None):
    """Wrap every step; the process ends at number `kill_at`. The steps' names, as they come."""
    met = []

    def wrap(owner, name, real):
        def step(*args, **more):
            for when in ("before", "after"):
                if len(met) == kill_at:
                    os._exit(9)
                met.append(f"{when} {name}")
                if when == "before":
                    found = real(*args, **more)
            return found

        setattr(owner, name, step)

    for owner, name in STEPS:
        wrap(owner, name, getattr(owner, name))
    return met


def work(folder, kill_at=None):
    os.chdir(folder)
    ground = opened(folder)
    met = watched(kill_at)
    place.Trainer = conftest.Training(better)
    tick(ground)
    return met


def better(name):
    return conftest.model(-2.0, conftest.FIRST + conftest.KNOWN - 1, name)


def opened(folder):
    return conftest.again(folder)


def after(folder):
    os.chdir(folder)
    ground = opened(folder)
    champion = ground.registry.promoted()
    seen = {"serving": champion.version, "opens": bool(champion.content())}
    with ground.database.writing() as connection:
        connection.execute(sa.text("update leases set until = 0"))  # the minute that it takes
    place.Trainer = conftest.Training(better)
    told = tick(ground, force=True)
    rows = ground.retrains.recent()
    seen |= {"then": told.what, "rows": [row.outcome for row in rows]}
    return seen | {"at the end": ground.registry.promoted().version}


def main(folder):
    steps = None
    at = 0
    while steps is None or at < len(steps):
        here = folder / str(at)
        here.mkdir()
        conftest.settled(here)
        child = os.fork()
        if not child:
            met = work(here, at if steps is not None else None)
            (here / "met.json").write_text(json.dumps(met))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if steps is None:
            steps = json.loads((here / "met.json").read_text())
            here.rename(folder / "counted")
            continue
        told = {"step": steps[at], "ended": os.waitstatus_to_exitcode(status), **after(here)}
        sys.stdout.write(json.dumps(told) + "\n")
        at += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
