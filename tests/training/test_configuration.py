"""docs/configuration.md names every key, with the default that the code has."""

import inspect
import json
import re

import pytest
import yaml

from loopcast.training.callbacks import PATIENCE
from loopcast.training.cli import DEFAULTS
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster
from loopcast.training.messages import TOP, parameters


def rows(root, heading):
    """Key -> default of the table below a heading."""
    text = (root / "docs" / "configuration.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [
        line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")
    ]
    return {key: row[1] for row in cells for key in re.findall(r"`(\w+)`", row[0])}


@pytest.mark.parametrize(("heading", "kind"), [("data", DataModule), ("model", Forecaster)])
def test_every_key_of_a_section_is_told_with_its_default(heading, kind, root):
    told = rows(root, heading)
    signature = inspect.signature(kind).parameters
    assert list(told) == list(signature)
    for name, parameter in signature.items():
        default = parameter.default
        if default is inspect.Parameter.empty:
            assert told[name] == "required"
        elif inspect.isclass(default):
            assert told[name] == f"`{default.__module__}.{default.__name__}`"
        elif default is not None:
            value = json.loads(json.dumps(default))
            assert yaml.safe_load(told[name].strip("`")) == value, name


def test_the_trainer_s_own_defaults_are_told(root):
    told = {name: yaml.safe_load(text.strip("`")) for name, text in rows(root, "trainer").items()}
    assert told == DEFAULTS


def test_the_top_level_is_told(root):
    told = rows(root, "Top level")
    assert set(told) == {*TOP, "data", "model", "trainer"} - {"config", "weights_only"}
    assert told["patience"] == f"`{PATIENCE}`"
    assert set(parameters(DataModule)) >= {"source", "horizon"}
