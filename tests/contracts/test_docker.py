"""No engine builds the images in the tests: what they copy must at least be there."""

import re

import pytest


@pytest.mark.parametrize("name", ["Dockerfile.predict", "Dockerfile.train"])
def test_a_dockerfile_copies_what_there_is(root, name):
    text = (root / "docker" / name).read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--).*$", text, re.MULTILINE)]
    assert copied
    assert all((root / path).exists() for paths in copied for path in paths)


def test_the_image_for_training_finds_its_torch_among_the_pins(root):
    pins = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert sum(pin.startswith("torch==") for pin in pins) == 1
