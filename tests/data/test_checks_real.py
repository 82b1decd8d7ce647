"""The known quirks of the shared data sets are found, and little else is cried over."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checks_data import loud, parts

from loopcast.core.grid import grid
from loopcast.core.task import Columns, Task
from loopcast.data.checks.finding import Finding
from loopcast.data.checks.panel import check_panel
from loopcast.data.checks.rows import check_rows
from loopcast.data.files import CsvFile, ParquetFile

Codes = dict[str, Finding]


def rows_of(frame: pd.DataFrame, task: Task) -> Codes:
    return {f.code: f for f in check_rows(frame, task)}


def panel_of(frame: pd.DataFrame, task: Task) -> Codes:
    panel = grid(frame, task)
    return {f.code: f for f in check_panel(panel, task, parts(panel, task))}


@pytest.fixture(scope="module")
def retail(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "online_retail_ii" / "online_retail_II.parquet"
    names = ["Invoice", "StockCode", "InvoiceDate", "Quantity", "Country"]
    return ParquetFile(str(path)).read(names, ["Invoice", "StockCode", "Country"])


RETAIL = Task(
    "Quantity", "InvoiceDate", ("StockCode",), "W-SUN", 8, 52, 52, aggregate="sum", gaps="zero"
)


def test_online_retail_rows_show_copies_returns_and_look_alike_codes(retail) -> None:
    found = rows_of(retail, RETAIL)
    copies = found["copied-rows"]
    assert copies.severity == "warning"
    assert 34_335 <= copies.count < 36_000
    assert copies.examples[0] == "2010-12-01"
    assert "8 days stand twice" in copies.detail  # of the nine days one is a Saturday without sales
    assert found["negative-target"].count == 22_950
    assert found["look-alike-keys"].count >= 2 * 173
    assert 6_090 <= found["unusual-keys"].count <= 6_094
    assert "POST" in found["unusual-keys"].examples
    assert found["partial-last-step"].severity == "note"
    assert {f.severity for f in found.values()} == {"warning", "note"}


def test_online_retail_without_an_aggregate_is_stopped(retail) -> None:
    some = retail[retail["StockCode"].isin(["85048", "22423"])]
    duplicates = rows_of(some, replace(RETAIL, aggregate=None, frequency="D"))["duplicates"]
    assert duplicates.severity == "error"
    assert "data.aggregate" in duplicates.advice


def test_online_retail_by_country_is_dominated_and_closed_on_saturdays(retail) -> None:
    task = replace(RETAIL, series=("Country",), frequency="D", horizon=28, season=7, gaps="missing")
    found = panel_of(retail, task)
    assert "closed on Saturdays" in found["closed-steps"].detail
    assert found["gaps"].severity == "warning"
    assert found["concentrated"].examples == ("United Kingdom",)


def test_online_retail_by_code_is_intermittent_with_outliers(retail) -> None:
    found = panel_of(retail, RETAIL)
    assert set(loud(found)) == {"ended", "outliers", "short-season", "too-short"}
    assert "57.4% of all values are 0" in found["intermittent"].detail


def test_walmart_has_absent_weeks_short_series_negatives_and_empty_markdowns(shared_data) -> None:
    folder = shared_data / "walmart"
    names = ["Store", "Dept", "Date", "Weekly_Sales"]
    sales = CsvFile(str(folder / "train.csv.gz")).read(names, names[:2])
    more = CsvFile(str(folder / "features.csv.gz")).read(
        ["Store", "Date", "MarkDown1", "MarkDown2"], ["Store"]
    )
    types = CsvFile(str(folder / "stores.csv.gz")).read(["Store", "Type"], ["Store", "Type"])
    frame = sales.merge(more, "left", on=["Store", "Date"]).merge(types, "left", on="Store")
    task = Task(
        *("Weekly_Sales", "Date", ("Store", "Dept"), "W-FRI", 13, 52, 104),
        static=Columns((), ("Type",)),
        future=Columns(("MarkDown1", "MarkDown2")),
    )
    before = rows_of(frame, task)
    assert list(before) == ["negative-target"]
    assert before["negative-target"].count == 1_285
    found = panel_of(frame, task)
    assert (found["gaps"].severity, found["gaps"].count) == ("warning", 605)
    assert found["too-short"].count > 300
    assert found["missing-covariate"].examples[0].startswith("MarkDown2")
    assert "covariate-shift" in found
    assert set(loud(found)) == {"gaps", "too-short", "missing-covariate", "covariate-shift"}


def test_m5_is_full_of_zeros_and_late_starts(shared_data) -> None:
    path = shared_data / "m5" / "m5_TX_3_FOODS_3_full_d1_d1969_wide.parquet"
    wide = pd.read_parquet(path).iloc[::8, :].set_index("id")
    frame = pd.DataFrame(
        {
            "id": np.repeat(wide.index.to_numpy(dtype=object), wide.shape[1]),
            "date": np.tile(pd.DatetimeIndex(wide.columns).to_numpy(), len(wide)),
            "sales": wide.to_numpy().ravel(),
        }
    )
    task = Task("sales", "date", ("id",), "D", 28, 7, 56)
    assert rows_of(frame, task) == {}
    found = panel_of(frame, task)
    assert loud(found) == []
    assert found["intermittent"].count > len(wide) / 2
    assert "late-start" in found


def test_aus_retail_shows_its_short_series_and_no_warning(shared_data) -> None:
    names = ["State", "Industry", "Month", "Turnover"]
    frame = CsvFile(str(shared_data / "aus_retail" / "aus_retail.csv.gz")).read(names, names[:2])
    task = Task("Turnover", "Month", ("State", "Industry"), "MS", 12, 12, 24, time_format="%Y %b")
    assert rows_of(frame, task) == {}
    found = panel_of(frame, task)
    assert loud(found) == []
    sizes = frame.groupby(["State", "Industry"]).size()
    assert set(found["too-short"].examples) == {", ".join(key) for key in sizes.index[sizes < 36]}
    assert set(found["ended"].examples) == {", ".join(key) for key in sizes.index[sizes < 200]}


def test_stallion_has_zeros_and_no_leak(shared_data) -> None:
    names = ["agency", "sku", "volume", "date", "price_regular", "price_actual", "discount"]
    frame = ParquetFile(str(shared_data / "stallion" / "stallion.parquet")).read(names, names[:2])
    task = Task(
        *("volume", "date", ("agency", "sku"), "MS", 6, 12, 24), future=Columns(tuple(names[4:]))
    )
    assert rows_of(frame, task) == {}
    found = panel_of(frame, task)
    assert "12.1% of all values are 0" in found["intermittent"].detail  # 2,551 of 21,000
    assert "sudden-zeros" in found
    assert loud(found) == ["unit-jump"]  # one series ends at a thousandth of its level


def test_regular_sales_are_left_in_peace(shared_data) -> None:
    source = CsvFile(str(shared_data / "store_item" / "train.csv.gz"), where=[["item", "<=", 5]])
    frame = source.read(["date", "store", "item", "sales"])
    task = Task("sales", "date", ("store", "item"), "D", 90, 7, 180)
    assert rows_of(frame, task) == {}
    assert panel_of(frame, task) == {}


@pytest.mark.parametrize(("name", "horizon", "season"), [("hourly", 48, 24), ("weekly", 13, 52)])
def test_series_of_a_competition_get_no_warning_but_for_length(
    shared_data, name, horizon, season
) -> None:
    frame = ParquetFile(str(shared_data / "m4" / f"{name}_train.parquet")).read(
        ["unique_id", "t", "y"]
    )
    task = Task("y", "t", ("unique_id",), "1", horizon, season, 2 * season, origins="own")
    assert rows_of(frame, task) == {}
    assert set(loud(panel_of(frame, task))) <= {"too-short"}


def test_measured_loads_and_temperatures_are_left_in_peace(shared_data) -> None:
    frame = CsvFile(str(shared_data / "ett" / "ETTh1.csv.gz")).read(["date", "OT", "HUFL"])
    task = Task("OT", "date", (), "h", 96, 24, 168)
    assert rows_of(frame, task) == {}
    assert panel_of(frame, task) == {}
