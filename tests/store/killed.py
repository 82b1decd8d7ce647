"""Registers and promotes a second version again and again, killed at each step of the store's code.

A step is a statement, a begin or a commit of the database, or a call that loopcast.store.folders
makes (a file opened, written, flushed, renamed):
the first run counts them, each further run is a process of its own that ends at one of them, as
a power failure ends it. Prints one JSON object a step: what was found after.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from loopcast.store import folders
from loopcast.store.database import connect, migrate
from loopcast.store.registry import Registry

FOLDERS = {(folders.__file__, name) for name in ("write", "flush", "fsync", "open", "replace")}
TASK = {"target": "sales", "series": ["shop"], "horizon": 3, "frequency": "MS"}


def opened(folder):
    return Registry(connect(f"sqlite:///{folder}/ledger.db"), "sales", folder / "models")


def begun(folder, empty):
    folder.mkdir()
    shutil.copy(empty, folder / "ledger.db")
    (folder / "one.onnx").write_bytes(b"one")
    (folder / "two.onnx").write_bytes(b"two")
    registry = opened(folder)
    registry.promote(registry.register(folder / "one.onnx", TASK, {}).version)


def work(folder):
    registry = opened(folder)
    new = registry.register(folder / "two.onnx", TASK, {"name": "sales"}, config=b"seed: 1")
    registry.challenge(new.version)
    registry.promote(new.version, why="better")


def counted(folder, kill_at=None):
    """The steps' names; with `kill_at` the process ends there."""
    steps = []

    def look(frame, event, arg):
        if event == "c_call" and (frame.f_code.co_filename, arg.__name__) in FOLDERS:
            name = f"folders:{frame.f_lineno} {arg.__name__}"
        elif event == "call" and frame.f_code.co_name in ("execute", "do_commit", "do_begin"):
            name = f"sql:{frame.f_code.co_name}"
        else:
            return
        if len(steps) == kill_at:
            os._exit(9)
        steps.append(name)

    sys.setprofile(look)
    try:
        work(folder)
    finally:
        sys.setprofile(None)
    return steps


def after(folder):
    """What a service that starts now, and the next try, find."""
    registry = opened(folder)
    serving = registry.promoted()
    seen = {"serving": serving.version, "content": serving.content().decode()}
    seen["whole"] = all(
        {"sales.onnx", "card.json", "sha256"} <= {file.name for file in version.iterdir()}
        for version in (folder / "models" / "sales").iterdir()
        if not version.name.startswith(".")
    )
    events = len(registry.events())
    work(folder)
    again = registry.promoted()
    return seen | {"events": events, "again": again.version, "then": again.content().decode()}


def main(folder):
    empty = folder / "empty.db"
    database = connect(f"sqlite:///{empty}")
    migrate(database)
    database.close()
    begun(folder / "counted", empty)
    steps = counted(folder / "counted")
    for at, name in enumerate(steps):
        here = folder / str(at)
        begun(here, empty)
        child = os.fork()
        if not child:
            counted(here, at)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended = os.waitstatus_to_exitcode(status)
        sys.stdout.write(json.dumps({"step": name, "ended": ended, **after(here)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
