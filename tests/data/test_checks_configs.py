"""`loopcast check` on every shipped config: the known quirks are found, and little else is."""

from pathlib import Path

import pytest

from loopcast.__main__ import command
from loopcast.data.checks.report import Report

QUIRKS = {
    "aus_retail": {"too-short": 2, "ended": 4},
    "online_retail": {
        "copied-rows": range(33_000, 36_000),
        "look-alike-keys": 342,
        "partial-last-step": range(1, 20_000),
        "intermittent": range(2_000, 4_878),
    },
    "store_item": {},
    "walmart": {
        "gaps": 605,
        "negative-target": 1_285,
        "too-short": range(400, 700),
        "missing-covariate": 5,
    },
    "stallion": {"intermittent": range(1, 350), "sudden-zeros": range(1, 350)},
    "m4_hourly": {},
}
"""Codes and counts for each data set, from its own description."""
WARNED = {
    "online_retail": {
        "copied-rows", "look-alike-keys", "ended", "too-short", "short-season", "outliers",
    },
    "walmart": {"gaps", "negative-target", "too-short", "missing-covariate", "covariate-shift"},
    "stallion": {"unit-jump"},  # one series ends at a thousandth of its level
}  # fmt: skip


def check(name: str, root: Path, out: Path) -> Report:
    """What the command leaves; raises SystemExit where a fit would stop."""
    command(["check", "--config", str(root / "configs" / f"{name}.yaml"), "--page", str(out / "p")])
    return Report.from_json((out / "findings.json").read_text("utf-8"))


@pytest.mark.parametrize("name", QUIRKS)
def test_the_quirks_of_each_data_set_are_found_and_no_false_alarm_is_given(
    name, root, tmp_path, request, monkeypatch
) -> None:
    if name != "aus_retail":
        monkeypatch.setenv("LOOPCAST_DATA", str(request.getfixturevalue("shared_data")))
    monkeypatch.chdir(root)
    report = check(name, root, tmp_path)
    counts = {finding.code: finding.count for finding in report.findings}
    for code, wanted in QUIRKS[name].items():
        assert counts[code] in (wanted if isinstance(wanted, range) else (wanted,)), code
    assert {finding.code for finding in report.warnings} == WARNED.get(name, set())
    assert not report.errors
    assert "<svg" in (tmp_path / "p").read_text("utf-8")
