"""The loop with a training that is a file: decisions, gates, faults. A real training: test_fitting."""

import errno
import json
import os
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa
from lifecycle.conftest import FIRST, KNOWN, Training, landed, made, model, rows
from tiny_service import TASK

from loopcast.core.errors import ArtifactError, LoopcastError
from loopcast.lifecycle import attempt as place
from loopcast.lifecycle.fitting import DataRefused, TrainingFailed
from loopcast.lifecycle.retrain import tick
from loopcast.store import backtests, folders
from loopcast.store.alarms import Alarm, settle
from loopcast.store.database import StoreError
from loopcast.store.leases import held
from loopcast.store.retrains import KILLED


def test_a_better_challenger_is_promoted_and_it_is_written_why(ground, training):
    told = tick(ground)
    assert told.what == "promoted", told
    champion = ground.registry.promoted()
    assert champion.version == 2 and champion.scores["gates"]
    done = ground.retrains.one(told.number)
    assert (done.outcome, done.reason, done.champion, done.challenger) == ("promoted", "age", 1, 2)
    assert [g["name"] for g in done.gates] == [
        "gain", "significance", "seasonal naive", "coverage", "categories", "stability"
    ]  # fmt: skip
    assert all(g["passed"] for g in done.gates) and "better by" in done.why
    assert "| gain |" in done.card and done.snapshot in done.card
    assert "retrain" in (ground.registry.folder / "tiny" / "2" / "card.md").read_text()
    assert (ground.registry.folder / "tiny" / "2" / "config.yaml").read_text() == "seed: 1"
    assert len(backtests.read(ground.database, "tiny", 2)) > 0
    assert tick(ground).what == "nothing"


def test_the_honest_run_does_not_see_what_it_is_judged_on(ground, training):
    tick(ground)
    asked = dict(training.asked)
    assert asked["again_honest"]["data"]["test"] == 6 and asked["again"]["data"]["test"] == 0
    assert asked["again"]["data"]["source"]["init_args"]["path"].endswith("rows.parquet")


def test_neither_a_refit_nor_a_recipe_lets_the_honest_run_see_it(home, training):
    (home / "tiny.yaml").write_text((home / "tiny.yaml").read_text() + "refit: true\n")
    ground = made(home, recipes={"again": {"data.test": 0}})
    tick(ground)
    asked = dict(training.asked)
    assert asked["again_honest"]["data"]["test"] == 6
    assert asked["again_honest"]["refit"] is False
    assert asked["again"]["refit"] is True  # the version that serves may learn from everything


def test_a_promotion_by_hand_while_it_trains_stays(ground, training):
    def by_hand(name):
        if name == "again":
            (ground.folder(0).parent / "hand.onnx").write_bytes(model(1.0, FIRST))
            found = ground.registry.register(
                ground.folder(0).parent / "hand.onnx", json.loads(TASK.to_json()), {}
            )
            ground.registry.promote(found.version, why="by hand")

    training.on = by_hand
    with pytest.raises(LoopcastError, match="was promoted meanwhile"):
        tick(ground)
    assert ground.registry.promoted().version == 2
    assert ground.retrains.recent()[0].outcome == "failed"


def test_a_value_that_was_withdrawn_does_not_hold_up_the_next_one(home, training):
    ground = made(home, cooldown=3)
    landed(ground, [100], 10.0)  # a year mistyped
    first = tick(ground)
    assert first.number is not None
    landed(ground, [100], None)
    landed(ground, range(8), 10.0)
    assert "cool-down" not in tick(ground).why


def test_a_challenger_that_is_no_better_is_kept_out(ground, monkeypatch):
    monkeypatch.setattr(place, "Trainer", Training(lambda name: model(3.99, 0, name)))
    told = tick(ground)
    assert told.what == "kept" and "gain" in told.why
    assert ground.registry.promoted().version == 1 and len(ground.registry.versions()) == 1
    assert ground.retrains.one(told.number).outcome == "kept"
    assert tick(ground).what == "nothing"  # the cool-down
    assert "cool-down" in tick(ground).why
    assert tick(ground, force=True).what == "kept"


def test_among_recipes_the_best_is_chosen_and_chance_had_as_many_throws(home, monkeypatch):
    ground = made(
        home,
        recipes={"one": {}, "two": {"data.stride": 2}, "three": {}},
        gates={"significance": 0.2},
    )
    bias = {"one": 1.0, "two": -2.0, "three": 9.0}
    found = Training(lambda name: model(bias[name.split("_")[0]], 0, name))
    monkeypatch.setattr(place, "Trainer", found)
    done = ground.retrains.one(tick(ground).number)
    assert done.facts["recipe"] == "two" and len(done.facts["recipes"]) == 3
    assert dict(found.asked)["two"]["data"]["stride"] == 2
    p = next(r["p"] for r in done.facts["recipes"] if r["name"] == "two")
    gate = next(g for g in done.gates if g["name"] == "significance")
    assert gate["value"] == pytest.approx(3 * p, rel=1e-6)


