"""Pictures of forecasts, and scenarios side by side: files in, pictures and tables out."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.__main__ import command, guarded
from loopcast.core.forecast import Forecast
from loopcast.core.task import Task
from loopcast.evaluation.plots import SHOWN, Past, by_key, compare, picture

TASK = Task("sold", "day", ("shop",), "D", 3, season=7, history=7, quantiles=(0.1, 0.5, 0.9))


def rows(shops=("a", "b"), days=20):
    time = pd.date_range("2024-01-01", periods=days)
    return pd.concat(
        [
            pd.DataFrame({"shop": shop, "day": time, "sold": 10.0 * (i + 1) + np.arange(days) % 7})
            for i, shop in enumerate(shops)
        ]
    )


def forecast(shops=("a", "b"), level=15.0, origin="2024-01-20"):
    count = len(shops)
    times = np.datetime64(origin, "s") + np.arange(1, 4) * np.timedelta64(1, "D")
    fan = level + np.array([-2.0, 0.0, 2.0], np.float32)
    return Forecast(
        {"shop": np.array(shops, object)}, "day", np.full(count, np.datetime64(origin, "s")),
        np.tile(times, (count, 1)), np.tile(fan, (count, 3, 1)).astype(np.float32), (0.1, 0.5, 0.9),
    )  # fmt: skip


def drawn(path):
    """The words of an SVG."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", path.read_text())


def test_a_picture_names_series_ranges_and_history(tmp_path):
    picture(forecast(), rows(), TASK, tmp_path / "x.svg")
    words = drawn(tmp_path / "x.svg")
    assert {"a", "b", "history", "forecast", "80 % range"} <= set(words)
    assert "actual" not in words
    assert "sold: 2 of 2 series" in words


def test_actuals_after_a_named_origin_are_shown(tmp_path):
    picture(forecast(origin="2024-01-15"), rows(), TASK, tmp_path / "x.svg")
    assert "actual" in drawn(tmp_path / "x.svg")
    times, values = Past.of(rows(), TASK).of_series(("b",), np.datetime64("2024-01-15", "s"))
    assert str(times[-1])[:10] == "2024-01-18"  # the horizon, and no step more
    assert values[-1] == 20 + 17 % 7


def test_few_of_many_series_are_shown(tmp_path):
    shops = [f"s{i:02}" for i in range(40)]
    picture(forecast(shops), rows(shops), TASK, tmp_path / "x.svg")
    names = [word for word in drawn(tmp_path / "x.svg") if re.fullmatch(r"s\d\d", word)]
    assert len(names) == SHOWN
    assert names[0] == "s00"
    assert names[-1] == "s39"


def test_a_single_series_without_history_rows_of_its_own_is_drawn(tmp_path):
    picture(forecast(("new",)), rows(), TASK, tmp_path / "x.svg")
    assert "new" in drawn(tmp_path / "x.svg")


def test_a_series_is_found_by_its_key_in_whatever_order(tmp_path):
    past = Past.of(rows(("z", "a")), TASK)
    assert past.of_series(("z",), np.datetime64("2024-01-20", "s"))[1].max() < 20
    assert past.of_series(("a",), np.datetime64("2024-01-20", "s"))[1].min() >= 20
    points = by_key(forecast(("z", "a")))
    assert list(points) == [("z",), ("a",)]


def test_scenarios_are_told_by_how_much_they_differ(tmp_path):
    calm, loud = forecast(level=10.0), forecast(level=12.0)
    compare({"calm": calm, "loud": loud}, rows(), TASK, tmp_path / "x.svg")
    words = drawn(tmp_path / "x.svg")
    assert "sold by scenario; loud +20.0 % against calm" in words
    assert "all 2 series: sum of the medians" in words
    assert {"calm", "loud", "history"} <= set(words)


def test_positions_without_dates_have_no_total(tmp_path):
    task = Task("sold", "step", (), "1", 3, season=7, history=7, origins="own")
    table = pd.DataFrame({"step": np.arange(20), "sold": np.arange(20.0)})
    fan = np.ones((1, 3, 3), np.float32)
    one = Forecast({}, "step", np.array([19]), np.array([[20, 21, 22]]), fan, (0.1, 0.5, 0.9))
    compare({"a": one, "b": one}, table, task, tmp_path / "x.svg")
    words = drawn(tmp_path / "x.svg")
    assert not any("sum of the medians" in word for word in words)
    assert "b +0.0 % against a" in words


