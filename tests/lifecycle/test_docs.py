import re

import msgspec
import yaml

from loopcast.lifecycle.settings import Retrain, read
from loopcast.service.settings import load


def defaults(kind, prefix=""):
    """Every key of the section with its default as the docs write it."""
    found = {}
    for field in msgspec.structs.fields(kind):
        name, value = prefix + field.name, field.default
        if isinstance(value, msgspec.Struct):
            found |= defaults(type(value), f"{name}.")
        else:
            made = field.default_factory
            found[name] = made() if made is not msgspec.NODEFAULT else value
    return found


def test_the_docs_name_every_setting_with_its_default(root):
    text = (root / "docs" / "loop.md").read_text(encoding="utf-8")
    table = {}
    for names, told in re.findall(r"^\| (`[a-z][^|]*) \| ([^|]+) \|", text, re.MULTILINE):
        values = [one.strip(" `") for one in re.split(r", (?![^{]*})", told)]
        keys = re.findall(r"`([^`]+)`", names)
        table |= dict(
            zip(keys, values if len(values) == len(keys) else values * len(keys), strict=True)
        )
    known = defaults(Retrain)
    assert set(known) <= set(table), set(known) - set(table)
    for name, value in known.items():
        if value is msgspec.NODEFAULT:
            assert table[name] == "required", name
        elif value is None or value in ({}, ()):
            assert table[name] == "none", name
        else:
            assert yaml.safe_load(table[name]) == value, name


def test_the_example_s_own_section_is_read(root, monkeypatch):
    found = read(load(root / "configs" / "service" / "aus_retail.yaml").retrain, "it")
    assert (root / found.config).exists() and found.triggers.alarm and found.recipes
