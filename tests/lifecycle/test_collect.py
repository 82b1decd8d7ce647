import numpy as np
import pytest
from lifecycle.conftest import landed

from loopcast.core.errors import ConfigError, DataError
from loopcast.lifecycle import experiment
from loopcast.lifecycle.collect import Collected, collect


def test_values_replace_rows_and_continue_them_however_times_are_written(ground, home):
    config = experiment.load("tiny.yaml", {})
    frame = experiment.reading(config).source.read(["shop", "item", "month", "sales"])
    landed(ground, [-1, 0, 2], 99.0)
    written = {"%Y-%m-%d": None, "%d.%m.%Y": "%d.%m.%Y"}
    for style, told in written.items():
        import pandas as pd

        other = frame.assign(month=pd.to_datetime(frame.month).dt.strftime(style))
        other.to_csv("sales.csv", index=False)
        found = collect(
            experiment.reading(experiment.overridden(config, {"data.time_format": told})),
            ground.database,
            "tiny",
        )
        assert found.landed == 6 and len(found.rows["sales"]) == len(frame) + 4
        last = pd.Timestamp("2013-03-01").strftime(style)
        assert found.rows["month"][-1] == last
        panel = found.panel()
        assert panel.lengths.tolist() == [39, 39]
        assert panel.target[[35, 36, 38]].tolist() == [99.0, 99.0, 99.0] and np.isnan(
            panel.target[37]
        )


def test_times_that_are_whole_numbers_take_new_steps(ground, home):
    import pandas as pd

    frame = pd.read_csv("sales.csv", parse_dates=["month"])
    frame.assign(month=frame.month.dt.strftime("%Y%m%d")).to_csv("sales.csv", index=False)
    landed(ground, [0], 5.0)
    found = collect(experiment.reading(experiment.load("tiny.yaml", {})), ground.database, "tiny")
    assert str(found.rows["month"][-1])[:10] == "2013-01-01"
    assert found.panel().lengths.tolist() == [37, 37]


def test_blank_texts_are_kept_as_such(ground, home):
    import pandas as pd

    rows = {"shop": np.array(["a", "b"], object), "event": np.array(["promo", np.nan], object)}
    for cells in (rows["event"], rows["event"][::-1]):
        Collected({**rows, "event": cells}, None, 0).write(home / "a.parquet")
        back = pd.read_parquet(home / "a.parquet")["event"]
        assert back.isna().sum() == 1 and back.dropna().tolist() == ["promo"]
    mixed = np.array(["promo", 5], object)
    with pytest.raises(DataError, match=r"a\.parquet cannot be written"):
        Collected({**rows, "event": mixed}, None, 0).write(home / "a.parquet")


def test_dates_of_a_database_stay_dates(ground, home):
    import pandas as pd

    frame = pd.read_csv("sales.csv", parse_dates=["month"])
    frame.to_parquet("sales.parquet")
    source = {
        "class_path": "loopcast.data.files.ParquetFile",
        "init_args": {"path": "sales.parquet"},
    }
    landed(ground, [0], 5.0)
    found = collect(
        experiment.reading(experiment.load("tiny.yaml", {"data.source": source})),
        ground.database,
        "tiny",
    )
    assert (
        found.rows["month"].dtype.kind == "M" and str(found.rows["month"][-1])[:10] == "2013-01-01"
    )
    assert found.write(home / "a.parquet") == found.write(home / "b.parquet")


def test_the_newest_vintage_counts_and_a_withdrawn_value_is_unknown(ground):
    landed(ground, [0], 5.0, as_of=1)
    landed(ground, [0], 6.0, as_of=3)
    landed(ground, [1], None, as_of=3)
    panel = collect(
        experiment.reading(experiment.load("tiny.yaml", {})), ground.database, "tiny"
    ).panel()
    assert panel.target[36] == 6.0 and len(panel.target) == 2 * 37


def test_what_cannot_be_retrained_says_so(ground):
    positions = experiment.load("tiny.yaml", {"data.frequency": 1})
    with pytest.raises(ConfigError, match="dates"):
        collect(experiment.reading(positions), ground.database, "tiny")
    with pytest.raises(ConfigError, match="no Source"):
        experiment.reading(experiment.load("tiny.yaml", {"data.source.class_path": "pathlib.Path"}))
    with pytest.raises(ConfigError, match="cannot be found"):
        experiment.reading(experiment.load("tiny.yaml", {"data.source.class_path": "no.where"}))


def test_dates_of_postgresql_take_new_steps(ground, home):
    import pandas as pd

    frame = pd.read_csv("sales.csv")
    frame["month"] = pd.to_datetime(frame["month"]).dt.date
    frame.to_parquet("sales.parquet")
    path = {"class_path": "loopcast.data.files.ParquetFile", "init_args": {"path": "sales.parquet"}}
    landed(ground, [0], 5.0)
    reading = experiment.reading(experiment.load("tiny.yaml", {"data.source": path}))
    found = collect(reading, ground.database, "tiny")
    found.write(home / "a.parquet")
    assert found.panel().lengths.tolist() == [37, 37]


def test_new_rows_weigh_1(ground, home):
    import pandas as pd

    frame = pd.read_csv("sales.csv").assign(counts=0.5)
    frame.to_csv("sales.csv", index=False)
    landed(ground, [0], 5.0)
    reading = experiment.reading(experiment.load("tiny.yaml", {"data.weight": "counts"}))
    found = collect(reading, ground.database, "tiny")
    assert found.rows["counts"][-2:].tolist() == [1, 1]


def test_a_task_that_counts_rows_has_its_values_from_rows(ground, home):
    landed(ground, [0], 5.0)
    counting = {"data.aggregate": "count", "data.target": "n"}
    reading = experiment.reading(experiment.load("tiny.yaml", counting))
    found = collect(reading, ground.database, "tiny")
    assert found.landed == 0
    assert set(found.panel().target) == {1.0}
