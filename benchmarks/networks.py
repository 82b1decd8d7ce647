"""Cost of each network's forward and backward, relative to the default's; one thread, no data.

python benchmarks/networks.py
"""

import importlib
import inspect
import pkgutil
import time

import torch

import loopcast.models
from loopcast.core.task import Task
from loopcast.models.mlp import ResidualMLP
from loopcast.models.network import Network, Widths, Window

BATCH = 1024
TASK = Task(
    "y", "t", (), "MS", horizon=12, season=12, history=36, quantiles=(0.1, 0.25, 0.5, 0.75, 0.9)
)
WIDTHS = Widths(past=1, future=14, static=24)
ROUNDS = 7
"""The best of so many rounds counts: another program on the machine only ever adds."""


def networks() -> list[type[Network]]:
    """Every one in loopcast.models."""
    found = [ResidualMLP]
    for file in pkgutil.iter_modules(loopcast.models.__path__):
        module = importlib.import_module(f"loopcast.models.{file.name}")
        kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
        found += [k for k in kinds if k.__module__ == module.__name__ and issubclass(k, Network)]
    return [kind for kind in dict.fromkeys(found) if not inspect.isabstract(kind)]


def window() -> Window:
    """Random numbers."""
    history, span = TASK.history, TASK.history + TASK.horizon
    return Window(
        torch.randn(BATCH, history), torch.ones(BATCH, history),
        torch.zeros(BATCH, 1), torch.ones(BATCH, 1),
        torch.randn(BATCH, history, WIDTHS.past), torch.randn(BATCH, span, WIDTHS.future),
        torch.randn(BATCH, WIDTHS.static),
    )  # fmt: skip


def seconds(network: Network, given: Window) -> float:
    """CPU seconds of one forward and backward, the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.thread_time()
        network(given).square().mean().backward()
        best = min(best, time.thread_time() - begin)
    return best


def main() -> None:
    """One line a network."""
    torch.set_num_threads(1)
    given, costs, sizes = window(), {}, {}
    for kind in networks():
        torch.manual_seed(1)
        network = kind(TASK, WIDTHS)
        costs[kind.__name__] = seconds(network, given)
        sizes[kind.__name__] = sum(weight.numel() for weight in network.parameters())
    default = costs[ResidualMLP.__name__]
    for name, cost in sorted(costs.items(), key=lambda pair: pair[1]):
        print(f"{name:12} {cost / default:6.2f} {sizes[name]:10,} weights")


if __name__ == "__main__":
    main()
