"""Queries on an embedded database: the same rows as the file, in chunks, with bound values."""

import sqlite3

import pandas as pd
import pytest
from documented import blocks

from loopcast.core.errors import ConfigError, DataError, MissingColumn
from loopcast.data import database
from loopcast.data.database import SqlQuery
from loopcast.training.datamodule import DataModule

NAMES = ["State", "Industry", "Month", "Turnover"]


@pytest.fixture
def shop(root, tmp_path, monkeypatch) -> str:
    """The bundled example as a SQLite table; its path is in $SHOP."""
    path = tmp_path / "shop.db"
    frame = pd.read_csv(root / "data" / "aus_retail.csv.gz", dtype={"Turnover": float})
    with sqlite3.connect(path) as connection:
        frame.to_sql("sales", connection, index=False)
    connection.close()
    monkeypatch.setenv("SHOP", str(path))
    return f"sqlite:///{path}"


def panel_of(config: dict):
    options = {k: v for k, v in config["data"].items() if k != "source"}
    kind = config["data"]["source"]["class_path"].rsplit(".", 1)[1]
    from loopcast.data import files

    source = getattr(files, kind, None) or getattr(database, kind)
    data = DataModule(source(**config["data"]["source"]["init_args"]), **options)
    data.setup("plan")
    return data


def test_a_table_and_a_file_give_the_same_panel(shop, root, monkeypatch) -> None:
    import numpy as np
    import yaml

    monkeypatch.chdir(root)
    shown = next(c for c in blocks(root / "docs" / "data.md", "yaml") if "sqlite" in str(c))
    filed = yaml.safe_load((root / "configs" / "aus_retail.yaml").read_text("utf-8"))
    one, other = panel_of(shown), panel_of(filed)
    assert one.task == other.task
    for name in ("start", "origin", "offsets", "target", "past", "future", "static"):
        np.testing.assert_array_equal(getattr(one.panel, name), getattr(other.panel, name))
    for name in ("State", "Industry"):
        assert one.panel.keys[name].tolist() == other.panel.keys[name].tolist()


def test_rows_come_in_chunks_and_are_put_together_in_order(shop, monkeypatch) -> None:
    sizes = []
    whole = pd.concat
    monkeypatch.setattr(
        database.pd, "concat", lambda parts, **o: sizes.extend(map(len, parts)) or whole(parts, **o)
    )
    query = "select * from sales limit 25"
    few, all_at_once = SqlQuery(shop, query, chunk=10), SqlQuery(shop, query)
    pd.testing.assert_frame_equal(few.read(NAMES), all_at_once.read(NAMES))
    assert sizes == [10, 10, 5, 25]


def test_parameters_are_bound_and_expand_and_the_query_does_not(shop, monkeypatch) -> None:
    monkeypatch.setenv("STATE", "Tasmania")
    bound = SqlQuery(shop, "select * from sales where State = :state", {"state": "${STATE}"})
    assert bound.read(["State"])["State"].unique().tolist() == ["Tasmania"]
    literal = SqlQuery(shop, "select '${STATE}' as State")
    assert literal.read(["State"])["State"].tolist() == ["${STATE}"]


def test_a_query_without_rows_keeps_its_columns(shop) -> None:
    frame = SqlQuery(shop, "select * from sales where State = 'Mars'").read(["State"])
    assert list(frame.columns) == ["State"]
    assert frame.empty


def test_what_is_wrong_is_told_with_what_there_is(shop, monkeypatch) -> None:
    with pytest.raises(MissingColumn, match=r"'Volume'.*Turnover"):
        SqlQuery(shop, "select * from sales").read(["Volume"])
    with pytest.raises(DataError, match="no such table: absent"):
        SqlQuery(shop, "select * from absent").columns()
    with pytest.raises(DataError, match=r"bind parameter .state."):
        SqlQuery(shop, "select * from sales where State = :state").columns()
    with pytest.raises(DataError, match="cannot connect"):
        SqlQuery("nonsense://x", "select 1").columns()
    for url in ("shop.db", "user:pw@host/shop", "", "postgresql://ann:secret@db:port/shop"):
        with pytest.raises(DataError, match="cannot connect") as told:
            SqlQuery(url, "select 1").columns()
        assert "secret" not in str(told.value)
    with pytest.raises(DataError, match="must be a SELECT"):
        SqlQuery(shop, "update sales set State = State").columns()
    described = SqlQuery("postgresql://ann:one@db/x?password=two", "select 1").describe()
    assert described == "query on postgresql://ann:***@db/x"
    monkeypatch.delenv("SHOP")
    with pytest.raises(ConfigError, match="SHOP is not set"):
        SqlQuery("sqlite:///${SHOP}", "select 1").columns()


def test_a_name_that_the_query_gives_twice_is_refused(tmp_path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table s (id integer, n integer)")
        connection.execute("create table p (id integer, kind text)")
        connection.executemany("insert into s values (?, 1)", [(9007199254740993,), (2,), (None,)])
        connection.execute("insert into p values (2, 'tea')")
    connection.close()
    join = "from s left join p on s.id = p.id"
    with pytest.raises(DataError, match="gives 'id' twice"):
        SqlQuery(f"sqlite:///{path}", f"select * {join}").read(["id", "kind"])
    assert len(SqlQuery(f"sqlite:///{path}", f"select * {join}").read(["n", "kind"])) == 3
    found = SqlQuery(f"sqlite:///{path}", "select id from s").read(["id"], ["id"])["id"].tolist()
    assert found[:2] == [9007199254740993, 2]


def test_a_database_s_times_meet_those_of_a_file(monkeypatch) -> None:
    from loopcast.data.frame import Frame
    from loopcast.data.joined import Joined

    hours = pd.date_range("2024-01-01", periods=3, freq="h")
    rows = [(hour.to_pydatetime(), n) for n, hour in enumerate(hours)]
    part = database._frame(rows, ["t", "n"], ["t", "n"], ["t"])
    written = pd.DataFrame({"t": hours.strftime("%Y-%m-%d %H:%M"), "y": [1, 2, 3]})
    assert Joined([Frame(written), Frame(part)], [["t"]]).read(["n"])["n"].tolist() == [0, 1, 2]