def test_an_open_alarm_begins_one_and_nothing_else_does(home, training):
    ground = made(home, triggers={})
    assert tick(ground).what == "nothing"
    alarm = Alarm(1, "level", "panel", FIRST, 5.0, 3.0, "errors are above their course")
    with ground.database.writing() as connection:
        settle(connection, "tiny", [alarm])
    told = tick(ground)
    assert told.what == "promoted"
    assert ground.retrains.one(told.number).reason == "alarm"
    assert tick(ground).what == "nothing"  # the alarm was about the version before


def test_enough_new_values_begin_one(home, training):
    ground = made(home, triggers={"rows": 15})
    assert tick(ground).what == "nothing"
    landed(ground, range(2))
    told = tick(ground)
    assert told.what == "promoted" and ground.retrains.one(told.number).reason == "data"


def test_some_time_after_an_alarm_another_is_tried_and_not_for_ever(home, monkeypatch):
    ground = made(home, triggers={"again": [3, 5]}, cooldown=2)
    monkeypatch.setattr(place, "Trainer", Training(lambda name: model(3.99, 0, name)))
    with ground.database.writing() as connection:
        settle(connection, "tiny", [Alarm(1, "level", "panel", FIRST, 5.0, 3.0, "errors are high")])
    assert ground.retrains.one(tick(ground).number).reason == "alarm"
    with ground.database.writing() as connection:
        settle(connection, "tiny", [])
    reasons = []
    for month in range(9):
        landed(ground, [month])
        if (number := tick(ground).number) is not None:
            reasons.append((month + 1, ground.retrains.one(number).reason))
    assert reasons == [(3, "again"), (5, "again")]


def test_data_that_fail_the_checks_end_in_the_state_that_says_so(ground, training):
    def refused(name):
        raise DataRefused("loopcast fit ended with 2: the data cannot be used as it is")

    training.on = refused
    with pytest.raises(DataRefused):
        tick(ground)
    done = ground.retrains.recent()[0]
    assert (done.outcome, done.state) == ("failed", "validate") and ground.registry.promoted()


def test_a_dry_run_writes_nothing(ground, training):
    told = tick(ground, dry=True)
    assert told.what == "would retrain" and "SHA-256" in told.why
    assert [name for name, _ in training.asked] == ["check"] or not training.asked
    assert ground.retrains.recent() == [] and ground.registry.promoted().version == 1


def test_of_two_ticks_at_once_one_does_nothing_and_says_so(ground, training):
    with held(ground.database, "retrain/tiny"):
        told = tick(ground)
    assert told.what == "busy" and "nothing was done" in told.why
    found = []
    threads = [threading.Thread(target=lambda: found.append(tick(ground).what)) for _ in range(2)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert found.count("promoted") == 1 and set(found) <= {"promoted", "busy", "nothing"}
    assert len(ground.registry.versions()) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"no model", "cannot be opened"), (b"", "cannot be opened"), (None, "self-test"), ("other", "take over")],
    ids=["corrupt", "empty", "not finite", "foreign"],
)  # fmt: skip
def test_what_may_not_serve_fails_the_retrain_and_the_champion_stays(
    ground, monkeypatch, content, told
):
    from dataclasses import replace

    from tiny_service import TASK, artifact

    if content is None:
        content = artifact(broken=True)
    elif content == "other":
        content = artifact(replace(TASK, frequency="D"))
    monkeypatch.setattr(place, "Trainer", Training(content))
    with pytest.raises(ArtifactError):
        tick(ground)
    done = ground.retrains.recent()[0]
    assert done.outcome == "failed" and done.ended_at and done.why
    assert ground.registry.promoted().version == 1 and ground.registry.promoted().content()
    assert tick(ground).what == "nothing"  # no storm of attempts on the same data


def test_a_corrupt_refit_is_not_registered(ground, monkeypatch):
    found = Training(lambda name: model(-2.0, 0, name) if "honest" in name else b"half a file")
    monkeypatch.setattr(place, "Trainer", found)
    with pytest.raises(ArtifactError):
        tick(ground)
    assert len(ground.registry.versions()) == 1
    assert ground.retrains.recent()[0].state == "refit again"


