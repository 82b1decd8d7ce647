"""The networks on the M4 sets beside what was published of them: defaults, but for the network.

python benchmarks/papers.py [--sets m4_yearly,m4_weekly] [--networks TFT] [--seconds 120]

Published: N-BEATS' own notebook (18 networks of six histories and three losses), the runs of GIFT-Eval (one
network; DeepAR for the LSTM) and neuralforecast's own benchmark (one network; its sMAPE doubled).
"""

import argparse
import tempfile
from functools import partial
from importlib import import_module
from os import chdir
from pathlib import Path
from typing import Any

import accuracy_ours
from accuracy import board

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "NBEATS": ("nbeats.NBEATS", {}),
    "NBEATS, interpretable": ("nbeats.NBEATS", {"stacks": ("trend", "seasonality")}),
    "NHITS": ("nhits.NHITS", {}),
    "PatchTST": ("patchtst.PatchTST", {}),
    "TFT": ("tft.TFT", {}),
    "LSTM": ("lstm.LSTM", {}),
    "TCN": ("tcn.TCN", {}),
}
PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "m4_yearly": {
        "NBEATS": {"smape": 13.261, "mase": 3.15},
        "NBEATS, interpretable": {"smape": 13.162},
        "NHITS": {"smape": 13.76},
        "PatchTST": {"mase": 3.29},
        "TFT": {"mase": 3.09},
        "LSTM": {"mase": 3.40},
    },
    "m4_weekly": {
        "NBEATS": {"mase": 1.97},
        "NHITS": {"smape": 8.8},
        "PatchTST": {"mase": 2.34},
        "TFT": {"mase": 2.68},
        "LSTM": {"mase": 4.62},
    },
    "m4_hourly": {
        "NBEATS": {"mase": 1.34},
        "NHITS": {"smape": 13.9},
        "PatchTST": {"mase": 1.40},
        "TFT": {"mase": 2.47},
        "LSTM": {"mase": 3.53},
    },
}


def scored(name: str, network: str, seconds: int) -> dict[str, Any]:
    """Scores on the hold-out after an honest run and its refit, `seconds` together."""
    path, options = NETWORKS[network]
    module, _, kind = path.rpartition(".")
    made = partial(getattr(import_module(f"loopcast.models.{module}"), kind), **options)
    budget = {"max_time": {"seconds": seconds}, "enable_progress_bar": False}
    with tempfile.TemporaryDirectory() as folder:
        chdir(folder)
        return board(name, accuracy_ours.forecast(name, {"network": made}, budget, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=lambda t: t.split(","), default=list(PUBLISHED))
    parser.add_argument("--networks", action="append", choices=list(NETWORKS), help="repeatable")
    parser.add_argument("--seconds", type=int, default=120, help="of training")
    options = parser.parse_args()
    here = Path.cwd()
    for name in options.sets:
        for network in options.networks or NETWORKS:
            found = scored(name, network, options.seconds)
            chdir(here)
            told = PUBLISHED[name].get(network, {})
            ours = ", ".join(f"{k} {found[k]:.4g}" for k in ("smape", "mase"))
            beside = ", ".join(f"{k} {value:g}" for k, value in told.items()) or "nothing"
            print(
                f"{name}, {network}: {ours}; published: {beside}; {found['fit']:.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
