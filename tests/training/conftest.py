"""A small panel of daily sales in which every kind of column stands, and short fits of it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from loopcast.data.frame import Frame
from loopcast.models.mlp import ResidualMLP
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster

DATA = {
    "series": ["shop", "item"],
    "time": "day",
    "target": "sold",
    "frequency": "D",
    "horizon": 7,
    "future": ["price"],
    "batch_size": 32,
}
ROOT = Path(__file__).resolve().parents[2]


def sales(days=120, shops=3, items=2, seed=0):
    """One row a shop, item and day."""
    generator = np.random.default_rng(seed)
    rows = []
    for shop in range(shops):
        for item in range(items):
            day = np.arange(days)
            price = generator.choice([1.0, 2.0], days)
            level = 20 * (shop + 1) + 5 * item + 8 * np.sin(2 * np.pi * day / 7) - 3 * price
            rows.append(
                pd.DataFrame(
                    {
                        "shop": f"s{shop}",
                        "item": f"i{item}",
                        "day": pd.Timestamp("2023-01-02") + pd.to_timedelta(day, unit="D"),
                        "price": price,
                        "sold": (level + generator.normal(0, 2, days)).round(2),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def small(task, widths):
    """A network with noise of its own: dropout."""
    return ResidualMLP(task, widths, layers=2, width=16, dropout=0.2)


MODEL = ("schedule", "paces", "members", "quantiles", "histories", "losses", "lower", "blind")


def parts(frame, **options):
    """DataModule and Forecaster of a frame; options named like the YAML's."""
    model = {n: options.pop(n) for n in MODEL if n in options}
    return DataModule(source=Frame(frame), **{**DATA, **options}), Forecaster(small, **model)


def same(one, other):
    """Bit for bit."""
    assert one.keys() == other.keys()
    unequal = [name for name in one if not torch.equal(one[name], other[name])]
    assert not unequal, unequal


@pytest.fixture
def frame():
    return sales()


@pytest.fixture
def config(tmp_path):
    """A YAML and its CSV in a folder of their own."""
    sales().to_csv(tmp_path / "sales.csv", index=False)
    (tmp_path / "run.yaml").write_text(YAML)
    return tmp_path


YAML = """
data:
  source: {class_path: loopcast.data.files.CsvFile, init_args: {path: sales.csv}}
  series: [shop, item]
  time: day
  target: sold
  frequency: D
  horizon: 7
  future: [price]
  batch_size: 32
model:
  network: {class_path: loopcast.models.mlp.ResidualMLP, init_args: {layers: 2, width: 16, dropout: 0.2}}
trainer: {max_steps: 60, enable_progress_bar: false}
"""


def started(folder, *args, **options):
    """train.py as a process."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *args], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, **options,
    )  # fmt: skip


def train(folder, *args):
    """Run train.py to its end: exit status, what it printed, what it complained of."""
    process = started(folder, *args)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def weights(path):
    """Of a checkpoint."""
    return torch.load(path, weights_only=True)["state_dict"]
