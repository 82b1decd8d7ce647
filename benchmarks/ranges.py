"""Do the ranges mean what they say? Coverage and pinball loss before and after calibration.

One line for each config and part: `calibration` are the validation windows that calibrate, on
which the goal stands; `stopping` chose the weights; `test` was seen by nothing.

python benchmarks/ranges.py --seconds 40 [CONFIG ...]
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from loopcast.core.scores import coverage, intervals, pinball
from loopcast.training import cli
from loopcast.training.checkpoint import loaded
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster
from loopcast.training.messages import quiet
from loopcast.training.windows import chunks

ROOT = Path(__file__).resolve().parents[1]
SETS = ("aus_retail", "store_item", "walmart", "stallion", "online_retail", "m4_hourly", "m5")
PARTS = ("calibration", "stopping", "test")


def trained(name: str, seconds: int) -> tuple[Forecaster, DataModule]:
    """A run of the config in the working directory: its best weights, calibrated."""
    minutes, rest = divmod(seconds, 60)
    flags = ["--config", str(ROOT / "configs" / f"{name}.yaml")]
    flags += [f"--trainer.max_time=00:00:{minutes:02d}:{rest:02d}"]
    cli.main(["fit", *flags, "--trainer.enable_progress_bar=false"])
    with quiet():
        run = cli.parsed(flags, run=False)
        data, model = run.datamodule, run.model
        path = run.folder / "best.ckpt"
        facts = loaded(path.read_bytes(), path)
        data.known = None
        data.setup("export")
    model.cpu().restore(facts["loopcast"], data.features, data.scaling)
    model.load_state_dict(facts["state_dict"])
    return model.eval(), data


def told(model: Forecaster, data: DataModule, part: str) -> list[str]:
    """Windows, the two coverages and the pinball loss of one part."""
    assert model.task is not None
    series, origin, until = data.part(part)
    resident = replace(data.resident().to("cpu"), limit=torch.from_numpy(until.copy()))
    offset, both, actual = model.ranges.offset.clone(), [], []
    with torch.no_grad():
        for factor in (0.0, 1.0):
            model.ranges.offset.copy_(factor * offset)
            batches = [resident.gather(*chosen) for chosen in chunks(series, origin)]
            both.append(np.concatenate([model(batch).numpy() for batch in batches]))
            actual = [batch["actual"].numpy() for batch in batches]
    truth, levels = np.concatenate(actual), model.task.quantiles
    cells = [f"{len(series):,}"]
    for low, high in intervals(levels).values():
        pair = [100 * coverage(truth, q[..., low], q[..., high]) for q in both]
        cells.append(f"{pair[0]:.1f} -> {pair[1]:.1f}")
    before, after = (pinball(truth, q, levels) for q in both)
    return [*cells, f"{100 * (after / before - 1):+.2f} %"]


def main() -> None:
    """The table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configs", nargs="*", default=list(SETS))
    parser.add_argument("--seconds", type=int, default=40, help="of training, each")
    options = parser.parse_args()
    os.environ.setdefault("LOOPCAST_DATA", str(ROOT.parent / "shared" / "data"))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("data").symlink_to(ROOT / "data")
        rows = []
        for name in options.configs:
            model, data = trained(name, options.seconds)
            rows += [[name, part, *told(model, data, part)] for part in PARTS]
            for row in rows[-len(PARTS) :]:
                print("| " + " | ".join(row) + " |", flush=True)
        named = [f"{nominal} % range, %" for nominal in intervals(model.quantiles)]
    head = ["set", "part", "windows", *named, "pinball loss"]
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
