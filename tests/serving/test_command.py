"""`loopcast predict` and `show`: files in, files out; a person's mistake is one line and exit 2."""

import csv
import gzip
import json

import pandas as pd
import pytest

from loopcast.__main__ import command, guarded


@pytest.fixture
def folder(golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rows.csv", "future.csv"):
        (tmp_path / name).write_bytes((golden / name).read_bytes())
    return tmp_path


def predict(golden, *, model=None, data="rows.csv", future="future.csv", out="out.csv", more=()):
    ahead = ["--future", future] if future else []
    model = str(model or golden / "golden.onnx")
    guarded(lambda: command(["predict", model, "--data", data, "--out", out, *ahead, *more]))


def test_the_command_writes_what_the_predictor_says(golden, folder, predictor, rows, future):
    predict(golden)
    with (folder / "out.csv").open(encoding="utf-8") as lines:
        written = list(csv.DictReader(lines))
    expected = predictor.predict(rows, future).to_records()
    assert written == [{name: str(cell) for name, cell in record.items()} for record in expected]


@pytest.mark.parametrize("out", ["out.csv.gz", "out.parquet"])
def test_other_files_hold_the_same_numbers(golden, folder, out):
    predict(golden)
    predict(golden, out=out)
    read = pd.read_parquet if out.endswith("parquet") else pd.read_csv
    ours, plain = read(out), pd.read_csv("out.csv")
    assert list(ours) == list(plain)
    assert (ours["q0.9"] - plain["q0.9"]).abs().max() < 1e-4
    assert not list(folder.glob("*.part"))


def test_zipped_text_parquet_and_other_separators_are_read(golden, folder):
    predict(golden)
    expected = (folder / "out.csv").read_bytes()
    plain = (folder / "rows.csv").read_bytes()
    (folder / "a.csv.gz").write_bytes(gzip.compress(plain))
    (folder / "b.csv").write_bytes(b"\xef\xbb\xbf" + plain.replace(b",", b";"))
    (folder / "c.csv").write_bytes(plain.replace(b"\n", b"\r\n") + b"\r\n\r\n")
    pd.read_csv("rows.csv", dtype={"Shop": str}).to_parquet("d.parquet")
    for name in ("a.csv.gz", "b.csv", "c.csv", "d.parquet"):
        predict(golden, data=name)
        assert (folder / "out.csv").read_bytes() == expected, name


def change(old, new, count=1):
    return lambda text: text.replace(old, new, count)


BAD = {
    "a column of another name": (change("Sold", "sold"), "did you mean 'sold'"),
    "a column twice": (change("Ware", "Shop"), "several columns ['Shop']"),
    "a time in words": (change("2020-01-01", "May 2020"), "e.g. ['May 2020']"),
    "a target in words": (change("-01,", "-01,x"), "'Sold'"),
    "no rows": (lambda text: text.splitlines()[0] + "\n", "no rows"),
    "an empty file": (lambda text: "", "is empty; it needs a line of column names"),
    "a cell too many": (lambda t: t.replace("\n", ",9\n", 3), "cells, the first line has"),
    "every row twice": (lambda t: t + t.partition("\n")[2], "several rows"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), BAD.values(), ids=BAD)
def test_bad_files_are_told_in_a_line_and_nothing_is_written(
    golden, folder, capsys, spoil, message
):
    text = (folder / "rows.csv").read_text(encoding="utf-8")
    (folder / "bad.csv").write_text(spoil(text), encoding="utf-8")
    refused(golden, folder, capsys, message, data="bad.csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("latin.csv", "Shop,Ware\nSüd,tea\n".encode("latin1"), "no UTF-8 text"),
        ("cut.csv.gz", gzip.compress(b"a,b\n" * 99, mtime=0)[:20], "cut.csv.gz is damaged"),
        ("other.csv.gz", b"hello", "other.csv.gz is damaged"),
        ("other.parquet", b"hello", "other.parquet is no Parquet file"),
    ],
)
def test_damaged_files_are_told_too(golden, folder, capsys, name, content, message):
    (folder / name).write_bytes(content)
    refused(golden, folder, capsys, message, data=name)


def test_wrong_paths_and_options_are_told(golden, folder, capsys):
    refused(golden, folder, capsys, "none.csv cannot be read (No such file", data="none.csv")
    refused(golden, folder, capsys, "(Is a directory)", data=".")
    refused(golden, folder, capsys, "check the path of the artifact", model="none.onnx")
    refused(golden, folder, capsys, "this is no ONNX file", model="rows.csv")
    refused(golden, folder, capsys, "cannot be written", out="nowhere/out.csv")
    refused(golden, folder, capsys, "must end in one of .csv, .csv.gz", out="out.xlsx")
    refused(golden, folder, capsys, "(loopcast predict --future FILE)", future=None)
    refused(golden, folder, capsys, "'soon'", more=["--origin", "soon"])


def refused(golden, folder, capsys, message, **options):
    before = set(folder.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        predict(golden, **options)
    told = capsys.readouterr()
    assert ended.value.code == 2
    assert told.out == ""
    assert told.err.startswith("loopcast: ")
    assert told.err.count("\n") == 1
    assert message in told.err
    assert set(folder.rglob("*")) == before


def test_show_prints_the_task_and_the_card_as_json(golden, capsys):
    command(["show", str(golden / "golden.onnx")])
    decoder = json.JSONDecoder()
    text = capsys.readouterr().out
    task, end = decoder.raw_decode(text)
    assert task["horizon"] == 6
    assert "created" in decoder.raw_decode(text[end:].strip())[0]
