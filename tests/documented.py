"""What the docs show, so that it is run."""

import re
from pathlib import Path
from typing import Any

import yaml

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[Any]:
    """The fenced blocks of one language in their order; YAML is read."""
    found = [text for name, text in BLOCK.findall(page.read_text("utf-8")) if name == language]
    return [yaml.safe_load(text) for text in found] if language == "yaml" else found
