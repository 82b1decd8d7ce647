"""One small real run, trained, judged and reported once."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

CONFIG = """
data:
  source: {class_path: loopcast.data.files.CsvFile, init_args: {path: sales.csv}}
  series: [State, Industry]
  time: Month
  time_format: "%Y %b"
  target: Turnover
  frequency: MS
  horizon: 6
model: {learning_rate: 0.002}
trainer: {max_steps: 60, enable_progress_bar: false}
"""


@pytest.fixture(scope="session")
def trained(root, tmp_path_factory) -> Path:
    """A folder with checkpoints/small/ and export/small.onnx."""
    folder = tmp_path_factory.mktemp("run")
    frame = pd.read_csv(root / "data" / "aus_retail.csv.gz")
    late = frame.Month.str[:4].astype(int) >= 2012
    frame[late & frame.State.isin(["Victoria", "Tasmania"])].to_csv(
        folder / "sales.csv", index=False
    )
    (folder / "small.yaml").write_text(CONFIG, encoding="utf-8")
    for command in ("fit", "test"):
        subprocess.run(
            [sys.executable, str(root / "train.py"), command, "--config", "small.yaml"],
            cwd=folder, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    return folder


@pytest.fixture
def folder(trained, monkeypatch) -> Path:
    """That folder as the working directory."""
    monkeypatch.chdir(trained)
    return trained


@pytest.fixture(scope="session")
def golden() -> Path:
    """Artifact and rows with past, future and static columns."""
    return Path(__file__).parent.parent / "golden"
