"""`loopcast ledger export` and `thin`, as an operator runs them."""

import subprocess
import sys

import pytest
from tiny_service import one, running


def loopcast(folder, *args):
    return subprocess.run(
        [sys.executable, "-m", "loopcast", "ledger", *map(str, args)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A ledger with two forecasts of the same, one of them beside a value."""
    found = tmp_path_factory.mktemp("ledger")
    with running(found) as service:
        for _ in range(2):
            service.forecast({"series": [one()]})
        sent = {"key": {"shop": "a", "item": "x"}, "time": "2018-09-01", "value": 5.0}
        service.client.post("/v1/actuals", json={"actuals": [sent]})
    store = f"model: tiny\nstore: {{url: 'sqlite:///{found}/ledger.db'}}\n"
    (found / "keep.yaml").write_text(store)
    (found / "thin.yaml").write_text(store + "retention: {repeats: 0}\n")
    return found


def test_the_ledger_is_exported_beside_what_came(folder):
    parquet = pytest.importorskip("pyarrow.parquet")
    done = loopcast(folder, "export", "all.parquet", "--every", "--config", "keep.yaml")
    assert done.returncode == 0 and "6 rows" in done.stdout, done.stderr
    loopcast(folder, "export", "newest.parquet", "--config", "keep.yaml")
    found = parquet.read_table(folder / "newest.parquet").to_pydict()
    assert found["q0.5"] == [5.5, 6.5, 7.5] and found["actual"] == [5.0, None, None]
    assert found["shop"] == ["a"] * 3 and found["horizon"] == [1, 2, 3]


def test_the_ledger_is_thinned_by_its_policy(folder):
    refused = loopcast(folder, "thin", "--config", "keep.yaml")
    assert refused.returncode == 2 and "set retention" in refused.stderr
    assert "1 repeated" in loopcast(folder, "thin", "--config", "thin.yaml").stdout
    assert "0 repeated" in loopcast(folder, "thin", "--config", "thin.yaml").stdout


def test_a_folder_that_is_not_there_is_named(folder):
    done = loopcast(folder, "export", "nowhere/x.parquet", "--config", "keep.yaml")
    assert done.returncode == 2 and "nowhere is no folder" in done.stderr
