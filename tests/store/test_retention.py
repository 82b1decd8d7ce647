from dataclasses import replace

import numpy as np
import pytest

from loopcast.store.actuals import Actual, Actuals
from loopcast.store.ledger import Answer, Ledger, answer_id
from loopcast.store.matching import matched
from loopcast.store.parquet import columns, export
from loopcast.store.registry import Registry
from loopcast.store.retention import DAY, Retention, thin
from loopcast.store.series import key_text

NOW = 1000 * DAY
TASK = {
    "series": ["shop"], "frequency": "MS", "history": 4, "horizon": 2, "quantiles": [0.1, 0.5, 0.9],
}  # fmt: skip


@pytest.fixture
def ledger(database, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"one")
    Registry(database, "sales").register(tmp_path / "a.onnx", TASK, {})
    found = Ledger(database, "sales")
    for age, level in ((90, 1), (90, 2), (40, 3), (40, 4), (0, 5)):
        quantiles = np.full((2, 2, 3), level, np.float32)
        keys = [key_text({"shop": n}) for n in "ab"]
        history = np.ones((2, 4), np.float32)
        found.record(
            [Answer(answer_id(), NOW - age * DAY, 1, 2, (0.5,), keys, [587 - age, 587 - age],
                    quantiles, history, ["sent"] * 2, [[]] * 2)]
        )  # fmt: skip
    return found


def levels(ledger):
    return matched(ledger, repeated=True)[0].quantiles[:, 0, 0].tolist()


def test_without_a_policy_everything_stays(ledger):
    thin(ledger, Retention(), NOW)
    assert sorted(levels(ledger)) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_old_repeats_go_and_the_newest_stays(ledger):
    assert thin(ledger, Retention(repeats=60), NOW).repeats == 2
    assert sorted(levels(ledger)) == [2, 2, 3, 3, 4, 4, 5, 5]
    assert thin(ledger, Retention(repeats=60), NOW).repeats == 0


def test_old_histories_go_and_their_forecasts_stay(ledger):
    assert thin(ledger, Retention(histories=30), NOW).histories == 8
    found = matched(ledger, repeated=True)[0]
    assert len(found) == 10 and np.isnan(found.history).all(1).sum() == 8


def test_old_forecasts_go_with_their_answers_and_actuals_stay(ledger):
    Actuals(ledger.database, "sales").add([Actual(key_text({"shop": "a"}), 500, 1.0)])
    gone = matched(ledger, repeated=True)[0].answers[0]
    assert thin(ledger, Retention(forecasts=60), NOW).forecasts == 4
    assert sorted(levels(ledger)) == [3, 3, 4, 4, 5, 5]
    assert ledger.answer(gone) is None
    assert len(Actuals(ledger.database, "sales").read([key_text({"shop": "a"})])) == 1


def test_the_ledger_as_parquet(ledger, tmp_path):
    import pandas

    Actuals(ledger.database, "sales").add([Actual(key_text({"shop": "a"}), 588, 7.0, as_of=5)])
    assert export(ledger, tmp_path / "ledger.parquet") == 3 * 2 * 2
    frame = pandas.read_parquet(tmp_path / "ledger.parquet")
    row = frame[(frame.shop == "a") & (frame.origin == "2018-12-01") & (frame.horizon == 1)]
    assert row["q0.5"].item() == 5 and row["actual"].item() == 7
    assert str(row["time"].item()) == "2019-01-01 00:00:00"
    assert frame.actual.isna().sum() == len(frame) - 1
    assert not list(tmp_path.glob("*.part"))


def test_a_key_called_as_a_column_of_the_file_keeps_both(ledger):
    part = matched(ledger)[0]
    named = {**part.task, "series": ["version", "q0.5"]}
    keys = [{"version": key["shop"], "q0.5": "x"} for key in part.keys]
    flat = columns(replace(part, task=named, keys=keys))
    assert set(flat["version"]) == {1}
    assert set(flat["version_"]) == {key["shop"] for key in part.keys}
    assert set(flat["q0.5_"]) == {"x"} and flat["q0.5"].dtype == np.float32
