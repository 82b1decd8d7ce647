"""A peer in an interpreter of its own, asked line by line, so that ours and theirs take turns."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROUNDS = 5
SERVER = Path(__file__).with_name("neuralforecast_peer.py")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Peer:
    """Runs neuralforecast_peer.py; each question and answer is one line of JSON."""

    def __init__(self, python: str) -> None:
        self.python = python

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [self.python, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def ask(self, name: str, options: dict[str, Any]) -> Any:
        """The answer of the peer's function `name`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"name": name, "options": options}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the peer {self.python} ended; run {SERVER} by hand to see why")
        return json.loads(line)


def best(measures: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """The least of `rounds` measures of each, taken in turns so that all meet the same noise."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: min(values) for name, values in found.items()}


def data(path: str) -> Path:
    """A file of the shared data: below LOOPCAST_DATA, or ../shared/data beside the project."""
    root = Path(__file__).parents[1]
    return Path(os.environ.get("LOOPCAST_DATA", root.parent / "shared" / "data")) / path