@pytest.fixture
def scenarios(golden, tmp_path, monkeypatch):
    """Golden rows, and two files of what may come."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_bytes((golden / "rows.csv").read_bytes())
    ahead = pd.read_csv(golden / "future.csv")
    ahead.to_csv("as_is.csv", index=False)
    ahead.assign(Price=ahead.Price * 2).to_csv("dear.csv", index=False)
    return tmp_path


def predict(golden, *options):
    model = str(golden / "golden.onnx")
    guarded(lambda: command(["predict", model, "--data", "rows.csv", *options]))


TWO = ("--future", "as_is.csv", "--future", "dear.csv")


def test_two_futures_are_compared_in_a_picture_and_one_table(golden, scenarios):
    predict(golden, *TWO, "--compare", "x.png", "--out", "both.csv")
    assert (scenarios / "x.png").read_bytes().startswith(b"\x89PNG")
    both = pd.read_csv("both.csv")
    assert list(both.columns[:3]) == ["scenario", "Shop", "Ware"]
    assert both.scenario.unique().tolist() == ["as_is", "dear"]
    predict(golden, "--future", "dear.csv", "--out", "dear_out.csv")
    alone = pd.read_csv("dear_out.csv")
    of_both = both[both.scenario == "dear"].drop(columns="scenario").reset_index(drop=True)
    pd.testing.assert_frame_equal(of_both, alone)
    assert not np.allclose(both.forecast[both.scenario == "as_is"], alone.forecast)


def test_scenarios_without_a_picture_are_a_table(golden, scenarios):
    predict(golden, *TWO, "--out", "both.parquet")
    assert pd.read_parquet("both.parquet").scenario.nunique() == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--future", "as_is.csv", "--compare", "x.png"), "--future FILE for each of two or more"),
        (("--compare", "x.png"), "--future FILE for each of two or more"),
        (("--future", "as_is.csv", "--future", "as_is.csv", "--compare", "x.png"), "named twice"),
        ((*TWO, "--picture", "x.png"), "use --compare"),
        ((*TWO, "--compare", "x.nonsense"), "name a .png, .svg or .pdf"),
        ((*TWO, "--compare", "nowhere/x.png"), "cannot be written"),
        (("--future", "as_is.csv", "--future", "gone.csv", "--compare", "x.png"), "gone.csv"),
        (("--future", "as_is.csv", "--future", "short.csv", "--compare", "x.png"), "short.csv: "),
        ((), "say where the forecast goes"),
    ],
)
def test_wrong_scenarios_are_one_line_and_exit_2(golden, scenarios, capsys, options, told):
    pd.read_csv("as_is.csv").head(3).to_csv("short.csv", index=False)
    with pytest.raises(SystemExit) as stopped:
        predict(golden, *options)
    assert stopped.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert told in error


def test_a_model_without_known_ahead_columns_has_no_scenarios(folder, capsys):
    (folder / "one.csv").write_text("Month\n")
    (folder / "two.csv").write_text("Month\n")
    options = ["--future", "one.csv", "--future", "two.csv", "--compare", "x.png"]
    with pytest.raises(SystemExit):
        guarded(lambda: command(["predict", "export/small.onnx", "--data", "sales.csv", *options]))
    assert "no known-ahead columns" in capsys.readouterr().err


def test_files_of_one_name_in_two_folders_are_told_apart(golden, scenarios):
    (scenarios / "other").mkdir()
    (scenarios / "other" / "as_is.csv").write_bytes((scenarios / "dear.csv").read_bytes())
    predict(golden, "--future", "as_is.csv", "--future", "other/as_is.csv", "--out", "both.csv")
    assert pd.read_csv("both.csv").scenario.unique().tolist() == ["as_is.csv", "other/as_is.csv"]


def test_a_single_step_is_drawn(tmp_path):
    whole = forecast()
    one = replace(whole, times=whole.times[:, :1], quantiles=whole.quantiles[:, :1])
    picture(one, rows(), replace(TASK, horizon=1), tmp_path / "x.svg")
    marks = (tmp_path / "x.svg").read_text()
    assert "<use" in marks and "LineCollection" in marks


def test_a_key_with_dollars_is_text(tmp_path):
    picture(forecast(("$5%-$10%", "b")), rows(("$5%-$10%", "b")), TASK, tmp_path / "x.svg")
    assert "$5%-$10%" in drawn(tmp_path / "x.svg")
