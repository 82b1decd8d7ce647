"""Fifty million rows on a small machine: makes them, trains on them, and watches the memory.

    python benchmarks/large.py FOLDER [ROWS] [SECONDS]

Rows of 1,000 days come day by day, as a shop's till would write them, so that every series is scattered
over the whole table. The fit runs in a process of its own, whose resident memory (VmHWM of
/proc, files mapped into it counted) is told: the peak of reading and of training. What was made is
deleted again.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAYS = 1000
TOGETHER = 20
CONFIG = """
data:
  source: {{class_path: loopcast.data.files.ParquetFile, init_args: {{path: "{rows}"}}}}
  series: [item]
  time: day
  target: sold
  frequency: D
  horizon: 28
  future: [price]
  memory: 1.0
model: {{network: {{class_path: loopcast.models.mlp.ResidualMLP, init_args: {{layers: 2, width: 128}}}}}}
trainer: {{max_time: "00:00:00:{seconds:02}", enable_progress_bar: false}}
"""


def make(folder, count):
    """Files of some days each, all series in each."""
    series = max(count // DAYS, 1)
    generator = np.random.default_rng(1)
    level = generator.lognormal(2, 1, series).astype(np.float32)
    phase = generator.integers(0, 7, series)
    for first in range(0, DAYS, TOGETHER):
        day = np.repeat(np.arange(first, first + TOGETHER), series)
        item = np.tile(np.arange(series), TOGETHER)
        price = generator.choice(np.array([1.0, 1.5, 2.0], np.float32), len(day))
        wave = 1 + 0.3 * np.sin(2 * np.pi * (day + phase[item]) / 7)
        sold = generator.poisson(level[item] * wave / price).astype(np.float32)
        table = {
            "item": pa.array(item.astype(np.int32)),
            "day": pa.array((np.datetime64("2021-01-01") + day).astype("M8[D]")),
            "price": pa.array(price), "sold": pa.array(sold),
        }  # fmt: skip
        pq.write_table(pa.table(table), folder / f"{first:04}.parquet", row_group_size=500_000)


def main(where, rows=50_000_000, seconds=60):
    """Make, train, tell, delete."""
    folder = Path(where)
    source = folder / "rows"
    source.mkdir(parents=True)
    try:
        began = monotonic()
        make(source, int(rows))
        size = sum(path.stat().st_size for path in source.iterdir())
        print(
            f"{int(rows):,} rows, {size / 1e6:,.0f} MB of Parquet in {monotonic() - began:,.0f} s"
        )
        config = CONFIG.format(rows=source, seconds=int(seconds))
        (folder / "large.yaml").write_text(config, encoding="utf-8")
        watched(folder)
    finally:
        shutil.rmtree(source)


def watched(folder):
    """Run the fit and look at its memory until it ends."""
    command = [sys.executable, "-m", "loopcast", "fit", "--config", "large.yaml"]
    began, peaks = monotonic(), {}
    with subprocess.Popen(command, cwd=folder, env={**os.environ, "TMPDIR": str(folder)}) as fit:
        while fit.poll() is None:
            for name, value in memory(fit.pid).items():
                peaks[name] = max(peaks.get(name, 0), value)
            sleep(0.2)
    print(f"status {fit.returncode} after {monotonic() - began:,.0f} s")
    for name, value in peaks.items():
        print(f"{name}: {value / 1e6:.2f} GB at the peak")


def memory(process):
    """kB: resident at the most, now, and of it what no file holds."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    wanted = ("VmHWM", "VmRSS", "RssAnon", "RssFile")
    return {n: int(v.split()[0]) for n, _, v in (x.partition(":") for x in lines) if n in wanted}


if __name__ == "__main__":
    main(*sys.argv[1:])
