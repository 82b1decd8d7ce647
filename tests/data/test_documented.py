"""docs/data.md and docs/checks.md say what the code does."""

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from documented import blocks

from loopcast.core.frequency import Frequency
from loopcast.core.task import Aggregate, Duplicates, Gaps, Origins
from loopcast.data.appended import Appended
from loopcast.data.checks.finding import SEVERITIES
from loopcast.data.database import SqlQuery
from loopcast.data.files import CsvFile, ParquetFile
from loopcast.data.joined import Joined
from loopcast.data.where import OPERATORS
from loopcast.data.wide import Wide

SOURCES = (CsvFile, ParquetFile, SqlQuery, Joined, Appended, Wide)


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "data.md").read_text("utf-8")


def section(page: str, heading: str) -> str:
    return page.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]


@pytest.mark.parametrize("source", SOURCES)
def test_every_argument_of_a_source_is_told(source, page) -> None:
    told = section(page, f"`{source.__module__}.{source.__name__}`")
    arguments = re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)
    assert arguments == [field.name for field in fields(source)]


def test_every_operator_and_every_grid_rule_is_told(page) -> None:
    for operator in OPERATORS:
        assert f"`{operator}`" in section(page, "`loopcast.data.files.CsvFile`")
    rules = section(page, "The grid")
    for name, kind in {
        "aggregate": Aggregate,
        "gaps": Gaps,
        "duplicates": Duplicates,
        "origins": Origins,
    }.items():
        row = next(line for line in rules.splitlines() if line.startswith(f"| `{name}`"))
        assert re.findall(r"`(\w+)`", row.split("|")[2]) == list(get_args(kind))
    row = next(line for line in rules.splitlines() if line.startswith("| `frequency`"))
    for name in re.findall(r"`([\w-]+)`", row.split("|")[2]):
        assert Frequency.parse(name)


def test_every_key_of_the_data_section_that_reads_rows_is_told(page) -> None:
    from loopcast.data.reading import Reading
    from loopcast.training.checking import Checks

    told = set(re.findall(r"`(\w+)`", page))
    assert set(get_type_hints(Reading)) - {"source", "horizon", "history"} <= told
    assert {"validation", "test", "stride"} <= told
    assert {field.name for field in fields(Checks)} - {"parts", "wanted"} <= told


def test_every_config_shown_can_be_read(root) -> None:
    from loopcast.training.datamodule import DataModule

    known = set(get_type_hints(DataModule.__init__))
    for config in blocks(root / "docs" / "data.md", "yaml"):
        assert set(config["data"]) <= known


def told_findings(page: str) -> dict[str, set[str]]:
    """Severities by code, from the tables of the page."""
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z, ]+) \|", page, re.MULTILINE)
    return {code: set(severities.split(", ")) for code, severities in rows}


def severities(node: ast.AST, function: ast.AST) -> set[str]:
    """Every severity an expression can be; names are followed to where the function sets them."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and part.value in SEVERITIES:
            found.add(part.value)
        if isinstance(part, ast.Name) and part.id == "warning_if":
            found |= {"warning", "note"}
        elif isinstance(part, ast.Name):
            for line in ast.walk(function):
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == part.id:
                    found |= severities(line.value, ast.Module([], []))
    return found


def coded_findings(folder: Path) -> dict[str, set[str]]:
    """Severities by code, from every place that makes a finding."""
    found: dict[str, set[str]] = {}
    for path in folder.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            for call in ast.walk(function) if isinstance(function, ast.FunctionDef) else []:
                made = isinstance(call, ast.Call) and call.args and ast.unparse(call.func)
                if made and re.search(r"(^F|\.f)inding$", made):
                    code = call.args[0]
                    if isinstance(code, ast.Constant):
                        seen = found.setdefault(code.value, set())
                        seen |= severities(call.args[1], function)
    return found


def test_every_finding_is_told_with_its_severities_and_no_other(root) -> None:
    told = told_findings((root / "docs" / "checks.md").read_text("utf-8"))
    coded = coded_findings(root / "src" / "loopcast" / "data" / "checks")
    assert len(coded) > 40
    assert told == coded
