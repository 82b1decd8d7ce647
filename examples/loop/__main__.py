"""Four years pass: `python -m loop --help`; called by ./scripts/demo-loop."""

import argparse
import json
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from loop.months import Play, Record
from loop.stage import ROOT, Loop, Stage
from loop.summary import HEAD, Figure, figures, line, picture
from loop.world import Break, World, broken, read
from loopcast.serving.predictor import Predictor

SMALL = {"class_path": "loopcast.models.mlp.ResidualMLP", "init_args": {"layers": 3, "width": 128}}

TRIGGERS = {"alarm": True, "again": [3, 6, 9, 12]}
"""The example's own without the champion's age, which two years without a break would reach."""


@dataclass(frozen=True)
class Options:
    """What the demo is asked for; see `parsed`."""

    folder: Path
    months: int = 48
    steps: int = 500
    port: int = 0
    stay: bool = False


def parsed(args: Sequence[str]) -> Options:
    """The command line."""
    parser = argparse.ArgumentParser("demo-loop", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "demo", help="emptied first")
    parser.add_argument(
        "--months", type=int, default=48, help="that pass; half-way the world breaks"
    )
    parser.add_argument("--steps", type=int, default=500, help="of each training")
    parser.add_argument("--port", type=int, default=0, help="of the service; 0: a free one")
    parser.add_argument("--stay", action="store_true", help="serve on at the end, until Ctrl-C")
    return Options(**vars(parser.parse_args(list(args))))


def trained_by(steps: int) -> dict[str, Any]:
    """Flags of every training: a small network, counted steps, no part held back to stop by."""
    return {
        "model.network": SMALL,
        "model.learning_rate": 2e-3,
        "data.batch_size": 256,
        "data.validation": 0,
        "trainer.max_steps": steps,
        "trainer.max_time": None,
        "trainer.enable_progress_bar": False,
    }


def play(world: World, broke: int, options: Options, more: dict[str, Any]) -> Record:
    """`world` is what comes; the last `options.months` of it pass. `broke` is told in the table."""
    first = len(world.months) - options.months
    _empty(options.folder)
    stage = Stage(options.folder.resolve(), trained_by(options.steps), options.port or _free())
    stage.sales(world.until(first))
    _tell(f"the first model is trained on data until {world.months[first - 1][:7]}")
    artifact = stage.first({})
    settings = stage.settings(artifact, more)
    with stage.served() as client:
        _tell(f"it is served; watch it at {client.base_url}/ui\n\n{HEAD}")
        loop = Loop(settings, str(stage.config))
        record = Record.empty(world, first)
        passing = Play(
            client, record, Predictor(artifact), loop,
            lambda now, month: _tell(line(now.record, month, broke)),
            lambda: _settled(client, loop),
        )  # fmt: skip
        passing.run()
        if options.stay:
            _stay(str(client.base_url))
    return record


def main(args: Sequence[str]) -> list[Figure]:
    """Plays, shows the figures, draws the picture."""
    options, begun = parsed(args), time.monotonic()
    real = read(ROOT / "data" / "aus_retail.csv.gz")
    first = len(real.months) - options.months
    broke = options.months // 2
    more = {"retrain": {"triggers": TRIGGERS}}
    record = play(broken(real, first + broke, Break()), broke, options, more)
    found = figures(record, broke)
    _tell("".join(f"\n{one.text()}" for one in found))
    if found:
        _tell("recovered: (frozen - ours) / (frozen - before); 80 % is wanted")
    else:
        _tell("\nno version was promoted after the break: there is nothing to compare")
    _draw(record, broke, options.folder)
    facts = {"figures": [{**asdict(one), "recovered": one.recovered} for one in found]}
    (options.folder / "loop.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    _tell(f"{time.monotonic() - begun:,.0f} s; everything is in {options.folder}")
    return found


def _draw(record: Record, broke: int, folder: Path) -> None:
    try:
        picture(record, broke, folder / "loop.png")
    except ModuleNotFoundError:
        _tell("a picture needs: pip install 'loopcast[report]'")
        return
    _tell(f"the picture is {folder / 'loop.png'}")


def _settled(client: httpx.Client, loop: Loop) -> None:
    """Until the service serves what is promoted: it asks the registry now and then."""
    wanted = loop.ground.registry.promoted()
    for _ in range(100):
        if wanted is None or client.get("/v1/models").json()["serving"] == wanted.version:
            return
        time.sleep(0.1)
    raise RuntimeError("the service did not take over the promoted version within 10 s")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stay(address: str) -> None:
    _tell(f"still serving at {address}; Ctrl-C ends it")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
