"""What docs/networks.md says and shows."""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module

import pytest
import torch
from documented import blocks

from loopcast.core.task import Task
from loopcast.models.network import Network, Widths, Window


@pytest.fixture(scope="module")
def page(root):
    return root / "docs" / "networks.md"


def test_the_table_tells_every_network_with_its_options_and_their_defaults(page, root):
    told = re.findall(r"^\| `(\w+)\.(\w+)` \|.*\| (.*) \|$", page.read_text("utf-8"), re.MULTILINE)
    for file, name, options in told:
        network = getattr(import_module(f"loopcast.models.{file}"), name)
        ours = list(inspect.signature(network).parameters.values())[2:]
        wanted = ", ".join(f"`{option.name}` {option.default}" for option in ours)
        assert options == wanted.replace("'", "")
    files = "".join(p.read_text("utf-8") for p in (root / "src/loopcast/models").glob("*.py"))
    assert {name for _, name, _ in told} == set(re.findall(r"^class (\w+)\(Network\)", files, re.M))


def test_the_network_of_the_page_takes_members(page, tmp_path, monkeypatch):
    (tmp_path / "nlinear.py").write_text(blocks(page, "python")[0], "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    kind = import_module("nlinear").NLinear
    monkeypatch.delitem(sys.modules, "nlinear")
    assert issubclass(kind, Network)
    task = Task("y", "t", (), "D", horizon=3, season=7, history=8)
    network = kind(task, Widths(2, 3, 4, members=2))
    given = Window(
        torch.randn(5, 8), torch.ones(5, 8), torch.zeros(5, 1), torch.ones(5, 1),
        torch.randn(5, 8, 2), torch.randn(5, 11, 3), torch.randn(5, 4),
    )  # fmt: skip
    assert network(given).shape == (2, 5, 3, 3)


def test_the_example_of_the_page_trains_and_exports_from_outside_the_package(page, root, tmp_path):
    config = re.findall(r"```yaml\n(name: nlinear\n.*?)```", page.read_text("utf-8"), re.DOTALL)
    (tmp_path / "nlinear.py").write_text(blocks(page, "python")[0], "utf-8")
    (tmp_path / "nlinear.yaml").write_text(config[0], "utf-8")
    (tmp_path / "data").symlink_to(root / "data")
    fitted = subprocess.run(
        [
            sys.executable, str(root / "train.py"), "fit", "--config", "nlinear.yaml",
            "--trainer.max_steps=2", "--trainer.enable_progress_bar=false",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    assert fitted.returncode == 0, fitted.stderr[-2000:]
    assert (tmp_path / "export" / "nlinear.onnx").exists()
