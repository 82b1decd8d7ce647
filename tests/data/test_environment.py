"""${NAME} in paths, addresses and parameters."""

import pytest

from loopcast.core.errors import ConfigError
from loopcast.data.files import CsvFile, ParquetFile, paths


def test_paths_hold_environment_variables(tmp_path, monkeypatch) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.setenv("STEM", "a")
    assert CsvFile("${FOLDER}/${STEM}.csv").read(["x"])["x"].tolist() == [1]
    assert paths(["${FOLDER}/*.csv"]) == [tmp_path / "a.csv"]


def test_a_default_stands_in_for_an_unset_variable(tmp_path, monkeypatch) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    monkeypatch.delenv("FOLDER", raising=False)
    assert paths(f"${{FOLDER:-{tmp_path}}}/a.csv") == [tmp_path / "a.csv"]


def test_an_unset_variable_is_named(monkeypatch) -> None:
    monkeypatch.delenv("FOLDER", raising=False)
    for source in (CsvFile("${FOLDER}/a.csv"), ParquetFile("${FOLDER}/a.parquet")):
        with pytest.raises(ConfigError, match="FOLDER is not set"):
            source.columns()


def test_what_is_told_of_a_source_keeps_the_variable_and_not_its_value(monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", "hushhush")
    assert "hushhush" not in CsvFile("${TOKEN}/a.csv").describe()
