"""The page of a run: whole, standing alone, and honest about what is missing."""

import json
import re
import shutil
from html import escape, unescape

import numpy as np
import pandas as pd
import pytest
from balanced import parsed

from loopcast.__main__ import command, guarded
from loopcast.core.errors import DataError
from loopcast.core.grid import grid
from loopcast.core.judging import judge
from loopcast.core.task import Task
from loopcast.core.verdict import value
from loopcast.evaluation import fans
from loopcast.evaluation.charts import counted, moments, numbers, short
from loopcast.evaluation.run import Run, hidden
from loopcast.evaluation.run_page import page


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html))


@pytest.fixture(scope="session")
def html(trained):
    return page(Run.read(str(trained / "checkpoints" / "small")))


@pytest.fixture
def part(trained, tmp_path):
    """Copies the named files of the run."""

    def copied(*names):
        folder = tmp_path / "checkpoints" / "small"
        folder.mkdir(parents=True)
        for name in names:
            shutil.copy(trained / "checkpoints" / "small" / name, folder / name)
        return folder

    return copied


def test_the_page_needs_nothing_else(html):
    parsed(html)
    assert not re.search(r"(?:src|href)=|url\(|@import|<script|https?:", html)
    assert "prefers-color-scheme:dark" in html
    assert 'name="viewport"' in html
    assert len(html) < 400_000


def test_the_page_shows_scores_beside_naive_as_they_are_stored(html, trained):
    board = json.loads((trained / "checkpoints" / "small" / "test.json").read_text())
    for name, score in board["overall"].items():
        assert f"<td>{value(name, score)}</td><td>{value(name, board['naive'][name])}</td>" in html
    for state in board["by_category"]["State"]:
        assert f"<tr><th>{state}</th>" in html
    verdicts = {True: "Beats seasonal naive", False: "NOT beat seasonal naive"}
    assert verdicts[board["beats_naive"]] in html


def test_the_page_shows_best_median_worst_and_largest_series(html, trained):
    table = pd.read_parquet(trained / "checkpoints" / "small" / "test.parquet")
    table["error"] = (table.actual - table.forecast).abs() / table.scale
    errors = table.groupby(["State", "Industry"]).error.mean().dropna().sort_values()
    for word, key in (("best", errors.index[0]), ("worst", errors.index[-1])):
        caption = next(c for c in re.findall("<figcaption>(.*?)</figcaption>", html) if word in c)
        assert escape(", ".join(key)) in caption
    assert html.count('class="band"') >= 6
    assert re.search(r"2018-\d\d-01: actual [\d.]+, forecast [\d.,]+ \([\d.,]+ to", html)


def test_the_page_shows_losses_plan_config_findings_and_versions(html):
    text = text_of(html)
    for word in ("Loss by step", "What was derived", "(derived)", "Configuration", "torch 2."):
        assert word in text
    assert "What was found in the data" in text
    assert "class_path: loopcast.data.files.CsvFile" in text
    assert "By step of the horizon" in text


def test_the_command_writes_the_page_into_the_run_or_where_it_is_told(folder, capsys):
    command(["report", "small"])
    assert "the report is checkpoints/small/report.html" in capsys.readouterr().out
    command(["report", "checkpoints/small", "--out", "pages/one.html"])
    one = (folder / "pages" / "one.html").read_text()
    assert one == (folder / "checkpoints" / "small" / "report.html").read_text()


def test_an_unknown_run_is_told_with_the_nearest_there_is(folder, capsys):
    with pytest.raises(SystemExit) as stopped:
        guarded(lambda: command(["report", "smal"]))
    assert stopped.value.code == 2
    assert "there is small" in capsys.readouterr().err
    (folder / "empty").mkdir(exist_ok=True)
    with pytest.raises(DataError, match="holds no run"):
        Run.read("empty")


def test_a_run_that_was_not_tested_names_the_command(part):
    told = page(Run.read(str(part("config.yaml", "metrics.csv", "plan.json", "steps.json"))))
    parsed(told)
    assert re.search(r"python train.py test --config \S*checkpoints/small/config.yaml", told)
    assert "Loss by step" in told
    assert "Scores of the test part" not in told


def test_scores_alone_make_a_page(part):
    told = page(Run.read(str(part("test.json"))))
    parsed(told)
    assert "Scores of the test part" in told
    assert "kept no log" in told
    assert "Forecasts against actuals" not in told


def test_forecasts_without_their_past_are_drawn(part):
    told = page(Run.read(str(part("test.json", "test.parquet"))))
    parsed(told)
    assert told.count('class="band"') >= 6


def test_a_run_that_loses_to_naive_says_so_loudly(part):
    folder = part("test.json")
    board = json.loads((folder / "test.json").read_text())
    board["overall"], board["naive"] = (
        {**board["overall"], "mase": 2.0},
        {**board["naive"], "mase": 1.0},
    )
    board["beats_naive"] = False
    (folder / "test.json").write_text(json.dumps(board))
    told = page(Run.read(str(folder)))
    assert 'class="verdict bad">Does NOT beat seasonal naive: MASE 2.00 against 1.00' in told


def test_names_from_the_data_are_escaped(part):
    folder = part("test.json", "test.parquet")
    table = pd.read_parquet(folder / "test.parquet")
    table["State"] = "<img src=x>"
    table.to_parquet(folder / "test.parquet")
    board = json.loads((folder / "test.json").read_text())
    states = board["by_category"]["State"]
    board["by_category"]["State"] = {f"<b>{name}": scores for name, scores in states.items()}
    (folder / "test.json").write_text(json.dumps(board))
    told = page(Run.read(str(folder)))
    assert "<img" not in told
    assert "<b>Vic" not in told
    parsed(told)


