"""Small panels with columns of every role."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Columns, Task

MakePanel = Callable[..., Panel]


def column(texts: list[str]) -> Categories:
    """One text a cell, as a panel keeps it."""
    distinct = sorted(set(texts), reverse=True)  # on purpose not in the vocabulary's order
    codes = np.array([distinct.index(text) for text in texts], dtype=np.int32)
    return Categories(codes, np.array(distinct, dtype=object))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def task() -> Task:
    """A month's task with numeric and categorical columns of every role."""
    return Task(
        target="sales",
        time="month",
        series=("shop",),
        frequency="MS",
        horizon=3,
        season=12,
        history=8,
        static=Columns(("size",), ("shop", "state")),
        past=Columns(("visits",), ("weather",)),
        future=Columns(("price",), ("promotion",)),
    )


@pytest.fixture
def panel() -> Panel:
    """Six shops in two states of different size, 20 to 45 months each, with gaps."""
    rng = np.random.default_rng(0)
    lengths = np.array([20, 25, 30, 35, 40, 45])
    rows = int(lengths.sum())
    owner = np.repeat(np.arange(6), lengths)
    target = (10.0 ** (1 + owner % 2) * rng.gamma(5, 1, rows)).astype(np.float32)
    target[rng.random(rows) < 0.1] = np.nan
    visits = rng.normal(1000, 50, (rows, 1)).astype(np.float32)
    visits[rng.random(rows) < 0.2] = np.nan
    start = np.array([300, 310, 320, 330, 340, 350], dtype=np.int64)
    return Panel(
        keys={"shop": np.array(list("abcdef"), dtype=object)},
        start=start,
        origin=start + lengths - 1,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        target=target,
        past=visits,
        future=rng.uniform(1, 2, (rows, 1)).astype(np.float32),
        static=np.array([[10], [20], [np.nan], [40], [50], [60]], dtype=np.float32),
        categories={
            "static.shop": column(list("abcdef")),
            "static.state": column(["north", "south"] * 3),
            "past.weather": column([["sun", "rain", ""][i] for i in rng.integers(0, 3, rows)]),
            "future.promotion": column([["", "flyer"][i] for i in rng.integers(0, 2, rows)]),
        },
    )


@pytest.fixture
def inputs(task: Task) -> Callable[..., dict[str, torch.Tensor]]:
    """Random inputs of the task with every kind of missing history, and codes 0 to 2."""

    def make(batch: int, seed: int = 0) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        nan, steps = float("nan"), task.history + task.horizon
        target = 100 + 30 * torch.randn(batch, task.history)
        target[torch.rand(target.shape) < 0.3] = nan
        target[::4] = nan
        target[1::5, :-1] = nan
        target[2::6] = 0
        target[3::7] = 12345.6
        numeric = {
            "past": torch.randn(batch, task.history, 1),
            "future": torch.randn(batch, steps, 1),
            "static": torch.randn(batch, 1),
        }
        for values in numeric.values():
            values[torch.rand(values.shape) < 0.3] = nan
        return {
            "target": target,
            "origin": torch.randint(-3000, 9000, (batch,)),
            **numeric,
            "static.shop": torch.randint(0, 3, (batch,)),
            "static.state": torch.randint(0, 3, (batch,)),
            "past.weather": torch.randint(0, 3, (batch, task.history)),
            "future.promotion": torch.randint(0, 2, (batch, steps)),
        }

    return make
