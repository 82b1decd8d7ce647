"""Every YAML trains, exports (which proves the file against torch) and is judged."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def train(root, folder, command, config, *options):
    return subprocess.run(
        [sys.executable, str(root / "train.py"), command, "--config", str(config), *options],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_config_trains_exports_and_is_judged(config, root, tmp_path, request, monkeypatch):
    text = config.read_text()
    if "LOOPCAST_DATA" in text:
        monkeypatch.setenv("LOOPCAST_DATA", str(request.getfixturevalue("shared_data")))
    (tmp_path / "data").symlink_to(root / "data")
    fitted = train(
        root,
        tmp_path,
        "fit",
        config,
        "--trainer.max_steps=2",
        "--trainer.enable_progress_bar=false",
    )
    assert fitted.returncode == 0, fitted.stderr[-2000:]
    assert (tmp_path / "export" / f"{config.stem}.onnx").exists()
    assert len(text.splitlines()) <= 40
    if config.stem == "aus_retail":
        judged = train(root, tmp_path, "test", config)
        assert judged.returncode == 0, judged.stderr[-2000:]
        board = json.loads((tmp_path / "checkpoints" / "aus_retail" / "test.json").read_text())
        assert board["counts"]["windows"] == 152
        assert "naive" in judged.stdout


def test_a_database_gives_the_same_panel_as_the_file(root, tmp_path, monkeypatch):
    from loopcast.data.database import SqlQuery
    from loopcast.data.files import CsvFile

    monkeypatch.setenv("SHOP", str(tmp_path / "shop.db"))
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        frame = pd.read_csv(root / "data" / "aus_retail.csv.gz")
        frame.to_sql("sales", connection, index=False)
    query = SqlQuery(
        "sqlite:///${SHOP}", "select * from sales where State = :state", {"state": "Victoria"}
    )
    names = ["State", "Industry", "Month", "Turnover"]
    file = CsvFile(str(root / "data" / "aus_retail.csv.gz"), where=[["State", "==", "Victoria"]])
    one, other = query.read(names, ["State"]), file.read(names, ["State"])
    assert one.astype(str).values.tolist() == other.astype(str).values.tolist()
