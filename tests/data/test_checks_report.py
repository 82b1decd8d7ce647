"""The report of the checks: text, JSON, and the error that stops a fit."""

import json

import pytest
from checks_data import parts, rows, task

from loopcast.core.errors import DataError
from loopcast.core.grid import grid
from loopcast.data.checks.finding import Finding, few, spell
from loopcast.data.checks.report import Report

NOTE = Finding("intermittent", "note", 7, ("a", "b"), "zeros are seen", "expect zeros")
WARNING = Finding("gaps", "warning", 1_234_567, (), "steps are absent " * 12, "fill them " * 9)
ERROR = Finding(
    "duplicates", "error", 3, ("shop <1>",), "3 rows stand twice", "remove them", (1,), (5,)
)


def report(*findings: Finding) -> Report:
    panel = grid(rows(), task())
    return Report.about(findings, task(), rows=1008, panel=panel, splits=parts(panel, task()))


def test_errors_come_first_and_the_table_is_narrow_and_aligned() -> None:
    lines = report(NOTE, WARNING, ERROR).table().splitlines()
    assert max(len(line) for line in lines) <= 100
    assert lines[0].startswith("1,008 rows · 12 series · 84 steps of MS · 2017-07-01 to 2024-06-01")
    assert "1 error, 1 warning, 1 note" in lines
    heads = [line for line in lines if line.startswith(("error ", "warning ", "note "))]
    assert [line.split()[1] for line in heads] == ["duplicates", "gaps", "intermittent"]
    begins = [
        line.index(word) for line, word in zip(heads, ("3 rows", "steps", "zeros"), strict=True)
    ]
    margins = [len(line) - len(line.lstrip()) for line in lines if line.startswith(" ")]
    assert len({*begins, *margins}) == 1
    assert "e.g. shop <1>" in report(ERROR).table()
    assert "-> remove them" in report(ERROR).table()


def test_nothing_found_is_said() -> None:
    assert report().table().endswith("nothing was found")
    assert Report.about([], task()).table().endswith("nothing was found")


def test_json_comes_back_equal_and_is_plain() -> None:
    full = report(NOTE, WARNING, ERROR)
    assert Report.from_json(full.to_json()) == full
    content = json.loads(full.to_json())
    assert content["findings"][0]["code"] == "duplicates"
    assert content["facts"]["train"] == 72


def test_errors_stop_and_warnings_only_when_strict() -> None:
    report(NOTE, WARNING).raise_for_errors()
    report(NOTE).raise_for_errors(strict=True)
    with pytest.raises(DataError, match=r"duplicates: 3 rows stand twice .*shop <1>.*remove them"):
        report(NOTE, WARNING, ERROR).raise_for_errors()
    with pytest.raises(DataError, match=r"(?s)gaps.*without --strict"):
        report(WARNING).raise_for_errors(strict=True)


def test_severities_are_told_apart() -> None:
    full = report(NOTE, WARNING, ERROR)
    assert (full.errors, full.warnings) == ((ERROR,), (WARNING,))


def test_examples_are_few_and_distinct() -> None:
    assert few([1, 1, 2, 3, 4, 5, 6]) == ("1", "2", "3", "4", "5")


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("2024-01-01T00:00:00", "2024-01-01"),
        ("2024-01-01T07:45:00", "2024-01-01 07:45"),
        ("2024-01-01T07:45:12", "2024-01-01 07:45:12"),
        ("17", "17"),
    ],
)
def test_times_are_spelled_without_what_says_nothing(time: str, told: str) -> None:
    assert spell(time) == told
