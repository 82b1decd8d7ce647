"""Training steps of loopcast beside neuralforecast's, the same work in the same run.

python benchmarks/steps.py --peer-python PATH   (an interpreter with neuralforecast)
"""

import argparse
from typing import Any

import ours
from peer import Peer, best, data

FIVE = [0.1, 0.25, 0.5, 0.75, 0.9]
SAME = {"history": 96, "horizon": 48, "batch": 1024, "layers": 2, "series_batch": 32}
PEER_SETTINGS = {
    "defaults (batch_size 32, step_size 1)": {"series_batch": 32, "step_size": 1},
    "few series a batch (batch_size 2, step_size 1)": {"series_batch": 2, "step_size": 1},
    "few windows a series (batch_size 32, step_size 24)": {"series_batch": 32, "step_size": 24},
}
"""windows_batch_size is 1024, its default, throughout: both sides train on 1024 windows a step."""
LONG = {"history": 36, "horizon": 18, "batch": 1024, "layers": 2, "width": 64, "series": 32}


WIDTHS = {"narrow": 64, "wide": 256}
OTHERS = {"nhits": {"layers": 2, "width": 256}, "patchtst": {"layers": 2, "width": 64}}


def whole_steps(peer: Peer, steps: int, widths: list[int]) -> None:
    """Rows 1 and 2 of the table."""
    path = str(data("m4/hourly_train.parquet"))
    for width in widths:
        for quantiles in ([0.5], FIVE):
            o = {**SAME, "path": path, "width": width, "quantiles": quantiles, "steps": steps}
            compare(peer, o)


def others(peer: Peer, steps: int) -> None:
    """What is above the bare network, of networks that differ a little inside."""
    path = str(data("m4/hourly_train.parquet"))
    for network, sizes in OTHERS.items():
        o = {**SAME, **sizes, "path": path, "network": network, "steps": steps}
        compare(peer, {**o, "quantiles": FIVE})


def compare(peer: Peer, o: dict[str, Any]) -> None:
    """One network: whole steps, and what is above the bare network."""
    first = PEER_SETTINGS["defaults (batch_size 32, step_size 1)"]
    sizes = [ours.fit({**o, "steps": 20})["size"]]
    sizes += [peer.ask("fit", {**o, **first, "steps": 20})["size"]]
    own = "network" in o
    assert own or sizes[0] == sizes[1], f"the networks differ: {sizes} parameters"
    measures = {
        "ours": lambda: ours.fit(o)["cpu"],
        "our bare network": lambda: ours.bare(o)["cpu"],
        "their bare network": lambda: peer.ask("bare", {**o, **first})["cpu"],
    }
    for name, settings in PEER_SETTINGS.items():
        measures[name] = lambda s=settings: peer.ask("fit", {**o, **s})["cpu"]  # type: ignore[misc]
    found = best(measures)
    name = f"{o.get('network', 'mlp')} {o['layers']}x{o['width']}"
    count = " and ".join(f"{int(size):,}" for size in (sizes if own else sizes[:1]))
    print(f"\n{name}, {len(o['quantiles'])} quantile(s), {count} parameters")
    our_bare, their_bare = found.pop("our bare network"), found.pop("their bare network")
    print(f"  bare network: ours {1e3 * our_bare:.2f} ms, theirs {1e3 * their_bare:.2f} ms")
    mine = found.pop("ours")
    report("loopcast", mine, mine - our_bare, o["batch"])
    for name, seconds in found.items():
        above = seconds - their_bare
        report(f"neuralforecast, {name}", seconds, above, o["batch"])
        print(
            f"    loopcast is {seconds / mine:.1f} times as fast;"
            f" its cost above the bare network is {(mine - our_bare) / above:.2f} of theirs"
        )


def report(name: str, seconds: float, above: float, batch: int) -> None:
    """One line."""
    print(
        f"  {name}: {1e3 * seconds:.2f} ms a step, {batch / seconds:,.0f} windows/s,"
        f" {1e3 * above:.2f} ms above the bare network"
    )


def lengths(peer: Peer, steps: int) -> None:
    """Row 3: the same step on short and long series."""
    o = {**LONG, "quantiles": [0.5], "series_batch": 32, "step_size": 1}
    measures = {}
    for length in (200, 20_000):
        few = max(steps // 10, 10) if length > 1000 else steps
        measures[f"loopcast {length}"] = lambda n=length: ours.fit(
            {**o, "length": n, "steps": steps}
        )["cpu"]
        measures[f"neuralforecast {length}"] = lambda n=length, s=few: peer.ask(
            "fit", {**o, "length": n, "steps": s}
        )["cpu"]
    found = best(measures)
    print("\nSeries of length 20,000 against 200 (32 series, MLP 2x64, history 36, horizon 18)")
    for side in ("loopcast", "neuralforecast"):
        short, long = found[f"{side} 200"], found[f"{side} 20000"]
        print(
            f"  {side}: {1e3 * short:.2f} ms at 200, {1e3 * long:.2f} ms at 20,000:"
            f" {long / short:.2f} times"
        )


def main() -> None:
    """All rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="interpreter with neuralforecast")
    parser.add_argument("--steps", type=int, default=200, help="steps of each measure")
    parser.add_argument("--only", choices=[*WIDTHS, "lengths", "others"])
    args = parser.parse_args()
    print(
        "CPU milliseconds, one thread, best of five in turns; both sides: AdamW (fused), learning"
    )
    print(
        "rate 0.001, pinball loss, standard scaling of each window, 1024 windows a step, no logs,"
    )
    print("no checkpoints, no validation; Lightning's own loop is part of both.")
    print("M4 hourly (414 series), history 96, horizon 48.")
    with Peer(args.peer_python) as peer:
        widths = [width for name, width in WIDTHS.items() if args.only in (None, name)]
        whole_steps(peer, args.steps, widths)
        if args.only in (None, "lengths"):
            lengths(peer, args.steps)
        if args.only in (None, "others"):
            others(peer, max(args.steps // 10, 10))


if __name__ == "__main__":
    main()
