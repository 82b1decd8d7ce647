"""Training in a process of its own: this one never loads torch, and a fit that dies takes nothing along."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loopcast.core.errors import LoopcastError
from loopcast.store.folders import replace_file

LOOKS = 0.5
"""Seconds between two looks at the process."""
LOG = "log.txt"
REFUSED = "the data cannot be used as it is"
"""How the checks begin what they say when they stop a fit."""


class TrainingFailed(LoopcastError):
    """The process ended with another status than 0, or took too long."""


class DataRefused(TrainingFailed):
    """The checks of the data found errors; nothing was trained."""


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves in its folder."""

    artifact: Path
    config: Path


@dataclass(frozen=True)
class Trainer:
    """Runs loopcast's own command in `folder`; `alive` is asked while it runs and may raise."""

    folder: Path
    minutes: float
    alive: Callable[[], None]

    def check(self, config: Mapping[str, Any], name: str) -> None:
        """The checks of a fit alone; raises TrainingFailed with what they found."""
        self._run("check", self._written(config, name), name)

    def fit(self, config: Mapping[str, Any], name: str) -> Fitted:
        """Checks first; raises DataRefused, TrainingFailed with the last lines of its log."""
        path = self._written(config, name)
        self._run("fit", path, name, "--trainer.enable_progress_bar=false")
        artifact = self.folder / "export" / f"{name}.onnx"
        if not artifact.exists():
            raise TrainingFailed(f"the fit ended well but left no {artifact}; see {self.folder}")
        own = self.folder / "checkpoints" / name / "config.yaml"
        return Fitted(artifact, own if own.exists() else path)

    def _written(self, config: Mapping[str, Any], name: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.yaml"
        plain = {key: value for key, value in config.items() if key != "name"}
        model = plain.get("model")
        if isinstance(model, Mapping) and model.get("warm_start"):  # seen from another folder
            plain["model"] = {**model, "warm_start": str(Path(model["warm_start"]).resolve())}
        replace_file(path, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode())
        return path

    def _run(self, command: str, config: Path, name: str, *more: str) -> None:
        flags = ["--config", str(config.resolve()), f"--name={name}", *more]
        search = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")]))
        log = self.folder / f"{name}.{command}.{LOG}"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "loopcast", command, *flags],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": search}, start_new_session=True,
            )  # fmt: skip
        status = self._wait(process, command)
        if status:
            told = _last(log)
            kind = DataRefused if REFUSED in told else TrainingFailed
            raise kind(f"loopcast {command} ended with {status}: {told}")

    def _wait(self, process: subprocess.Popen[bytes], command: str) -> int:
        left = self.minutes * 60
        try:
            while left > 0:
                try:
                    return process.wait(LOOKS)
                except subprocess.TimeoutExpired:
                    left -= LOOKS
                    self.alive()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        raise TrainingFailed(
            f"loopcast {command} took more than {self.minutes:g} minutes and was ended; give"
            " retrain.minutes, or a shorter trainer.max_time"
        )


def _last(log: Path, lines: int = 12) -> str:
    """The end of a log: a LoopcastError's sentence, or a traceback's end."""
    told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    starts = [i for i, line in enumerate(told) if line.startswith("loopcast: ")]
    shown = told[starts[-1] :] if starts else told[-lines:]
    return " / ".join(line.strip() for line in shown[:lines] if line.strip()) or "no word"