def test_a_password_in_the_config_is_not_shown(part):
    folder = part("config.yaml", "test.json")
    config = (folder / "config.yaml").read_text()
    url = "postgresql+psycopg://shop:h:unter2@db/sales"
    (folder / "config.yaml").write_text(config.replace("path: sales.csv", f"url: {url}"))
    told = page(Run.read(str(folder)))
    assert "unter2" not in told
    assert "postgresql+psycopg://shop:***@db/sales" in told


def test_a_damaged_file_is_named(part):
    folder = part("config.yaml")
    (folder / "test.json").write_text("{")
    with pytest.raises(DataError, match=r"test\.json is no JSON"):
        Run.read(str(folder))


def single(actual, forecast, scale=1.0, origins=1):
    steps = len(actual) // origins
    first = np.datetime64("2024-01-01T00", "s") + np.arange(origins).repeat(steps) * np.timedelta64(
        steps, "D"
    )
    ahead = np.tile(np.arange(1, steps + 1), origins)
    return pd.DataFrame(
        {
            "origin": first, "day": first + ahead * np.timedelta64(1, "D"), "horizon": ahead,
            "actual": actual, "forecast": forecast, "naive": 0.0, "q0.1": 0.0, "q0.9": 9.0,
            "scale": scale,
        }
    )  # fmt: skip


def test_the_error_of_a_series_is_in_its_naive_scale():
    tested = fans.Tested.of(single([1.0, 2.0, np.nan], [2.0, 4.0, 9.0], scale=3.0))
    assert tested.keys == ()
    assert tested.time == "day"
    assert tested.levels == (0.1, 0.9)
    assert tested.error.tolist() == pytest.approx([0.5])
    assert list(tested.picked().values()) == ["the series"]


def test_without_any_scale_errors_are_shares_of_the_actuals():
    tested = fans.Tested.of(single([10.0, 30.0], [12.0, 24.0], scale=0.0))
    assert not tested.scaled
    assert tested.error.tolist() == pytest.approx([8 / 40])


def test_a_test_part_without_actuals_draws_no_series():
    assert fans.Tested.of(single([np.nan, np.nan], [1.0, 2.0])).picked() == {}


def test_axes_hold_all_values_and_have_few_round_labels():
    axis = numbers([[3.0, np.nan], [117.0]])
    assert axis.span[0] <= 3 and axis.span[1] >= 117
    assert [label for _, label in axis.ticks] == ["0", "50", "100", "150"]
    assert numbers([[5.0, 5.0]]).span[0] < 5 < numbers([[5.0]]).span[1]
    assert numbers([[np.nan]]).ticks
    assert counted([1]).ticks == ((1.0, "1"),)
    assert [label for _, label in counted([1, 12]).ticks] == ["2", "4", "6", "8", "10", "12"]


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        ("2024-02-28", "2024-03-01", "29 Feb"),
        ("2024-01-01T01", "2024-01-02", "1 Jan 06:00"),
        ("2014-05-01", "2018-12-01", "2016"),
        ("2017-01-01", "2018-12-01", "Jul 2017"),
        ("1900-01-01", "2018-12-01", "1940"),
    ],
)
def test_dates_are_labelled_at_round_places(first, last, label):
    axis = moments(np.array([first, last], "M8[s]"))
    labels = [text for _, text in axis.ticks]
    assert label in labels
    assert 2 <= len(labels) <= 8


def test_large_numbers_are_short():
    assert [short(v) for v in (0.25, 950.0, 1250.0, 45_000.0, 1.2e6)] == [
        "0.25", "950", "1,250", "45k", "1.2M",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "span", [(1_000_100, 1_000_500), (120_010, 120_060), (1234.1, 1234.9), (3e13, 9e14), (0, 1.3e6)]
)
def test_labels_of_an_axis_differ(span):
    labels = [label for _, label in numbers([np.array(span)]).ticks]
    assert len(set(labels)) == len(labels) and max(map(len, labels)) <= 9
    assert len({label for _, label in counted(np.array([123456, 123500])).ticks}) == 5


def test_secrets_of_a_url_are_not_shown():
    for url in ("postgresql://ann:one@db/x", "postgresql://db/x?user=a&password=one",
                "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Done"):  # fmt: skip
        assert "one" not in hidden(f"url: {url}\nquery: select 1") and "select" in hidden("select")


def test_damaged_files_of_a_run_are_named(part):
    folder = part("config.yaml")
    for name in ("test.parquet", "findings.json"):
        (folder / name).write_text("{")
        with pytest.raises(DataError, match=f"{name} is damaged"):
            Run.read(str(folder))
        (folder / name).unlink()


def test_a_key_may_have_a_name_of_our_own_columns():
    routes = [(a, b) for a in ("JFK", "LAX") for b in ("SFO", "BOS")]
    days = pd.date_range("2024-01-01", periods=30).astype(str)
    rows = pd.DataFrame(
        [(*route, day, float(n)) for route in routes for n, day in enumerate(days)],
        columns=["origin", "actual", "horizon", "sold"],
    )
    task = Task(
        "sold", "horizon", ("origin", "actual"), "D", 2, history=7, season=7, quantiles=(0.1, 0.5)
    )
    panel = grid(rows, task)
    windows = np.arange(4), panel.origin - 2, panel.origin
    _, found = judge(panel, panel, task, windows, np.ones((4, 2, 2)))
    tested = fans.Tested.of(pd.DataFrame(found))
    assert tested.keys == ("origin_", "actual_")
    assert tested.time == "horizon_"
    assert len(tested.error) == 4
