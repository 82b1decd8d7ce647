"""CSV and Parquet files: what is read, as what, and what is told where it cannot be read."""

import gzip
from datetime import date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loopcast.core.errors import ConfigError, DataError, MissingColumn
from loopcast.core.grid import grid
from loopcast.core.task import Task
from loopcast.data.files import CsvFile, ParquetFile

FRAME = pd.DataFrame(
    {
        "shop": ["007", "007", "8", None],
        "kind": [1, 2, 3, 4],
        "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]),
        "units": [1.5, np.nan, 3.0, 4.0],
        "unused": ["x"] * 4,
    }
)


@pytest.fixture
def csv(tmp_path) -> str:
    FRAME.to_csv(tmp_path / "sales.csv", index=False)
    return str(tmp_path / "sales.csv")


@pytest.fixture
def parquet(tmp_path) -> str:
    FRAME.to_parquet(tmp_path / "sales.parquet")
    return str(tmp_path / "sales.parquet")


def test_a_csv_file_gives_numbers_as_numbers_and_keys_as_written(csv) -> None:
    frame = CsvFile(csv).read(["units", "shop"], ["shop"])
    assert list(frame.columns) == ["units", "shop"]
    assert frame["shop"].tolist()[:3] == ["007", "007", "8"]
    assert frame["shop"].isna().tolist() == [False, False, False, True]
    np.testing.assert_array_equal(frame["units"], [1.5, np.nan, 3, 4])


