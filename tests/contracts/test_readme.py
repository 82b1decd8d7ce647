"""The README is true: its commands run, its example prints what it shows, its rooms and links exist."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from loopcast.__main__ import command
from loopcast.training import cli

BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def page(root):
    return (root / "README.md").read_text("utf-8")


@pytest.fixture
def folder(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("configs", "data"):
        (tmp_path / name).symlink_to(root / name)
    return tmp_path


def test_its_commands_run_and_its_example_prints_such_a_record(page, folder, capsys):
    lines = BLOCK.findall(page.split("## By hand\n")[1])[0].splitlines()
    assert [line.split()[0] for line in lines] == ["python", "python", "loopcast"]
    for line in lines:
        program, *words = shlex.split(line)
        if program == "loopcast":
            command(words)
        else:
            cli.main([*words[1:], "--trainer.max_steps=1", "--trainer.enable_progress_bar=false"])
    assert Path("forecast.csv").read_text().count("\n") == 1 + 152 * 12
    code, shown = BLOCK.findall(page.split("## The predictor")[1])[:2]
    capsys.readouterr()
    exec(compile(code, "README.md", "exec"), {})
    printed, wanted = (ast.literal_eval(text) for text in (capsys.readouterr().out, shown))
    assert list(printed) == list(wanted)
    assert [printed[n] for n in ("State", "Industry", "Month")] == [
        wanted[n] for n in ("State", "Industry", "Month")
    ]


def test_every_room_and_every_link_is_there(page, root):
    tree = page.split("## The rooms\n")[1].split("```")[1]
    rooms = [line.split()[0] for line in tree.strip().splitlines() if not line.startswith("  ")]
    inner = re.findall(r"^  (\S+)", tree, re.M)
    for path in [*rooms, *(f"src/loopcast/{name}" for name in inner)]:
        assert (root / path).exists(), path
    there = {
        f"{p.name}/" for p in (root / "src/loopcast").iterdir() if (p / "__init__.py").exists()
    }
    assert there == {name for name in inner if name.endswith("/")}
    links = re.findall(r"\]\(([\w./-]+)\)", page)
    assert all((root / link).exists() for link in links), links


def test_contributing_is_short_and_names_files_that_exist(root):
    text = (root / "CONTRIBUTING.md").read_text("utf-8")
    assert len(text.splitlines()) < 50
    for path in re.findall(r"`((?:core|tests|training|data|features|models)/[\w/]+\.py)`", text):
        assert (root / path).exists() or (root / "src" / "loopcast" / path).exists(), path
    assert all((root / link).exists() for link in re.findall(r"\]\(([\w./-]+)\)", text))
