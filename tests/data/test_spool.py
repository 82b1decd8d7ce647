"""A table read in chunks and sorted on disk gives the panel that its rows give in memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from loopcast.core.errors import DataError, DuplicateRows, NoRows, WrongTime
from loopcast.core.task import Columns
from loopcast.data import files
from loopcast.data.database import SqlQuery
from loopcast.data.files import CsvFile, ParquetFile
from loopcast.data.frame import Frame
from loopcast.data.reading import configured
from loopcast.data.spool import Spool

OPTIONS = {
    "time": "day",
    "target": "sold",
    "frequency": "D",
    "horizon": 5,
    "series": ["shop", "item"],
}


def table(rows=3000, seed=0):
    """Rows in no order: gaps, blanks, odd keys, every kind of column."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "shop": generator.choice(["007", "Süd", "7", ""], rows),
            "item": generator.choice([1, 2, 30], rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 400, rows), "D"),
            "sold": np.where(generator.random(rows) < 0.1, np.nan, generator.uniform(0, 9, rows)),
            "price": np.where(generator.random(rows) < 0.1, np.nan, generator.uniform(0, 9, rows)),
            "promo": generator.choice(["no", "yes", ""], rows), "visitors": generator.integers(0, 99, rows),
            "weather": generator.choice(["sun", "rain"], rows), "open": generator.choice([0, 1, 1, 1], rows),
            "counts": generator.choice([0.0, 0.5, 2.0], rows),
        }
    )  # fmt: skip
    size = {"007": 3.5, "Süd": 9.0, "7": 1.0, "": np.nan}
    return frame.assign(size=frame["shop"].map(size)).drop_duplicates(["shop", "item", "day"])


ALL = {
    "past": ["visitors", "weather"], "future": ["price", "promo"], "static": ["shop", "size"],
    "observed": "open", "weight": "counts",
}  # fmt: skip


def both(source, size=300, **options):
    reading = configured({"source": source, **OPTIONS, **options})
    rows = reading.rows()
    task = reading.task(rows)
    spool = Spool.of(reading, size)
    assert spool.task == task
    assert spool.survey.rows == len(rows[reading.time])
    mapped, first = spool.panel(task)
    assert set(first) == set(reading.wanted)
    return reading.panel(rows, task), mapped