def test_words_for_missing_are_missing_numbers_but_ordinary_keys(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("shop,units\nNA,NA\nnull,2\n,3\n")
    frame = CsvFile(str(tmp_path / "a.csv")).read(["shop", "units"], ["shop"])
    assert frame["shop"].fillna("").tolist() == ["NA", "null", ""]
    np.testing.assert_array_equal(frame["units"], [np.nan, 2, 3])


def test_separators_decimals_and_encodings_of_europe_are_read(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes("größe;menge\nfünf;1,5\n".encode("cp1252"))
    source = CsvFile(str(tmp_path / "a.csv"), separator=";", decimal=",", encoding="cp1252")
    frame = source.read(["größe", "menge"], ["größe"])
    assert frame.to_dict("list") == {"größe": ["fünf"], "menge": [1.5]}


def test_a_byte_order_mark_and_compression_do_not_matter(tmp_path) -> None:
    with gzip.open(tmp_path / "a.csv.gz", "wb") as out:
        out.write("\ufeffshop,units\na,1\n".encode())
    assert CsvFile(str(tmp_path / "a.csv.gz")).columns() == ["shop", "units"]


def test_dates_in_a_stated_format_go_onto_the_grid(root) -> None:
    names = ["State", "Industry", "Month", "Turnover"]
    frame = CsvFile(str(root / "data" / "aus_retail.csv.gz")).read(names, names[:3])
    assert frame["Month"][0] == "1982 Apr"
    task = Task("Turnover", "Month", ("State", "Industry"), "MS", 12, time_format="%Y %b")
    panel = grid(frame, task)
    assert len(panel) == 152
    assert panel.start.min() == (1982 - 1970) * 12 + 3


def test_patterns_and_lists_are_read_one_below_the_other(tmp_path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text(f"shop\n{name}\n")
    pattern = CsvFile(str(tmp_path / "*.csv")).read(["shop"])
    assert pattern["shop"].tolist() == ["a", "b"]
    listed = CsvFile([str(tmp_path / "b.csv"), str(tmp_path / "a.csv")]).read(["shop"])
    assert listed["shop"].tolist() == ["b", "a"]


def test_a_parquet_file_gives_what_the_csv_file_gives(csv, parquet) -> None:
    names = ["shop", "units"]
    one, other = CsvFile(csv).read(names, ["shop"]), ParquetFile(parquet).read(names, ["shop"])
    assert (
        one.fillna("").astype(str).values.tolist() == other.fillna("").astype(str).values.tolist()
    )


def test_a_parquet_folder_is_one_table(tmp_path) -> None:
    FRAME[:2].to_parquet(tmp_path / "1.parquet")
    FRAME[2:].to_parquet(tmp_path / "2.parquet")
    assert ParquetFile(str(tmp_path)).read(["kind"])["kind"].tolist() == [1, 2, 3, 4]


def test_partitions_are_columns_and_keep_their_leading_zeros(tmp_path) -> None:
    table = pa.Table.from_pandas(FRAME[:3])
    pq.write_to_dataset(table, tmp_path / "sales", partition_cols=["shop", "kind"])
    source = ParquetFile(str(tmp_path / "sales"))
    assert {"shop", "kind", "units"} <= set(source.columns())
    frame = source.read(["shop", "kind", "units"], ["shop"]).sort_values("kind")
    assert frame["shop"].tolist() == ["007", "007", "8"]
    assert frame["kind"].astype(int).tolist() == [1, 2, 3]


def test_only_the_needed_columns_of_a_parquet_file_are_read(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    wide = FRAME.assign(other=np.random.default_rng(0).random(4))
    wide.to_parquet(path, compression="none")
    column = pq.ParquetFile(path).metadata.row_group(0).column(wide.columns.get_loc("other"))
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)
    assert ParquetFile(str(path)).read(["kind"])["kind"].tolist() == [1, 2, 3, 4]
    with pytest.raises(DataError, match="cannot be read"):
        ParquetFile(str(path)).read(["other"])


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (["kind", "==", 2], [2]),
        (["kind", "==", "2"], [2]),
        (["kind", "!=", 2], [1, 3, 4]),
        (["kind", ">", 2.5], [3, 4]),
        (["kind", "<=", 2], [1, 2]),
        (["kind", "in", [1, 4, 9]], [1, 4]),
        (["kind", "not in", [1, 4]], [2, 3]),
        (["units", ">=", 3], [3, 4]),
        (["units", "!=", 3], [1, 2, 4]),
        (["shop", "==", "007"], [1, 2]),
        (["shop", "==", 8], [3]),
        (["shop", "!=", "007"], [3, 4]),
        (["shop", "<", 8], [1, 2]),
        (["shop", "in", ["007", 8]], [1, 2, 3]),
        (["shop", "match", "00.*"], [1, 2]),
        (["shop", "match", "0"], []),
        (["shop", "not match", "00.*"], [3, 4]),
        (["day", ">", "2024-01-02"], [3, 4]),
        (["day", "<=", date(2024, 1, 2)], [1, 2]),
        (["day", "==", datetime(2024, 1, 3)], [3]),
    ],
)
def test_conditions_mean_the_same_in_both_formats(condition, kept, csv, parquet) -> None:
    for source in (CsvFile(csv, where=[condition]), ParquetFile(parquet, where=[condition])):
        assert source.read(["kind", "shop"], ["shop"])["kind"].tolist() == kept


def test_conditions_add_up_and_may_look_at_columns_that_are_not_read(csv, parquet) -> None:
    where = [["kind", ">", 1], ["units", "<", 4]]
    for source in (CsvFile(csv, where=where), ParquetFile(parquet, where=where)):
        frame = source.read(["shop"], ["shop"])
        assert frame["shop"].tolist() == ["8"]


def test_conditions_that_cannot_be_are_told(csv, parquet) -> None:
    for kind, path in ((CsvFile, csv), (ParquetFile, parquet)):
        with pytest.raises(ConfigError, match=r"'=>'.*use one of ==, >"):
            kind(path, where=[["kind", "=>", 1]]).read(["kind"])
        with pytest.raises(ConfigError, match=r"should be \[column, operator, value\]"):
            kind(path, where=["kind > 1"]).read(["kind"])
        with pytest.raises(ConfigError, match="'units' > 'many' cannot be asked"):
            kind(path, where=[["units", ">", "many"]]).read(["kind"])
        with pytest.raises(MissingColumn, match=r"'size'.*shop, kind"):
            kind(path, where=[["size", ">", 1]]).read(["kind"])


def test_what_cannot_be_read_is_told_with_its_path(tmp_path) -> None:
    for source in (CsvFile(str(tmp_path / "no.csv")), ParquetFile(str(tmp_path / "no*.parquet"))):
        with pytest.raises(DataError, match=r"there is no file .*no"):
            source.columns()
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=r"text\.parquet cannot be read"):
        ParquetFile(str(tmp_path / "text.parquet")).columns()
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty\.csv cannot be read"):
        CsvFile(str(tmp_path / "empty.csv")).columns()
    (tmp_path / "latin.csv").write_bytes("größe\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"latin\.csv cannot be read"):
        CsvFile(str(tmp_path / "latin.csv")).columns()


def test_words_for_missing_are_texts_in_a_column_that_turns_out_to_be_text(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("region,units\nEU,NA\nNA,2\n,3\n")
    frame = CsvFile(str(tmp_path / "a.csv")).read(["region", "units"])
    assert frame["region"].fillna("").tolist() == ["EU", "NA", ""]
    np.testing.assert_array_equal(frame["units"], [np.nan, 2, 3])


def test_a_key_of_whole_numbers_with_a_point_is_the_key_without(tmp_path) -> None:
    path = str(tmp_path / "a.parquet")
    pd.DataFrame({"store": [1.0, 2.0, np.nan], "size": [1, 2, 3]}).to_parquet(path)
    frame = ParquetFile(path).read(["store", "size"], ["store", "size"])
    assert frame["store"].fillna("").tolist() == ["1", "2", ""]
    assert frame["size"].tolist() == ["1", "2", "3"]


def test_a_compressed_file_that_was_cut_off_is_told(tmp_path) -> None:
    content = gzip.compress("".join(f"{n},{n * n % 977}\n" for n in range(9999)).encode())
    (tmp_path / "a.csv.gz").write_bytes(b"".join([content[: len(content) // 2]]))
    with pytest.raises(DataError, match="cannot be read"):
        CsvFile(str(tmp_path / "a.csv.gz")).read(["0"])


def test_with_a_decimal_comma_a_word_among_numbers_is_the_only_wrong_cell(tmp_path) -> None:
    lines = "\n".join(["shop;units;size", *(f"a;{n},5;x,5" for n in range(9)), "a;n/a;1,5"])
    (tmp_path / "a.csv").write_text(lines)
    frame = CsvFile(str(tmp_path / "a.csv"), separator=";", decimal=",").read(["units", "size"])
    assert frame["units"].tolist() == [*(f"{n}.5" for n in range(9)), "n/a"]
    assert frame["size"].tolist() == ["x,5"] * 9 + ["1,5"]  # a column of texts stays as it is
    (chunk,) = CsvFile(str(tmp_path / "a.csv"), separator=";", decimal=",").chunks(
        ["units", "size"]
    )
    assert chunk.to_dict("list") == frame.to_dict("list")


def test_an_encoding_that_nobody_knows_is_told(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("shop,units\na,1\n")
    with pytest.raises(DataError, match="cp-1252"):
        CsvFile(str(tmp_path / "a.csv"), encoding="cp-1252").columns()


def test_a_text_is_one_text_in_all_pieces_and_files(tmp_path) -> None:
    for name, codes in (("a", ["007", "008"]), ("b", ["007", "C12"])):
        lines = "\n".join(f"{code},1" for code in codes)
        (tmp_path / f"{name}.csv").write_text(f"kind,units\n{lines}\n")
    source = CsvFile(str(tmp_path / "*.csv"))
    assert source.read(["kind", "units"])["kind"].tolist() == ["007", "008", "007", "C12"]
    with pytest.raises(DataError, match=r"'kind' holds numbers at first and 'C12' in row 3"):
        list(source.chunks(["kind", "units"]))
    text = pd.concat(source.chunks(["kind", "units"], ["kind"]))
    assert text["kind"].tolist() == ["007", "008", "007", "C12"]
    many = "\n".join(["kind", *["007"] * 300_000, "C1"])
    (tmp_path / "many.csv").write_text(many)
    assert set(CsvFile(str(tmp_path / "many.csv")).read(["kind"])["kind"]) == {"007", "C1"}


def test_a_text_column_that_is_blank_at_first_may_come_in_chunks(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("loopcast.data.files.CHUNK", 3)
    (tmp_path / "a.csv").write_text("event,units\n" + ",1\n" * 5 + "fair,1\n")
    found = pd.concat(CsvFile(str(tmp_path / "a.csv")).chunks(["event", "units"]))
    assert found["event"].dropna().tolist() == ["fair"]


def test_long_numbers_of_keys_keep_every_digit_beside_a_blank(tmp_path) -> None:
    ids = pd.array([9007199254740993, 9007199254740992, None], dtype="Int64")
    pd.DataFrame({"id": ids}).to_parquet(tmp_path / "a.parquet")
    found = ParquetFile(str(tmp_path / "a.parquet")).read(["id"], ["id"])["id"]
    assert found[:2].tolist() == ["9007199254740993", "9007199254740992"]
    assert found.isna().tolist() == [False, False, True]


def test_a_file_of_a_header_alone_changes_nothing(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("kind,units\nx,1\ny,NA\n")
    (tmp_path / "b.csv").write_text("kind,units\n")
    source = CsvFile(str(tmp_path / "*.csv"))
    assert source.read(["kind", "units"])["units"].dtype == float
    assert len(pd.concat(source.chunks(["kind", "units"]))) == 2


def test_a_header_alone_may_come_first(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("loopcast.data.files.CHUNK", 2)
    (tmp_path / "a.csv").write_text("kind,units\n")
    (tmp_path / "b.csv").write_text("kind,units\nC12,1\nNA,1\n007,1\n008,1\n")
    source = CsvFile(str(tmp_path / "*.csv"))
    found = pd.concat(source.chunks(["kind"]))["kind"].tolist()
    assert found == source.read(["kind"])["kind"].tolist() == ["C12", "NA", "007", "008"]


def test_rows_that_are_left_out_say_nothing_of_a_column(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("loopcast.data.files.CHUNK", 3)
    lines = "\n".join(["row,units", *["item,1"] * 4, "total,n/a", "item,2"])
    (tmp_path / "a.csv").write_text(lines)
    source = CsvFile(str(tmp_path / "a.csv"), where=[["row", "==", "item"]])
    found = pd.concat(source.chunks(["row", "units"]))["units"]
    assert found.astype(float).tolist() == [1, 1, 1, 1, 2]
