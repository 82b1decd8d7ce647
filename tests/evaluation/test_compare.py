"""`loopcast compare`: what differs between runs, and which is better."""

import json
import shutil
from pathlib import Path

import pytest

from loopcast.__main__ import command, guarded
from loopcast.evaluation.compare import comparison, table
from loopcast.evaluation.run import Run


@pytest.fixture
def pair(folder, tmp_path):
    """The trained run, and a copy of it whose config and scores say something else."""
    other = tmp_path / "other"
    shutil.copytree(folder / "checkpoints" / "small", other)
    config = (
        (other / "config.yaml").read_text().replace("learning_rate: 0.002", "learning_rate: 0.1")
    )
    (other / "config.yaml").write_text(config.replace("path: sales.csv", "path: a://b:secret@c/d"))
    board = json.loads((other / "test.json").read_text())
    board["overall"]["mase"] *= 2
    (other / "test.json").write_text(json.dumps(board))
    return "small", str(other)


def changed_plan(folder, **facts):
    plan = json.loads((Path(folder) / "plan.json").read_text())
    plan["data"] |= facts
    (Path(folder) / "plan.json").write_text(json.dumps(plan))


def read(pair):
    return [Run.read(name) for name in pair]


def test_only_what_differs_is_told_and_no_password(pair):
    found = comparison(read(pair))
    assert found["runs"] == ["small", "other"]
    assert found["config"] == {
        "data.source.path": ["sales.csv", "a://b:***@c/d"], "model.learning_rate": [0.002, 0.1]
    }  # fmt: skip
    assert found["data"] == {}
    assert found["same_data"] is True


def test_scores_stand_side_by_side_and_the_best_has_a_star(pair):
    found = comparison(read(pair))
    assert set(found["scores"]) == {"validation", "test"}
    ours, theirs = found["scores"]["test"]["mase"]
    assert theirs == pytest.approx(2 * ours)
    shown = table(found)
    assert "the runs saw the same data, cut alike" in shown
    test = shown[shown.index("test part") :]
    mase = next(line for line in test.splitlines() if line.startswith("MASE"))
    assert mase.split()[1].endswith("*")
    assert not mase.split()[2].endswith("*")
    assert "learning_rate" in shown


def test_other_data_are_told_loudly(pair):
    changed_plan(pair[1], fingerprint="other", rows=7)
    found = comparison(read(pair))
    assert found["same_data"] is False
    assert found["data"]["rows"][1] == 7
    assert "!!! the runs saw different data" in table(found)


def test_a_run_without_data_facts_or_scores_is_told(pair):
    other = Path(pair[1])
    for name in ("plan.json", "test.json", "validation.json"):
        (other / name).unlink()
    found = comparison(read(pair))
    assert found["same_data"] is None
    assert found["scores"]["test"]["mase"][1] is None
    assert "some run does not say what data it saw" in table(found)


def test_the_command_prints_and_writes(pair, folder, capsys):
    command(["compare", *pair, "--out", "c.json"])
    assert "validation part" in capsys.readouterr().out
    assert json.loads((folder / "c.json").read_text()) == comparison(read(pair))


@pytest.mark.parametrize(
    ("runs", "message"),
    [(["small"], "name two runs or more"), (["small", "smal"], "there is small")],
)
def test_mistakes_are_a_sentence_and_status_2(folder, capsys, runs, message):
    with pytest.raises(SystemExit) as ended:
        guarded(lambda: command(["compare", *runs]))
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
