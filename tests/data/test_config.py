"""A config's source without the training side."""

import pandas as pd
import pytest

from loopcast.core.errors import ConfigError
from loopcast.data.config import over, read, source
from loopcast.data.files import CsvFile
from loopcast.data.joined import Joined

CSV = "loopcast.data.files.CsvFile"


def test_files_lie_one_over_the_other_key_by_key(tmp_path):
    (tmp_path / "a.yaml").write_text("data: {target: x, horizon: 3}\nname: a")
    (tmp_path / "b.yaml").write_text("data: {horizon: 9}")
    merged = read([str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")])
    assert merged == {"data": {"target": "x", "horizon": 9}, "name": "a"}


def test_arguments_of_another_class_are_dropped():
    below = {"source": {"class_path": CSV, "init_args": {"path": "a", "separator": ";"}}}
    same = over(below, {"source": {"class_path": CSV, "init_args": {"path": "b"}}})
    assert same["source"]["init_args"] == {"path": "b", "separator": ";"}
    other = over(below, {"source": {"class_path": "Other", "init_args": {"path": "b"}}})
    assert other["source"]["init_args"] == {"path": "b"}


def test_sources_stand_in_sources(tmp_path):
    pd.DataFrame({"a": [1], "b": [2]}).to_csv(tmp_path / "a.csv", index=False)
    one = {"class_path": CSV, "init_args": {"path": str(tmp_path / "a.csv")}}
    joined = {
        "class_path": "loopcast.data.joined.Joined",
        "init_args": {"sources": [one, one], "by": [["a"]]},
    }
    made = source({"data": {"source": joined}})
    assert isinstance(made, Joined)
    assert made.sources[0] == CsvFile(str(tmp_path / "a.csv"))
    assert made.columns() == ["a", "b"]


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (None, "no data.source"),
        ("text", "which is no source of rows"),
        ({"class_path": "loopcast.data.files.Cvs"}, "there is no loopcast.data.files.Cvs"),
        ({"class_path": "nowhere.at.All"}, "there is no nowhere.at.All"),
        ({"class_path": "CsvFile"}, "there is no CsvFile"),
        ({"class_path": CSV, "init_args": {"file": "a"}}, "unexpected keyword argument 'file'"),
        ({"class_path": "datetime.date", "init_args": {"year": 2024, "month": 1, "day": 1}}, "no source"),
    ],
)  # fmt: skip
def test_what_is_no_source_is_told(described, message):
    with pytest.raises(ConfigError, match=message):
        source({"data": {"source": described}})


def test_a_broken_file_is_told(tmp_path):
    (tmp_path / "a.yaml").write_text("data: {target: x")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read([str(tmp_path / "a.yaml")])
