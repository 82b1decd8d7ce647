import threading
from pathlib import Path

import pytest

from loopcast.core.errors import ArtifactError
from loopcast.store.registry import Registry, UnknownVersion


@pytest.fixture
def registry(database, tmp_path):
    return Registry(database, "sales", tmp_path / "models")


def register(registry, tmp_path, content):
    path = tmp_path / "new.onnx"
    path.write_bytes(content)
    return registry.register(path, {"horizon": 3}, {"name": "sales"}, why="test")


def test_the_same_bytes_are_the_same_version(registry, tmp_path):
    one, two = register(registry, tmp_path, b"1"), register(registry, tmp_path, b"2")
    assert (one.version, two.version, one.status) == (1, 2, "candidate")
    assert register(registry, tmp_path, b"1").version == 1
    assert one.content() == b"1"


def test_a_promotion_retires_the_one_before(registry, tmp_path):
    for content in (b"1", b"2"):
        register(registry, tmp_path, content)
    assert registry.promoted() is None
    registry.promote(1, why="first")
    registry.promote(2, why="better")
    assert [v.status for v in registry.versions()] == ["retired", "promoted"]
    assert registry.rollback().version == 1
    assert [e.what for e in registry.events()][:2] == ["promoted", "retired"]


def test_unknown_versions_are_refused_and_nothing_changes(registry, tmp_path):
    register(registry, tmp_path, b"1")
    registry.promote(1)
    with pytest.raises(UnknownVersion):
        registry.promote(7)
    with pytest.raises(UnknownVersion):
        registry.rollback()
    assert registry.promoted().version == 1


def test_a_changed_file_is_not_opened(registry, tmp_path):
    version = register(registry, tmp_path, b"1")
    Path(version.path).write_bytes(b"evil")
    with pytest.raises(ArtifactError, match="SHA-256"):
        version.content()


def test_promotions_at_once_leave_one_promoted(registry, tmp_path, database):
    for content in (b"1", b"2", b"3"):
        register(registry, tmp_path, content)
    threads = [
        threading.Thread(target=Registry(database, "sales").promote, args=(1 + i % 3,))
        for i in range(9)
    ]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert [v.status for v in registry.versions()].count("promoted") == 1
