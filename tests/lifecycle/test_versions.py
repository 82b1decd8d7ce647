"""`loopcast models` as a user types it."""

import json

import pytest
import yaml
from tiny_service import TASK, artifact

from loopcast.__main__ import command
from loopcast.core.errors import ArtifactError, ConfigError, LoopcastError
from loopcast.store.database import connect, migrate
from loopcast.store.registry import Registry


@pytest.fixture
def registry(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/ledger.db")
    migrate(database)
    found = Registry(database, "tiny", tmp_path / "models")
    for name, content in {
        "good": artifact(), "better": artifact(bias=1.0), "broken": artifact(broken=True),
        "no_model": b"no model",
    }.items():  # fmt: skip
        (tmp_path / f"{name}.onnx").write_bytes(content)
        found.register(tmp_path / f"{name}.onnx", json.loads(TASK.to_json()), {"name": name})
    settings = {"model": "tiny", "models": str(tmp_path / "models"),
                "store": {"url": f"sqlite:///{tmp_path}/ledger.db"}}  # fmt: skip
    (tmp_path / "service.yaml").write_text(yaml.safe_dump(settings))
    return found


def models(tmp_path, *args):
    command(["models", *args, "--config", str(tmp_path / "service.yaml")])


def test_promote_rollback_list_and_show(registry, tmp_path, capsys):
    models(tmp_path, "promote", "1")
    models(tmp_path, "promote", "2", "--why", "tried by hand")
    assert registry.promoted().version == 2
    models(tmp_path, "show")
    assert "tried by hand" in capsys.readouterr().out
    models(tmp_path, "rollback")
    assert registry.promoted().version == 1
    models(tmp_path, "list")
    told = capsys.readouterr().out
    assert told.count("champion") >= 1 and "rollback by hand" in told
    assert registry.version(2).digest[:12] in told


def test_a_file_becomes_a_version_by_hand(registry, tmp_path, capsys):
    path = tmp_path / "new.onnx"
    path.write_bytes(artifact(bias=2.0))
    models(tmp_path, "register", str(path))
    assert "is version 5" in capsys.readouterr().out
    models(tmp_path, "promote", "5")
    assert registry.promoted().content() == path.read_bytes()
    with pytest.raises(ArtifactError):
        models(tmp_path, "register", str(tmp_path / "broken.onnx"))
    with pytest.raises(ConfigError, match="which file"):
        models(tmp_path, "register")
    with pytest.raises(ConfigError, match="'x' is no version"):
        models(tmp_path, "promote", "x")


@pytest.mark.parametrize("number", ["3", "4"])
def test_what_fails_its_trial_is_not_promoted(registry, tmp_path, number):
    models(tmp_path, "promote", "1")
    with pytest.raises(ArtifactError):
        models(tmp_path, "promote", number)
    assert registry.promoted().version == 1


def test_a_file_that_was_changed_is_not_shown_or_promoted(registry, tmp_path):
    from pathlib import Path

    Path(registry.version(2).path).write_bytes(artifact())
    for words in (["promote", "2"], ["show", "2"]):
        with pytest.raises(ArtifactError, match="SHA-256"):
            models(tmp_path, *words)


def test_what_is_missing_is_named(registry, tmp_path):
    with pytest.raises(ConfigError, match="which version"):
        models(tmp_path, "promote")
    with pytest.raises(LoopcastError, match="no champion"):
        models(tmp_path, "show")
    with pytest.raises(LoopcastError, match="no version 9"):
        models(tmp_path, "promote", "9")
    with pytest.raises(ConfigError, match="retrain: section"):
        command(["retrain", "--config", str(tmp_path / "service.yaml")])