def same(one, other):
    assert list(one.keys) == list(other.keys)
    for name in ("start", "origin", "offsets", "target", "past", "future", "static", "weight"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
    for name, texts in one.keys.items():
        np.testing.assert_array_equal(texts, other.keys[name])
    assert set(one.categories) == set(other.categories)
    for name, column in one.categories.items():
        np.testing.assert_array_equal(column.codes, other.categories[name].codes, err_msg=name)
        np.testing.assert_array_equal(column.texts, other.categories[name].texts, err_msg=name)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(files, "CHUNK", 700)


CASES = {
    "keys alone": {},
    "every role": ALL,
    "a single series": {"series": [], "aggregate": "sum"},
    "weeks summed, gaps zero": {"frequency": "W-SUN", "aggregate": "sum", "gaps": "zero"},
    "months, the last incomplete": {"frequency": "MS", "aggregate": "mean", "past": ["visitors"]},
    "counted": {"frequency": "W-SUN", "aggregate": "count", "future": ["promo"]},
    "the last of a step": {"frequency": "W-SUN", "aggregate": "last"},
    "origins of their own": {"origins": "own"},
    "an observed column that is a category": {
        "observed": "open",
        "future": ["open"],
        "categorical": ["open"],
    },
    "a number as a category": {"past": ["visitors"], "categorical": ["visitors"]},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_parts_on_disk_give_the_panel_of_memory_bit_by_bit(tmp_path, options):
    table().to_csv(tmp_path / "a.csv", index=False)
    ours, mapped = both(CsvFile(str(tmp_path / "a.csv")), **options)
    same(ours, mapped)
    assert isinstance(mapped.target, np.memmap)


def test_parquet_folders_and_queries_come_in_chunks_too(tmp_path):
    frame = table()
    for number, part in enumerate(np.array_split(np.arange(len(frame)), 3)):
        frame.iloc[part].to_parquet(tmp_path / f"{number}.parquet")
    source = ParquetFile(str(tmp_path / "*.parquet"), where=[["sold", "<", 8]])
    assert len(list(source.chunks(["sold"]))) > 3
    same(*both(source, **ALL))
    url = f"sqlite:///{tmp_path}/a.db"
    frame.to_sql("sales", sa.create_engine(url, poolclass=sa.NullPool), index=False)
    query = SqlQuery(url, "select * from sales", chunk=500)
    assert len(list(query.chunks(["sold"]))) > 3
    same(*both(query, **ALL))


def test_a_partitioned_folder_comes_in_chunks_too(tmp_path):
    frame = table()
    for shop, part in frame[frame["shop"] != ""].groupby("shop"):
        (tmp_path / f"shop={shop}").mkdir()
        part.drop(columns="shop").to_parquet(tmp_path / f"shop={shop}" / "a.parquet")
    ours, mapped = both(ParquetFile(str(tmp_path)), **ALL)
    same(ours, mapped)
    assert set(mapped.keys["shop"]) == {"007", "7", "Süd"}


def test_positions_of_integers_and_other_time_formats(tmp_path):
    frame = table()
    frame["step"] = (frame.day - frame.day.min()).dt.days
    same(*both(Frame(frame), time="step", frequency="1"))
    frame["day"] = frame.day.dt.strftime("%d.%m.%Y")
    frame.to_csv(tmp_path / "a.csv", index=False)
    same(*both(CsvFile(str(tmp_path / "a.csv")), time_format="%d.%m.%Y"))


def test_nothing_is_left_on_disk(tmp_path):
    reading = configured({"source": Frame(table()), **OPTIONS})
    spool = Spool.of(reading, 300)
    panel, _ = spool.panel(spool.task, tmp_path)
    assert not list(tmp_path.iterdir())
    assert np.isfinite(panel.target).any()


def test_what_is_wrong_is_told_as_in_memory(tmp_path):
    twice = pd.concat([table(), table()[:50]])
    with pytest.raises(DuplicateRows):
        both_panels(Frame(twice))
    with pytest.raises(NoRows):
        both_panels(Frame(table()[:0]))
    with pytest.raises(WrongTime):
        both_panels(Frame(table().assign(day="soon")))


def test_a_source_that_changes_meanwhile_is_told():
    reading = configured({"source": Frame(table()), **OPTIONS})
    spool = Spool.of(reading, 300)
    spool.reading.source.frame.loc[0, "shop"] = "new"
    with pytest.raises(DataError, match="other series the second time"):
        spool.panel(spool.task)


def both_panels(source):
    reading = configured({"source": source, **OPTIONS})
    spool = Spool.of(reading, 300)
    return spool.panel(spool.task)


def test_there_may_be_more_parts_than_a_process_may_open(tmp_path):
    frame = table().assign(shop=lambda rows: rows.index % 300)
    frame = frame.drop_duplicates(["shop", "item", "day"])
    resource = pytest.importorskip("resource")  # of Unix
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 40, limits[1])
    )
    try:
        plain, mapped = both(Frame(frame), size=10, **ALL)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    np.testing.assert_array_equal(plain.target, mapped.target)


def test_words_for_missing_are_texts_on_disk_too(tmp_path):
    frame = table(400).drop(columns=["shop", "size"]).drop_duplicates(["item", "day"])
    frame["weather"] = frame["weather"].where(frame.index % 3 > 0, "NA")
    frame["open"] = np.where(frame.index % 5 > 0, "True", "")  # True, False and blanks are numbers
    frame.to_csv(tmp_path / "a.csv", index=False, na_rep="NA")
    plain, mapped = both(
        CsvFile(str(tmp_path / "a.csv")),
        series=["item"],
        past=["weather", "price"],
        future=["open"],
    )
    names = ("past.weather",)
    assert "NA" in plain.categories["past.weather"].texts
    for name in names:
        one, other = plain.categories[name].cells, mapped.categories[name].cells
        assert [*one] == [*other]
    np.testing.assert_array_equal(plain.past, mapped.past)
    np.testing.assert_array_equal(plain.future, mapped.future)
    assert set(np.unique(plain.future[~np.isnan(plain.future)])) == {1.0}


def test_a_column_that_a_checkpoint_knows_as_texts_stays_one(tmp_path):
    frame = table().assign(promo=lambda rows: rows["visitors"] % 3)
    frame.to_csv(tmp_path / "a.csv", index=False)
    reading = configured(
        {"source": CsvFile(str(tmp_path / "a.csv")), **OPTIONS, "future": ["promo"]}
    )
    rows = reading.rows()
    known = replace(reading.task(rows), future=Columns(categorical=("promo",)))
    same(reading.panel(rows, known), Spool.of(reading, 300).panel(known)[0])
