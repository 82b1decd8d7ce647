"""docs/data.md and docs/checks.md say what the code does."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from documented import blocks

from loopcast.core.frequency import Frequency
from loopcast.core.task import Aggregate, Duplicates, Gaps, Origins
from loopcast.data.database import SqlQuery
from loopcast.data.files import CsvFile, ParquetFile
from loopcast.data.joined import Joined
from loopcast.data.where import OPERATORS

SOURCES = (CsvFile, ParquetFile, SqlQuery, Joined)


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
    from loopcast.training.checking import Checks
    from loopcast.training.reading import Reading

    told = set(re.findall(r"`(\w+)`", page))
    assert set(get_type_hints(Reading)) - {"source", "horizon", "history"} <= told
    assert {"validation", "test", "stride"} <= told
    assert {field.name for field in fields(Checks)} - {"parts"} <= told


def test_every_config_shown_can_be_read(root) -> None:
    from loopcast.training.datamodule import DataModule

    known = set(get_type_hints(DataModule.__init__))
    for config in blocks(root / "docs" / "data.md", "yaml"):
        assert set(config["data"]) <= known
