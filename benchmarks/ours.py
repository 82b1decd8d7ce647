"""loopcast's side of the benchmarks of training: the real forecaster, data module and trainer."""

import logging
import time
import warnings
from functools import cache, partial
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from loopcast.core.task import Task
from loopcast.data.frame import Frame
from loopcast.models.layers import Hidden, Linear, by_step
from loopcast.models.mlp import MLP
from loopcast.models.network import Network, Widths, Window
from loopcast.models.nhits import NHITS
from loopcast.models.patchtst import PatchTST
from loopcast.training.cli import DEFAULTS
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
NETWORKS: dict[str, type[Network]] = {}


class TargetMLP(Network):
    """neuralforecast's MLP: it sees the scaled target alone."""

    def __init__(self, task: Task, widths: Widths, *, layers: int = 2, width: int = 64) -> None:
        super().__init__()
        self.horizon = task.horizon
        self.hidden = Hidden(task.history, layers, width)
        self.leave = Linear(width, task.horizon * len(task.quantiles))

    def forward(self, window: Window) -> Tensor:
        """See Network."""
        return by_step(self.leave(self.hidden(window.target)), self.horizon)


NETWORKS |= {"target": TargetMLP, "mlp": MLP, "nhits": NHITS, "patchtst": PatchTST}


class Clock(L.Callback):
    """CPU and wall seconds between the first and the last step."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        self.cpu, self.wall = time.process_time() - self.cpu, time.perf_counter() - self.wall


@cache
def frame(path: str | None, series: int, length: int) -> pd.DataFrame:
    """M4 as stored, or random walks."""
    if path:
        return pd.read_parquet(path)
    values = np.random.default_rng(1).normal(size=(series, length)).cumsum(1).ravel()
    names = np.repeat([f"s{i}" for i in range(series)], length)
    steps = np.tile(np.arange(1, length + 1), series)
    return pd.DataFrame({"unique_id": names, "t": steps, "y": values})


@cache
def prepared(
    path: str | None,
    series: int,
    length: int,
    history: int,
    horizon: int,
    batch: int,
    features: bool = False,
) -> DataModule:
    """Read and fitted once; without `features` the encoder scales and masks, as the peer does."""
    module = DataModule(
        Frame(frame(path, series, length)), "t", "y", 1, horizon, series=["unique_id"],
        static=None if features else [], features=None if features else [],
        history=history, season=24, scaling="standard", validation=0, test=0, batch_size=batch,
    )  # fmt: skip
    module.setup("fit")
    return module


def trained(o: dict[str, Any]) -> tuple[Forecaster, Clock]:
    """A fit of o["steps"] steps; no window is shortened, as the peer shortens none."""
    module = prepared(
        o.get("path"), o.get("series", 0), o.get("length", 0), o["history"], o["horizon"],
        o["batch"], o.get("features", False),
    )  # fmt: skip
    network = partial(NETWORKS[o.get("network", "target")], layers=o["layers"], width=o["width"])
    forecaster, clock = Forecaster(network, quantiles=o["quantiles"], shorten=0.0), Clock()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    budget = {"max_steps": o["steps"], "max_time": None}
    device = {"accelerator": o.get("accelerator", "cpu"), "precision": o.get("precision")}
    L.Trainer(**{**DEFAULTS, **quiet, **budget, **device, "devices": 1, "callbacks": [clock]}).fit(
        forecaster, module
    )
    return forecaster, clock


def fit(o: dict[str, Any]) -> dict[str, float]:
    """CPU and wall seconds of one step, and the number of parameters."""
    forecaster, clock = trained(o)
    size = sum(p.numel() for p in forecaster.network.parameters())
    return {"cpu": clock.cpu / o["steps"], "wall": clock.wall / o["steps"], "size": size}


def bare(o: dict[str, Any]) -> dict[str, float]:
    """CPU seconds of forward, loss, backward and optimizer on one resident batch."""
    forecaster, _ = trained({**o, "steps": 1})
    batch = next(iter(forecaster.trainer.datamodule.train_dataloader()))
    inputs = forecaster.trainer.datamodule.resident().draw(batch)
    window = Window(**forecaster.encoder(inputs))
    actual = torch.randn(o["batch"], o["horizon"])
    weight = torch.ones_like(actual)
    optimizer = torch.optim.AdamW(forecaster.parameters(), 1e-3, fused=True)
    began = 0.0
    for step in range(-10, o["steps"]):
        if step == 0:
            began = time.process_time()
        optimizer.zero_grad()
        forecast = forecaster.network(window)
        forecaster.loss(forecast, actual, weight, forecaster.levels).backward()
        optimizer.step()
    return {"cpu": (time.process_time() - began) / o["steps"]}
