import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from loopcast.core.errors import ArtifactError, LoopcastError
from loopcast.store import folders
from loopcast.store.database import connect, migrate
from loopcast.store.registry import Registry
from loopcast.store.version import UnknownVersion


@pytest.fixture
def registry(database, tmp_path):
    return Registry(database, "sales", tmp_path / "models")


def register(registry, tmp_path, content, config=None):
    path = tmp_path / "new.onnx"
    path.write_bytes(content)
    return registry.register(path, {"horizon": 3}, {"name": "sales"}, config=config, why="test")


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
    assert [e.what for e in registry.events()][:2] == ["promoted", "rolled back"]


def test_going_back_twice_goes_back_two_versions(registry, tmp_path):
    for number, content in enumerate((b"1", b"2", b"3"), start=1):
        register(registry, tmp_path, content)
        registry.promote(number)
    assert registry.rollback().version == 2
    assert registry.rollback().version == 1
    with pytest.raises(UnknownVersion):
        registry.rollback()
    registry.promote(3)  # by hand, in spite of all
    assert registry.rollback().version == 1


def test_a_promotion_made_meanwhile_is_not_undone(registry, tmp_path):
    for content in (b"1", b"2", b"3"):
        register(registry, tmp_path, content)
    registry.promote(1)
    registry.promote(2)
    with pytest.raises(LoopcastError, match="version 2 was promoted meanwhile"):
        registry.promote(3, instead_of=1)
    assert registry.promoted().version == 2
    assert registry.promote(3, instead_of=2).version == 3


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


def test_a_version_s_folder_says_what_it_holds(registry, tmp_path):
    version = register(registry, tmp_path, b"1", config=b"seed: 1")
    folder = tmp_path / "models" / "sales" / "1"
    assert {file.name for file in folder.iterdir()} == {
        "sales.onnx", "card.json", "config.yaml", "sha256"
    }  # fmt: skip
    assert Path(version.path) == folder / "sales.onnx"
    subprocess.run(["sha256sum", "--check", "--quiet", "sha256"], cwd=folder, check=True)
    registry.set_scores(
        1, {"gates": [{"name": "gain", "seen": "8 %", "wanted": "2 %", "passed": True}]}
    )
    registry.promote(1, why="it is better", who="retrain")
    card = (folder / "card.md").read_text()
    assert (
        "it is better" in card and "| gain | 8 % | 2 % | yes |" in card and version.digest in card
    )


def test_aliases_name_one_version_each(registry, tmp_path):
    for content in (b"1", b"2", b"3"):
        register(registry, tmp_path, content)
    registry.promote(1)
    registry.challenge(2)
    registry.challenge(3)
    assert (registry.alias("champion").version, registry.alias("challenger").version) == (1, 3)
    assert registry.version(2).status == "retired"
    registry.promote(3)
    assert registry.alias("challenger") is None and registry.previous() == 1
    with pytest.raises(LoopcastError, match="serves"):
        registry.withdraw(3)
    assert registry.withdraw(2, why="worse").status == "retired"
    assert [e.what for e in registry.events()][:3] == ["withdrawn", "promoted", "retired"]


@pytest.mark.parametrize("full_at", range(4))
def test_a_full_disk_leaves_the_champion_and_no_half_folder(
    registry, tmp_path, monkeypatch, full_at
):
    register(registry, tmp_path, b"1")
    registry.promote(1)
    left, flush = [full_at], os.fsync

    def full(number):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(number)

    with monkeypatch.context() as patch:
        patch.setattr(folders.os, "fsync", full)
        with pytest.raises(ArtifactError, match="No space left"):
            register(registry, tmp_path, b"2")
    assert [one.name for one in (tmp_path / "models" / "sales").iterdir()] == ["1"]
    assert registry.promoted().content() == b"1" and len(registry.versions()) == 1
    assert register(registry, tmp_path, b"2").content() == b"2"


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    script = Path(__file__).with_name("killed.py")
    run = [sys.executable, str(script), str(tmp_path_factory.mktemp("killed"))]
    out = subprocess.run(run, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


def test_a_kill_at_any_step_leaves_the_old_champion_or_the_new_one_whole(killed):
    steps = {one["step"].split()[-1] for one in killed}
    assert {"write", "fsync", "replace", "sql:execute", "sql:do_commit"} <= steps
    for one in killed:
        assert one["ended"] == 9 and one["whole"], one
        assert (one["serving"], one["content"]) in [(1, "one"), (2, "two")], one
        assert (one["again"], one["then"]) == (2, "two"), one
    last = max(i for i, one in enumerate(killed) if one["step"] == "sql:do_commit")
    assert {one["serving"] for one in killed[: last + 1]} == {1}  # until its commit nothing moves


def test_another_store_leaves_the_versions_that_lie_in_the_folder(registry, tmp_path):
    first = register(registry, tmp_path, b"of the first store")
    other = connect(f"sqlite:///{tmp_path}/other.db")
    migrate(other)
    second = register(Registry(other, "sales", tmp_path / "models"), tmp_path, b"of another")
    assert (first.version, second.version) == (1, 2)
    assert registry.version(1).content() == b"of the first store"
    again = connect(f"sqlite:///{tmp_path}/again.db")
    migrate(again)  # the same file is the same version, whatever became of the ledger
    same = register(Registry(again, "sales", tmp_path / "models"), tmp_path, b"of the first store")
    assert same.version == 1 and same.content() == b"of the first store"
    for one in (other, again):
        one.close()
