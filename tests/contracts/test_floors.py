import ast
import subprocess
import sys
from pathlib import Path

import pytest

FORBIDDEN = {"utils", "helpers", "common", "misc", "base", "manager", "handler", "engine"}


def files(root: Path) -> list[Path]:
    return sorted((root / "src" / "loopcast").rglob("*.py"))


def test_the_serving_side_loads_nothing_heavy():
    code = (
        "import sys, loopcast, loopcast.serving.predictor, loopcast.__main__;"
        "print([m for m in ('torch', 'lightning', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_rooms_have_names_and_no_function_is_over_a_screen(root):
    for path in files(root):
        assert path.stem not in FORBIDDEN, path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name != "__init__":
                assert node.end_lineno - node.lineno < 60, f"{path}: {node.name}"


def test_an_init_holds_a_docstring_and_nothing_else(root):
    for path in files(root):
        if path.name == "__init__.py" and path.parent.name != "loopcast":
            assert len(ast.parse(path.read_text()).body) == 1, path


@pytest.mark.parametrize("command", [["--help"], ["predict", "--help"]])
def test_help_reads(command):
    run = [sys.executable, "-m", "loopcast", *command]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    assert "predict" in out.stdout
