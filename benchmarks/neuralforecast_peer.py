"""neuralforecast's side of the benchmarks; runs where neuralforecast is installed, not loopcast."""

import json
import logging
import os
import sys
import time
import warnings
from typing import Any

ANSWERS = os.fdopen(os.dup(1), "w")  # whatever the libraries print goes to stderr
os.dup2(2, 1)
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pytorch_lightning as pl  # noqa: E402
import torch  # noqa: E402
from neuralforecast import NeuralForecast  # noqa: E402
from neuralforecast.losses.pytorch import MQLoss  # noqa: E402
from neuralforecast.models import MLP, NHITS, PatchTST  # noqa: E402

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
torch.set_num_threads(1)
FRAMES: dict[str, pd.DataFrame] = {}
CLOCK: dict[str, float] = {}  # the model copies its callbacks, so they cannot hold it
FITTED: dict[str, Any] = {}


class Clock(pl.Callback):
    """CPU and wall seconds between the first and the last step."""

    def on_train_start(self, *_: object) -> None:
        CLOCK.update(cpu=time.process_time(), wall=time.perf_counter())

    def on_train_end(self, *_: object) -> None:
        CLOCK.update(
            cpu=time.process_time() - CLOCK["cpu"], wall=time.perf_counter() - CLOCK["wall"]
        )


def frame(path: str | None, series: int, length: int) -> pd.DataFrame:
    """M4 as stored, or random walks."""
    key = f"{path} {series} {length}"
    if key not in FRAMES and path:
        FRAMES[key] = pd.read_parquet(path).rename(columns={"t": "ds"})
    elif key not in FRAMES:
        values = np.random.default_rng(1).normal(size=(series, length)).cumsum(1).ravel()
        names = np.repeat([f"s{i}" for i in range(series)], length)
        steps = np.tile(np.arange(1, length + 1), series)
        FRAMES[key] = pd.DataFrame({"unique_id": names, "ds": steps, "y": values})
    return FRAMES[key]


def sized(o: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A network's class and what makes it as large as ours."""
    layers, width = o["layers"], o["width"]
    if o.get("network") == "nhits":
        return NHITS, {"mlp_units": 3 * [layers * [width]], "n_pool_kernel_size": [4, 2, 1]}
    if o.get("network") == "patchtst":
        patches = {"patch_len": 16, "stride": 8, "n_heads": 4, "revin": False}
        sizes = {"encoder_layers": layers, "hidden_size": width, "linear_hidden_size": 2 * width}
        return PatchTST, {**patches, **sizes, "dropout": 0.0, "fc_dropout": 0.0}
    return MLP, {"num_layers": layers, "hidden_size": width}


def model(o: dict[str, Any]) -> Any:
    """The network; all that costs time and is not the step is switched off."""
    kind, sizes = sized(o)
    return kind(
        h=o["horizon"],
        input_size=o["history"],
        **sizes,
        loss=MQLoss(quantiles=o["quantiles"]),
        max_steps=o["steps"],
        learning_rate=1e-3,
        batch_size=o["series_batch"],
        windows_batch_size=o["batch"],
        step_size=o["step_size"],
        scaler_type="standard",
        val_check_steps=10**9,
        optimizer=torch.optim.AdamW,
        optimizer_kwargs={"fused": True},
        callbacks=[Clock()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator=o.get("accelerator", "cpu"),
    )


def fit(o: dict[str, Any]) -> dict[str, float]:
    """CPU and wall seconds of one step, and the number of parameters."""
    forecast = NeuralForecast(models=[model(o)], freq=1)
    forecast.fit(frame(o.get("path"), o.get("series", 0), o.get("length", 0)))
    FITTED["forecast"] = forecast
    count = sum(p.numel() for p in forecast.models[0].parameters() if p.requires_grad)
    return {"cpu": CLOCK["cpu"] / o["steps"], "wall": CLOCK["wall"] / o["steps"], "size": count}


def bare(o: dict[str, Any]) -> dict[str, float]:
    """CPU seconds of forward, loss, backward and optimizer on one resident batch."""
    network = model(o)
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, fused=True)
    shape = (o["batch"], o["history"], 1)
    window = {"insample_y": torch.randn(shape), "insample_mask": torch.ones(shape)}
    window |= dict.fromkeys(("futr_exog", "hist_exog", "stat_exog"))
    actual = torch.randn(o["batch"], o["horizon"], 1)
    mask = torch.ones_like(actual)
    began = 0.0
    for step in range(-10, o["steps"]):
        if step == 0:
            began = time.process_time()
        optimizer.zero_grad()
        output = network.loss.domain_map(network(window))
        network.loss(y=actual, y_hat=output, y_insample=window["insample_y"], mask=mask).backward()
        optimizer.step()
    return {"cpu": (time.process_time() - began) / o["steps"]}


def predict(o: dict[str, Any]) -> dict[str, float]:
    """CPU and wall seconds of one forecast by the model fitted last, from a data frame."""
    rows = pd.DataFrame({"unique_id": o["key"], "ds": o["ds"], "y": o["y"]})
    for _ in range(3):
        FITTED["forecast"].predict(rows)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(o["times"]):
        FITTED["forecast"].predict(rows)
    count = o["times"]
    return {
        "cpu": (time.process_time() - cpu) / count,
        "wall": (time.perf_counter() - wall) / count,
    }


def main() -> None:
    """Answer until the questions end."""
    for line in sys.stdin:
        question = json.loads(line)
        answer = {"fit": fit, "bare": bare, "predict": predict}[question["name"]](
            question["options"]
        )
        ANSWERS.write(json.dumps(answer) + "\n")
        ANSWERS.flush()


main()
