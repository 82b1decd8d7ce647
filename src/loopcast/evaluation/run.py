"""What the folder of a run holds: whatever is there, None for what is not."""

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from loopcast.core.errors import DataError
from loopcast.data.checks.report import Report

RUNS = Path("checkpoints")
PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]+(?=@)")
SECRET = re.compile(r"(?i)((?:password|passwd|pwd|odbc_connect)(?:=|%3D))[^&\s\"']+")
"""In a database's url; better written as ${NAME}, but never shown."""


@dataclass(frozen=True)
class Run:
    """`board` is the scoreboard of the test part, `forecasts` and `history` the rows behind it.

    `losses` is the log of the fit, `plan` what was derived for it, `config` its YAML.
    """

    folder: Path
    config: str | None = None
    plan: dict[str, Any] | None = None
    steps: int | None = None
    losses: pd.DataFrame | None = None
    board: dict[str, Any] | None = None
    forecasts: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    findings: Report | None = None
    validation: dict[str, Any] | None = None  # the scoreboard of the validation part
    explained: dict[str, Any] | None = None  # by loopcast explain

    @property
    def name(self) -> str:
        """That of the folder."""
        return self.folder.resolve().name

    @classmethod
    def read(cls, run: str) -> "Run":
        """`run`: a folder, or its name below checkpoints/. Raises DataError where it is no run."""
        folder = _folder(run)
        found = cls(
            folder,
            _text(folder / "config.yaml"),
            _json(folder / "plan.json"),
            (_json(folder / "steps.json") or {}).get("steps"),
            _losses(folder / "metrics.csv"),
            _json(folder / "test.json"),
            _table(folder / "test.parquet"),
            _table(folder / "history.parquet"),
            _findings(folder / "findings.json"),
            _json(folder / "validation.json"),
            _json(folder / "explain.json"),
        )
        if not (found.config or found.board or (folder / "best.ckpt").exists()):
            raise DataError(
                f"{folder} holds no run: no config.yaml, best.ckpt or test.json is there;"
                " name a folder that fit wrote, such as checkpoints/NAME"
            )
        return found


def hidden(config: str) -> str:
    """A config without passwords."""
    return SECRET.sub(r"\1***", PASSWORD.sub(r"\1***", config))


def _folder(run: str) -> Path:
    for folder in (Path(run), RUNS / run):
        if folder.is_dir():
            return folder
    known = sorted(p.name for p in RUNS.iterdir() if p.is_dir()) if RUNS.is_dir() else []
    near = get_close_matches(run, known, n=1) or known[:5]
    hint = f"; there is {', '.join(near)}" if near else "; run fit first"
    raise DataError(f"there is no run {run!r}, neither as a folder nor in {RUNS}/{hint}")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _json(path: Path) -> dict[str, Any] | None:
    text = _text(path)
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); delete it, or write it again") from error


def _losses(path: Path) -> pd.DataFrame | None:
    try:
        return pd.read_csv(path)
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return None


def _table(path: Path) -> pd.DataFrame | None:
    try:
        return pd.read_parquet(path) if path.exists() else None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); run test again") from error


def _findings(path: Path) -> Report | None:
    text = _text(path)
    try:
        return None if text is None else Report.from_json(text)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}); run fit or loopcast check again") from error
