"""Steps and windows a second of whole fits on an accelerator; wall time, the device synchronised.

python benchmarks/gpu.py [--accelerator gpu] [--peer-python PATH]
"""

import argparse
from typing import Any

import ours
import torch
from peer import Peer, best, data

NETWORKS = {"MLP 2x64": ("target", 2, 64), "MLP 2x1024, calendar and keys": ("mlp", 2, 1024)}


def options(args: argparse.Namespace, batch: int, network: str) -> dict[str, Any]:
    """What both sides are given."""
    kind, layers, width = NETWORKS[network]
    return {
        "path": str(data("m4/hourly_train.parquet")), "history": 96, "horizon": 48,
        "quantiles": [0.1, 0.25, 0.5, 0.75, 0.9], "batch": batch, "network": kind,
        "layers": layers, "width": width, "features": kind == "mlp", "steps": args.steps,
        "accelerator": args.accelerator, "precision": args.precision,
        "series_batch": 32, "step_size": 1,
    }  # fmt: skip


def main() -> None:
    """A table by network and batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accelerator", default="gpu" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batches", type=int, nargs="+", default=[1024, 8192, 65536])
    parser.add_argument("--peer-python", help="interpreter with neuralforecast")
    args = parser.parse_args()
    gpu = args.accelerator != "cpu"
    print(torch.cuda.get_device_name() if gpu else "CPU", args.precision)
    for network in NETWORKS:
        for batch in args.batches:
            o = options(args, batch, network)
            ours.fit({**o, "steps": 20})
            seconds = best({"ours": lambda o=o: ours.fit(o)["wall"]}, 3)["ours"]  # type: ignore[misc]
            report("loopcast", network, batch, seconds)
            if args.peer_python and NETWORKS[network][0] == "target":
                beside(args.peer_python, o, network)


def beside(python: str, o: dict[str, Any], network: str) -> None:
    """The peer's line."""
    with Peer(python) as peer:
        peer.ask("fit", {**o, "steps": 20})
        report("neuralforecast", network, o["batch"], peer.ask("fit", o)["wall"])


def report(side: str, network: str, batch: int, seconds: float) -> None:
    """One line."""
    print(
        f"{side}, {network}, batch {batch}: {1 / seconds:,.0f} steps/s,"
        f" {batch / seconds:,.0f} windows/s"
    )


if __name__ == "__main__":
    main()