def test_a_full_disk_while_the_version_is_written_loses_nothing(ground, training, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    training.on = lambda name: name == "again" and monkeypatch.setattr(folders.os, "fsync", full)
    with pytest.raises(ArtifactError, match="No space left"):
        tick(ground)
    monkeypatch.undo()
    done = ground.retrains.recent()[0]
    assert done.outcome == "failed" and "No space left" in done.why
    assert ground.registry.promoted().content() and len(ground.registry.versions()) == 1


def test_a_full_disk_while_the_training_writes_is_told(ground, training):
    def full(name):
        raise OSError(errno.ENOSPC, "No space left on device", "checkpoints/last.ckpt")

    training.on = full
    with pytest.raises(LoopcastError, match="No space left"):
        tick(ground)
    done = ground.retrains.recent()[0]
    assert done.outcome == "failed" and "checkpoints/last.ckpt" in done.why


def test_a_database_that_goes_away_is_said_and_the_next_tick_says_it_in_the_store(
    ground, training, caplog
):
    def hide(there):
        with ground.database.writing() as connection:
            names = ("retrains", "hidden") if there else ("hidden", "retrains")
            connection.exec_driver_sql(f"alter table {names[0]} rename to {names[1]}")

    training.on = lambda name: hide(there=True)
    with pytest.raises(StoreError):
        tick(ground)
    assert "could not be written" in caplog.text
    hide(there=False)
    training.on = None
    assert ground.registry.promoted().version == 1
    assert tick(ground, force=True).what == "promoted"
    newest, before = ground.retrains.recent()
    assert (newest.outcome, before.outcome, before.why) == ("promoted", "failed", KILLED)


def test_a_lease_that_another_took_over_promotes_nothing(ground, training):
    def stolen(name):
        with ground.database.writing() as connection:
            connection.execute(sa.text("update leases set holder = 'other', until = until + 9"))

    training.on = stolen
    with pytest.raises(LoopcastError, match="taken over"):
        tick(ground)
    assert ground.registry.promoted().version == 1


def test_a_training_that_fails_is_told_with_its_words(ground, training):
    def fails(name):
        raise TrainingFailed("loopcast fit ended with 2: the data cannot be used as it is")

    training.on = fails
    with pytest.raises(TrainingFailed):
        tick(ground)
    done = ground.retrains.recent()[0]
    assert done.outcome == "failed" and "cannot be used" in done.why and done.state == "train again"


def test_a_revised_value_after_a_retrain_is_in_the_next_one_and_not_in_the_last(ground, training):
    landed(ground, range(1), 10.0)
    first = ground.retrains.one(tick(ground).number)
    kept = (ground.folder(first.id) / "rows.parquet").read_bytes()
    landed(ground, range(1), 30.0)
    landed(ground, range(1, 6), 10.0)
    second = ground.retrains.one(tick(ground, force=True).number)
    assert first.snapshot != second.snapshot
    assert (ground.folder(first.id) / "rows.parquet").read_bytes() == kept
    from pyarrow import parquet

    table = parquet.read_table(ground.folder(second.id) / "rows.parquet").to_pandas()
    assert table.sales[table.month == "2013-01-01"].tolist() == [30.0, 30.0]
    assert len(table) == len(rows()) + 12


def test_a_promotion_that_was_wrong_is_taken_back(home, training, monkeypatch):
    ground = made(home, watch={"steps": 4, "significance": 0.2})
    monkeypatch.setattr(
        place, "Trainer", Training(lambda name: model(-2.0, FIRST + KNOWN - 1, name))
    )
    assert tick(ground).what == "promoted"
    for month in range(6):  # the old version's bias of 4 is what the world turns to
        landed(ground, [month], 24.0 + 0.1 * month)
    told = tick(ground)
    assert told.what == "rolled back", told
    assert ground.registry.promoted().version == 1
    done = ground.retrains.recent()[0]
    assert (done.reason, done.outcome, done.challenger) == ("watch", "rolled back", 1)
    assert tick(ground).what == "nothing"  # and it stays so: the cool-down
    assert ground.registry.promoted().version == 1


def test_a_promotion_that_was_right_stays(ground, training):
    assert tick(ground).what == "promoted"
    landed(ground, range(4))
    assert tick(ground).what == "nothing"
    assert ground.registry.promoted().version == 2


def test_without_a_champion_there_is_advice(home):
    ground = made(home)
    with ground.database.writing() as connection:
        connection.execute(sa.text("update versions set status = 'retired'"))
    with pytest.raises(LoopcastError, match="artifact:"):
        tick(ground)


def test_the_lifecycle_loads_no_torch():
    code = (
        "import sys, loopcast.lifecycle.command, loopcast.lifecycle.versions;"
        "print([m for m in ('torch', 'lightning') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    out = subprocess.run(run, capture_output=True, text=True, check=True, env=os.environ)
    assert out.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def killed(tmp_path_factory, root):
    script = root / "tests" / "lifecycle" / "killed.py"
    run = [sys.executable, str(script), str(tmp_path_factory.mktemp("killed"))]
    search = os.pathsep.join([str(root / "tests"), *sys.path])
    out = subprocess.run(
        run, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": search}
    )
    return [json.loads(line) for line in out.stdout.splitlines()]


def test_a_kill_at_any_step_of_a_retrain_leaves_a_champion_and_the_next_tick_goes_on(killed):
    names = [one["step"] for one in killed]
    assert {"before register", "after register", "before promote", "after promote"} <= set(names)
    promoted = names.index("after promote")
    for at, one in enumerate(killed):
        assert one["ended"] == 9 and one["opens"], one
        assert one["serving"] == (1 if at < promoted else 2), one
        assert "running" not in one["rows"] and one["at the end"] == 2, one
        assert one["rows"].count("promoted") == 1, one
