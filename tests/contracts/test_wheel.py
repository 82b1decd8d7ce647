"""The built wheel in a fresh environment, base dependencies alone: it imports, predicts, writes CSV."""

import json
import subprocess
import sys
import venv

import numpy as np
import pandas as pd
import pytest

NO_INDEX = ("No matching distribution", "Could not find a version", "Connection", "Max retries")
FRESH = '''
import json, sys
from pathlib import Path
from loopcast import Predictor
from loopcast.core.tables import read
forecast = Predictor(sys.argv[1]).predict(read(sys.argv[2]), read(sys.argv[3]))

def peak():
    """In kB; what getrusage says is the parent's where that was larger."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else ["VmHWM: 0 kB"]
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

print(json.dumps({
    "quantiles": forecast.quantiles.tolist(),
    "peak": peak(),
    "heavy": [m for m in ("torch", "lightning", "pandas", "onnx", "pyarrow") if m in sys.modules],
}))
'''


def pip(python, *args):
    command = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode and any(words in done.stderr for words in NO_INDEX):
        pytest.skip(f"the package index does not answer: {done.stderr.strip()[-200:]}")
    assert not done.returncode, done.stderr


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """The Python of an environment that holds the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, root)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    wheel = next(folder.glob("loopcast-*.whl"))
    pip(sys.executable, "--python", python, "install", wheel, "-c", root / "constraints.txt")
    return python


def test_the_wheel_predicts_with_its_base_dependencies_alone(installed, golden, tmp_path):
    paths = [str(golden / name) for name in ("golden.onnx", "rows.csv", "future.csv")]
    run = subprocess.run(
        [installed, "-c", FRESH, *paths], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    facts = json.loads(run.stdout)
    expected = json.loads((golden / "expected.json").read_text(encoding="utf-8"))["records"]
    levels = ("q0.1", "q0.25", "q0.5", "q0.75", "q0.9")
    quantiles = [[record[level] for level in levels] for record in expected]
    np.testing.assert_allclose(np.concatenate(facts["quantiles"]), quantiles, rtol=1e-4)
    assert facts["heavy"] == []
    assert facts["peak"] < 100_000


def test_the_command_of_the_wheel_reads_and_writes_csv(installed, golden, tmp_path):
    command = [
        installed.parent / "loopcast", "predict", golden / "golden.onnx",
        "--data", golden / "rows.csv", "--future", golden / "future.csv", "--out", "y.csv",
    ]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    expected = json.loads((golden / "expected.json").read_text(encoding="utf-8"))["records"]
    written = pd.read_csv(tmp_path / "y.csv", dtype={"Shop": str})
    assert list(written) == list(expected[0])
    np.testing.assert_allclose(written["q0.9"], [record["q0.9"] for record in expected], rtol=1e-4)


def test_what_the_base_install_leaves_out_is_named(installed, golden, tmp_path):
    for args, extra in (
        (["fit", "--config", "x.yaml"], "loopcast[train]"),
        (["predict", golden / "golden.onnx", "--data", "x.parquet", "--out", "y.csv"], "[data]"),
    ):
        command = [installed.parent / "loopcast", *args]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 2
        assert extra in run.stderr
        assert "Traceback" not in run.stderr


def test_the_wheel_holds_the_package_and_nothing_else(installed):
    import zipfile

    names = zipfile.ZipFile(next(installed.parents[2].glob("*.whl"))).namelist()
    rooms = {name.split("/")[0] for name in names}
    assert {room.split("-")[0] for room in rooms} == {"loopcast"}
    assert len(rooms) == 2
    assert "loopcast/py.typed" in names
    for part in ("templates/base.html", "static/htmx.min.js", "static/htmx.LICENSE.txt"):
        assert f"loopcast/service/pages/{part}" in names
    assert any(name.endswith("LICENSE") for name in names)
