"""Fits long enough to be of use: on real data the test part is forecast better than by seasonal naive."""

import json
from pathlib import Path

import pytest

from loopcast.training import cli

LONG = {"aus_retail": (250, 0.95), "stallion": (100, 0.95), "m4_hourly": (250, 0.95)}
"""Steps, and the share of seasonal naive's MASE that the forecast must stay below."""


@pytest.mark.parametrize("name", LONG)
def test_a_fit_beats_seasonal_naive(name, root, tmp_path, request, monkeypatch):
    if name != "aus_retail":
        monkeypatch.setenv("LOOPCAST_DATA", str(request.getfixturevalue("shared_data")))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(root / "data")
    steps, share = LONG[name]
    flags = ["--config", str(root / "configs" / f"{name}.yaml"), f"--trainer.max_steps={steps}"]
    for command in ("fit", "test"):
        cli.main([command, *flags, "--trainer.enable_progress_bar=false"])
    board = json.loads((Path("checkpoints") / name / "test.json").read_text())
    assert board["beats_naive"]
    assert board["overall"]["mase"] < share * board["naive"]["mase"]
    assert 0.6 < board["overall"]["coverage_80"] < 0.95
