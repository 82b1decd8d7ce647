"""PostgreSQL for real: transactions of a shop in a private server, read and forecast by a query."""

import os
import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import private_postgres
import pyarrow.csv
import pyarrow.parquet
import pytest
import sqlalchemy as sa
import yaml
from documented import blocks

from loopcast.core.errors import DataError
from loopcast.core.grid import grid
from loopcast.core.task import Task
from loopcast.data.database import SqlQuery
from loopcast.serving.predictor import Predictor

TABLE = """
CREATE TABLE transactions (
    "Invoice" text, "StockCode" text, "Description" text, "Quantity" integer,
    "InvoiceDate" timestamp, "Price" numeric(12, 4), "Customer ID" double precision, "Country" text
)
"""
WEEKLY = Task("units", "moment", ("code",), "W-SUN", 8, aggregate="sum", gaps="zero")
NAMES = ["code", "moment", "units"]


@pytest.fixture(scope="module")
def shop(postgres_server, shared_data) -> str:
    """The url of a database that holds the shop's transactions."""
    url = private_postgres.create(postgres_server, "shop")
    path = shared_data / "online_retail_ii" / "online_retail_II.parquet"
    rows = pyarrow.BufferOutputStream()
    pyarrow.csv.write_csv(
        pyarrow.parquet.read_table(path), rows, pyarrow.csv.WriteOptions(include_header=False)
    )
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(TABLE))
        cursor = connection.connection.cursor()
        with cursor.copy("COPY transactions FROM STDIN (FORMAT csv)") as copy:
            copy.write(rows.getvalue().to_pybytes())
    engine.dispose()
    return url


@pytest.fixture
def config(root) -> dict:
    """What docs/data.md tells people to write."""
    return next(c for c in blocks(root / "docs" / "data.md", "yaml") if "SHOP_DATABASE" in str(c))


def configured(config: dict, url: str) -> SqlQuery:
    options = config["data"]["source"]["init_args"]
    return SqlQuery(url, options["query"], options["parameters"])


def test_weekly_units_of_a_query_are_those_of_the_file(shop, config, shared_data) -> None:
    frame = configured(config, shop).read(NAMES, ["code"])
    path = shared_data / "online_retail_ii" / "online_retail_II.parquet"
    raw = pd.read_parquet(path)
    raw = raw[(raw["Quantity"] > 0) & (raw["Price"] > 0)].drop_duplicates()
    raw["code"] = raw["StockCode"].str.strip().str.upper()
    raw = raw[raw["code"].str.fullmatch("[0-9]{5}[A-Z]*")]
    assert len(frame) == len(raw)
    panel = grid(frame, WEEKLY)
    weeks = raw["InvoiceDate"].dt.to_period("W-SUN").dt.end_time.dt.normalize()
    wanted = raw.groupby(["code", weeks])["Quantity"].sum()
    wanted = wanted[wanted.index.get_level_values(1) <= "2011-12-04"]
    assert panel.target.sum() == wanted.sum()
    own = panel.target[panel.offsets[list(panel.keys["code"]).index("85123A")] :][:105]
    mine = wanted["85123A"]
    np.testing.assert_array_equal(own[own > 0][: len(mine)], mine.to_numpy())


def test_a_query_is_trained_on_and_forecast_from(shop, config, root, tmp_path) -> None:
    config["data"]["source"]["init_args"]["parameters"]["product"] = "^221[0-9]{2}[A-Z]*$"
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(config))
    train = [sys.executable, str(root / "train.py"), "fit", "--config", "shop.yaml"]
    done = subprocess.run(
        [*train, "--trainer.max_steps=2", "--trainer.enable_progress_bar=false"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "SHOP_DATABASE": shop},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "warning: short-season" in done.stderr
    rows = configured(config, shop).read(NAMES, ["code"])
    forecast = Predictor(next(tmp_path.glob("export/*.onnx"))).predict(rows)
    assert len(forecast) == rows["code"].nunique()
    assert np.isfinite(forecast.quantiles).all()
    assert str(forecast.times[0][0])[:10] == "2011-12-11"


def test_rows_stream_from_a_cursor_on_the_server(postgres_url) -> None:
    query = "SELECT n, (SELECT count(*) FROM pg_cursors) AS cursors FROM generate_series(1, 95) n"
    frame = SqlQuery(postgres_url, query, chunk=10).read(["n", "cursors"])
    assert frame["n"].tolist() == list(range(1, 96))
    assert (frame["cursors"] >= 1).all()


def test_dates_decimals_and_nulls_of_the_database_go_onto_the_grid(postgres_url) -> None:
    query = """
        SELECT DATE '2024-01-01' + 31 * n AS month, NULLIF(n, 3) * 1.25 AS units,
            TIMESTAMPTZ '2024-01-01 00:30:00+01' + n * INTERVAL '1 hour' AS hour
        FROM generate_series(0, 5) n
    """
    frame = SqlQuery(postgres_url, query).read(["month", "units", "hour"])
    assert frame["month"][0] == date(2024, 1, 1)
    monthly = grid(frame, Task("units", "month", (), "MS", 1))
    np.testing.assert_array_equal(monthly.target, [0, 1.25, 2.5, np.nan, 5, 6.25])
    hourly = grid(frame, Task("units", "hour", (), "h", 1, zone="Europe/Berlin", aggregate="sum"))
    assert len(hourly.target) == 6


def test_bind_parameters_are_values_and_never_sql(postgres_url, monkeypatch) -> None:
    monkeypatch.setenv("WORD", "it's; DROP TABLE x --")
    source = SqlQuery(postgres_url, "SELECT CAST(:word AS text) AS word", {"word": "${WORD}"})
    assert source.read(["word"], ["word"])["word"].tolist() == ["it's; DROP TABLE x --"]


def test_errors_of_the_database_are_told_without_the_password(postgres_url) -> None:
    secret = postgres_url.replace("loopcast@", "loopcast:hushhush@")
    with pytest.raises(DataError, match=r'relation "sales" does not exist') as failed:
        SqlQuery(secret, "SELECT * FROM sales").read(["a"])
    assert "hushhush" not in str(failed.value)
    nowhere = "postgresql+psycopg://loopcast:hushhush@127.0.0.1:1/x"
    with pytest.raises(DataError, match="cannot connect") as failed:
        SqlQuery(nowhere, "SELECT 1 AS a").read(["a"])
    assert "hushhush" not in str(failed.value)


def test_a_query_that_fails_half_way_is_an_error_that_tells_why(postgres_url) -> None:
    with pytest.raises(DataError, match="division by zero"):
        SqlQuery(
            postgres_url, "SELECT 1 / (50 - n) AS a FROM generate_series(1, 99) n", chunk=7
        ).read(["a"])
