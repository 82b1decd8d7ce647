"""A version's past forecasts, made again from the service's own history."""

import csv
import json
import sqlite3

import numpy as np
import pytest

from loopcast.core.frequency import Frequency
from loopcast.core.naive import window_scale
from loopcast.monitoring.replay import replayed
from loopcast.serving.predictor import Predictor
from loopcast.store.database import connect, migrate
from loopcast.store.history import SqlHistory
from loopcast.store.registry import Registry
from loopcast.store.series import key_text

KEYS = [{"Shop": "Nord", "Ware": "tea"}, {"Shop": "007", "Ware": "ice"}]
QUERY = "select * from sales where (Shop, Ware) in :keys"


@pytest.fixture
def sales(golden, tmp_path):
    """The golden rows in a database of their own."""
    with (golden / "rows.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    path = tmp_path / "sales.db"
    with sqlite3.connect(path) as out:
        out.execute(f"create table sales ({', '.join(rows[0])})")
        marks = ", ".join("?" * len(rows[0]))
        out.executemany(f"insert into sales values ({marks})", [tuple(r.values()) for r in rows])
    history = SqlHistory.open(f"sqlite:///{path}", QUERY, ("Shop", "Ware"), {})
    yield history, rows
    history.database.close()


@pytest.fixture
def version(golden, tmp_path):
    database = connect(f"sqlite:///{tmp_path}/ledger.db")
    migrate(database)
    predictor = Predictor(golden / "golden.onnx")
    step = int(Frequency.parse("MS").index(np.array(["2022-06-01"], "M8[D]"))[0])
    card = {**predictor.card, "data": {"train": step}}
    task = json.loads(predictor.task.to_json())
    yield Registry(database, "golden").register(golden / "golden.onnx", task, card), step
    database.close()


def test_errors_are_those_that_the_predictor_would_have_made(version, sales, golden):
    found_version, step = version
    history, rows = sales
    made = replayed(found_version, history, KEYS, step + 12, 400)
    assert set(made.keys) == {key_text(key) for key in KEYS}
    assert made.origin.min() == step and made.origin.max() == step + 11
    at = list(made.keys).index(key_text(KEYS[0]))
    origin = str(Frequency.parse("MS").time(made.origin[at : at + 1])[0])[:10]
    mine = [row for row in rows if (row["Shop"], row["Ware"]) == ("Nord", "tea")]
    future = [row for row in mine if row["Month"] > origin]
    known = [row for row in mine if row["Month"] <= origin]
    predictor = Predictor(golden / "golden.onnx")
    middle = predictor.task.quantiles.index(0.5)
    forecast = predictor.predict(known, future, origin)
    sold = {row["Month"]: float(row["Sold"]) for row in mine}
    steps = made.origin[at] + np.arange(1 - predictor.task.history, 7)
    values = np.array(
        [sold.get(str(t)[:10], np.nan) for t in Frequency.parse("MS").time(steps)], float
    )
    scale = window_scale(values[None, :-6], predictor.task.season)[0]
    expected = (forecast.quantiles[0, :, middle] - values[-6:]) / scale
    np.testing.assert_allclose(made.errors[at], expected, rtol=1e-3, atol=1e-4)


def test_a_databases_own_times_are_read_whatever_the_files_had(version, sales, monkeypatch):
    found_version, step = version
    plain = replayed(found_version, sales[0], KEYS, step + 12, 400)
    from loopcast.core.task import Task
    from loopcast.monitoring import replay

    class Named(Predictor):
        def __init__(self, *given):
            super().__init__(*given)
            self.task = Task.from_dict(json.loads(self.task.to_json()) | {"time_format": "%Y %b"})

    monkeypatch.setattr(replay, "Predictor", Named)
    named = replayed(found_version, sales[0], KEYS, step + 12, 400)
    assert (named.errors[0] == plain.errors[0]).all()


def test_at_most_so_many_steps_and_none_after_the_service_began(version, sales):
    found_version, step = version
    made = replayed(found_version, sales[0], KEYS, step + 12, 5)
    assert made.origin.min() == step + 7
    ahead = made.origin[:, None] + np.arange(1, 7)
    assert np.isnan(made.errors[ahead > step + 12]).all()
    assert replayed(found_version, sales[0], KEYS, step, 400) is None


def test_a_history_that_cannot_be_read_is_said_and_no_failure(version, sales, caplog):
    found_version, step = version
    broken = SqlHistory(sales[0].database, "select * from nothing", ("Shop", "Ware"))
    assert replayed(found_version, broken, KEYS, step + 12, 400) is None
    assert "cannot be replayed" in caplog.text
