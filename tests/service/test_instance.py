"""The series form lies on the grid already: it gives what core's grid makes of the same rows."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_service import AHEAD, TASK, artifact

from loopcast.core.frequency import Frequency
from loopcast.service.instance import from_series
from loopcast.service.rows import from_rows, table
from loopcast.service.served import Served
from loopcast.service.wire import SeriesAsked
from loopcast.serving.predictor import Predictor

TASKS = {
    "plain": TASK,
    "own origins": replace(TASK, origins="own"),
    "days": replace(TASK, frequency="D"),
    "hours": replace(TASK, frequency="h"),
    "integers": replace(TASK, frequency="1"),
    "future": AHEAD,
}


def served(task):
    return Served(Predictor(artifact(task)), "tiny", 1, "")


def times(task, first, count):
    labels = Frequency.parse(task.frequency).time(np.arange(first, first + count))
    return labels.tolist() if labels.dtype.kind == "i" else [str(t) for t in labels]


def drawn(task, draw):
    """The same series twice: as they are asked for, and as rows."""
    asked, rows, ahead = [], [], []
    count = int(draw.integers(1, 4))
    for i in range(count):
        length, first = int(draw.integers(1, 20)), int(draw.integers(580, 600))
        target = [None if draw.random() < 0.3 else float(draw.integers(100)) for _ in range(length)]
        target[int(draw.integers(length))] = 7.0
        at = times(task, first, length + 40)
        key = {"shop": "ab"[i % 2], "item": str(i)}
        price = [float(draw.integers(9)) for _ in range(length + 40)]
        future = {"price": price, "event": [""] * len(price)} if task.future.names else {}
        asked.append(SeriesAsked(key=key, start=at[0], target=target, future=future))
        rows += [
            {**key, "month": t, "sales": v, "price": p, "event": ""}
            for t, v, p in zip(at, target, price, strict=False)
        ]
        ahead += [
            {**key, "month": t, "price": p, "event": ""}
            for t, p in list(zip(at, price, strict=True))[length:]
        ]
    return asked, rows, ahead


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("named", [False, True])
def test_series_and_rows_make_the_same_inputs(name, named):
    task = TASKS[name]
    model = served(task)
    for seed in range(25):
        draw = np.random.default_rng(seed)
        asked, rows, ahead = drawn(task, draw)
        origin = times(task, int(draw.integers(585, 610)), 1)[0] if named else None
        one = from_series(asked, list(range(len(asked))), model, origin)
        other = from_rows(table(rows), table(ahead) if task.future.names else None, model, origin)
        order = np.argsort([f"{k['shop']},{k['item']}" for k in one.keys])
        assert [one.keys[i] for i in order] == other.keys
        for column, values in one.prepared.items():
            assert np.array_equal(
                values[order],
                other.prepared[column],
                equal_nan=column[0] != "s" and "." not in column,
            ), (seed, column)
        assert [one.warnings[i] for i in order] == other.warnings, seed


def test_steps_without_a_row_are_zero_where_the_task_says_so_and_null_is_unknown():
    model = served(replace(TASK, gaps="zero"))
    early = SeriesAsked(key={"shop": "a", "item": "x"}, start="2018-01-01", target=[5, None, 5])
    late = SeriesAsked(key={"shop": "b", "item": "x"}, start="2018-01-01", target=[1] * 6)
    never = SeriesAsked(key={"shop": "c", "item": "x"}, start="2018-01-01", target=[])
    target = from_series([early, late, never], [0, 1, 2], model, None).prepared["target"]
    nan = np.nan
    assert np.array_equal(target[0], [nan, nan, 5, nan, 5, 0, 0, 0], equal_nan=True)
    assert np.isnan(target[2]).all()


def test_past_columns_follow_their_target():
    from loopcast.core.task import Columns

    task = replace(TASK, past=Columns(numeric=("price",), categorical=("event",)))
    values = list(range(12))
    one = SeriesAsked(
        key={"shop": "a", "item": "x"}, start="2018-01-01", target=values,
        past={"price": values, "event": [f"e{v}" for v in values]},
    )  # fmt: skip
    model = served(task)
    prepared = from_series([one], [0], model, None).prepared
    assert prepared["past"][0, :, 0].tolist() == list(range(4, 12))
    assert prepared["past.event"][0].tolist() == [f"e{v}" for v in range(4, 12)]
    prepared = from_series([one], [0], model, "2018-10-01").prepared
    assert prepared["past"][0, :, 0].tolist() == list(range(2, 10))
