"""The example in another language runs the same file from the same rows to the same numbers."""

import json
import os
import shutil
import subprocess

import pytest

from loopcast.core.tables import write


@pytest.fixture(scope="module")
def example(root):
    """The example's folder with its packages; the first call fetches them into node_modules."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    folder = root / "examples" / "javascript"
    if not (folder / "node_modules" / "onnxruntime-node").is_dir():
        fetch(folder)
    return folder


def fetch(folder):
    quiet = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
    environment = os.environ | {"ONNXRUNTIME_NODE_INSTALL_CUDA": "skip"}
    try:
        done = subprocess.run(
            quiet, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not fetch onnxruntime-node within two minutes")
    if done.returncode:
        pytest.skip(f"npm could not fetch onnxruntime-node: {done.stderr.strip()[-200:]}")


def records(example, *paths):
    command = ["node", "forecast.mjs", *map(str, paths)]
    run = subprocess.run(command, cwd=example, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def test_javascript_forecasts_the_same_from_raw_rows(example, golden, predictor, rows, future):
    theirs = records(example, *(golden / n for n in ("golden.onnx", "rows.csv", "future.csv")))
    compare(theirs, predictor.predict(rows, future).to_records())


def test_javascript_treats_gaps_and_unknown_keys_as_the_predictor_does(
    example, golden, predictor, rows, future, tmp_path
):
    """A new shop, one that ended early, a target and a price that are missing."""
    rows["Shop"][rows["Shop"] == "Nord"] = "Mars"
    future["Shop"][future["Shop"] == "Nord"] = "Mars"
    keep = (rows["Shop"] != "007") | (rows["Month"] < "2023-06")
    rows = {name: column[keep] for name, column in rows.items()}
    rows["Sold"][-3:] = ""
    rows["Price"][5::7] = ""
    write(rows, tmp_path / "rows.csv")
    write(future, tmp_path / "future.csv")
    theirs = records(
        example, golden / "golden.onnx", tmp_path / "rows.csv", tmp_path / "future.csv"
    )
    compare(theirs, predictor.predict(rows, future).to_records())


def compare(theirs, ours):
    def key(record):
        return record["Shop"], record["Ware"], record["Month"]

    assert len(theirs) == len(ours)
    for one, other in zip(sorted(theirs, key=key), sorted(ours, key=key), strict=True):
        other.pop("forecast")
        assert one == {
            name: pytest.approx(cell, rel=1e-4) if isinstance(cell, float) else cell
            for name, cell in other.items()
        }
