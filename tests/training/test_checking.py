"""Every fit looks at its data first, and `loopcast check` looks at them alone."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import loopcast
from loopcast.__main__ import command
from loopcast.core.errors import ConfigError, DataError, DuplicateRows, MissingColumn
from loopcast.data.checks.report import Report
from loopcast.data.frame import Frame
from loopcast.features.calendar import Calendar
from loopcast.features.categories import Category
from loopcast.features.numeric import Numeric
from loopcast.models.linear import DLinear
from loopcast.training.datamodule import DataModule

DATA = {
    "series": ["shop"],
    "time": "day",
    "target": "sold",
    "frequency": "D",
    "horizon": 7,
    "future": ["price"],
}
CONFIG = """
data:
  source: {class_path: loopcast.data.files.CsvFile, init_args: {path: sales.csv}}
  series: [shop]
  time: day
  target: sold
  frequency: D
  horizon: 7
  future: [price]
"""


@pytest.fixture
def clean() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days, shops = np.arange(200), 6
    frame = pd.DataFrame(
        {
            "shop": np.repeat([f"s{i}" for i in range(shops)], len(days)),
            "day": np.tile(pd.date_range("2024-01-01", periods=len(days)), shops),
            "price": rng.choice([1.0, 1.2, 1.5], len(days) * shops),
        }
    )
    level = 50 * (1 + 0.3 * np.sin(2 * np.pi * np.tile(days, shops) / 7))
    frame["sold"] = (level / frame["price"] + rng.normal(0, 3, len(frame))).round(2)
    return frame


@pytest.fixture
def jump(clean) -> pd.DataFrame:
    """A warning, and nothing worse: one shop in thousands from the middle on."""
    late = (clean["shop"] == "s1") & (clean["day"] > "2024-04-01")
    return clean.assign(sold=clean["sold"].where(~late, clean["sold"] * 1000))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a config; its sales.csv is up to the test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(CONFIG)
    return tmp_path


def set_up(frame: pd.DataFrame, folder=None, **options) -> DataModule:
    module = DataModule(source=Frame(frame), **{**DATA, **options})
    module.folder = folder
    torch.manual_seed(0)
    module.setup("fit")
    return module


def check(*flags: str) -> int:
    """The exit status of `loopcast check`."""
    try:
        command(["check", "--config", "shop.yaml", *flags])
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def fit(frame: pd.DataFrame, **options):
    return loopcast.fit(
        frame,
        name="shop",
        data={**DATA, **options},
        model={"network": DLinear},
        trainer={"max_steps": 2, "enable_progress_bar": False},
    )


def test_clean_data_are_told_in_one_line(clean, tmp_path, capsys) -> None:
    set_up(clean, tmp_path)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith("data: 1,200 rows · 6 series · 200 steps of D")


def test_every_error_stops_a_fit_in_one_message(clean, folder) -> None:
    wrong = pd.concat([clean, clean[:3]]).assign(price="cheap")
    with pytest.raises(DataError) as stopped:
        fit(wrong, categorical=[], future=["price"], static=["sold"], duplicates="error")
    text = str(stopped.value)
    assert "duplicates: 3 rows" in text
    assert "data.duplicates" in text
    twice = wrong.assign(sold=wrong["sold"].astype(str).replace(wrong["sold"].astype(str)[5], "x"))
    with pytest.raises(DataError, match=r"(?s)not-numeric.*clean the column.*duplicates"):
        fit(twice, future=[])
    kept = Report.from_json((folder / "checkpoints" / "shop" / "findings.json").read_text())
    assert {"not-numeric", "duplicates"} <= {finding.code for finding in kept.errors}
    assert not (folder / "export" / "shop.onnx").exists()


def test_errors_keep_their_kind(clean) -> None:
    with pytest.raises(DuplicateRows):
        set_up(pd.concat([clean, clean[:3]]))
    with pytest.raises(MissingColumn, match="did you mean 'price'"):
        set_up(clean, future=["prize"])


def test_a_source_without_rows_is_a_finding(clean, folder, capsys) -> None:
    clean[:0].to_csv(folder / "sales.csv", index=False)
    assert check() == 2
    assert "no-rows" in capsys.readouterr().out
    clean.to_csv(folder / "sales.csv", index=False)
    assert check("--data.source.where=[[price, '>', 9]]") == 2
    assert "the source holds no row" in capsys.readouterr().out


def test_a_column_that_only_the_source_looks_at_is_named(clean, folder) -> None:
    clean.to_csv(folder / "sales.csv", index=False)
    with pytest.raises(MissingColumn, match="no column 'colour'"):
        check("--data.source.where=[[colour, '==', red]]")


def test_an_example_of_a_duplicate_is_one(clean) -> None:
    with pytest.raises(DuplicateRows) as stopped:
        set_up(pd.concat([clean, clean[3:4]]))
    assert "1 row in a step" in str(stopped.value)
    assert str(stopped.value).count("2024-") == 1


def test_warnings_are_told_and_do_not_stop(jump, folder, capsys) -> None:
    run = fit(jump)
    assert run.artifact.exists()
    told = capsys.readouterr().err
    assert "warning: unit-jump" in told
    assert "all of them: loopcast check, or checkpoints/shop/findings.json" in told
    kept = json.loads((folder / "checkpoints" / "shop" / "findings.json").read_text())
    assert "unit-jump" in {finding["code"] for finding in kept["findings"]}


def test_strict_makes_warnings_stop(jump, clean) -> None:
    with pytest.raises(DataError, match=r"(?s)unit-jump.*without --strict \(data.strict: true\)"):
        set_up(jump, strict=True)
    set_up(clean, strict=True)


def test_many_warnings_stay_short(capsys) -> None:
    from loopcast.data.checks.finding import Finding

    many = [Finding(f"code-{i}", "warning", 1, (), "seen " * 60, "do") for i in range(20)]
    lines = Report(tuple(many), {"rows": 3}).brief("there")
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 110
    assert "and 13 more warnings" in lines[-2]


def test_shrunk_parts_are_told_before_a_fit(capsys) -> None:
    months = pd.date_range("2022-01-01", periods=24, freq="MS")
    frame = pd.DataFrame({"m": months, "y": 100 + np.arange(24) % 12})
    module = DataModule(source=Frame(frame), time="m", target="y", frequency="MS", horizon=12)
    module.setup("fit")
    assert "4 steps each instead of the horizon of 12" in capsys.readouterr().err


def test_judging_and_planning_do_not_check(jump, capsys) -> None:
    module = DataModule(source=Frame(jump), **DATA, strict=True)
    module.setup("test")
    assert capsys.readouterr().err == ""


def test_negative_targets_are_an_error_where_the_config_says_so(clean) -> None:
    back = clean.assign(sold=clean["sold"].where(clean.index != 7, -5.0))
    with pytest.raises(DataError, match="negative-target"):
        set_up(back, non_negative=True)
    set_up(back, non_negative=False, strict=True)


def test_the_test_part_is_looked_at_but_nothing_is_fitted_on_it(clean) -> None:
    late = clean["day"] > clean["day"].max() - pd.Timedelta(days=14)
    other = clean.assign(sold=clean["sold"].where(~late, 1e6))
    one, two = set_up(clean), set_up(other)
    assert one.task == two.task
    assert one.encoder.state_dict().keys() == two.encoder.state_dict().keys()
    for name, value in one.encoder.state_dict().items():
        assert value.equal(two.encoder.state_dict()[name]), name


def test_the_command_tells_finds_and_draws(jump, folder, capsys) -> None:
    jump.to_csv("sales.csv", index=False)
    assert check() == 0
    told = capsys.readouterr().out
    assert "warning  unit-jump" in told
    assert "-> bring all rows to one unit" in told
    assert "checkpoints/shop/check.html" in told
    page = (folder / "checkpoints" / "shop" / "check.html").read_text("utf-8")
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    report = Report.from_json((folder / "checkpoints" / "shop" / "findings.json").read_text())
    assert "unit-jump" in {finding.code for finding in report.warnings}
    assert check("--strict") == 2
    assert check("--data.strict=true") == 2
    assert check("--page", "out/page.html") == 0
    assert (folder / "out" / "page.html").exists()
    assert (folder / "out" / "findings.json").exists()


def test_the_command_finds_nothing_in_clean_data(clean, folder, capsys) -> None:
    clean.to_csv("sales.csv", index=False)
    assert check("--strict") == 0
    assert "nothing was found" in capsys.readouterr().out


def test_the_command_ends_with_2_on_errors_and_still_draws_a_page(clean, folder, capsys) -> None:
    pd.concat([clean, clean[:3]]).to_csv("sales.csv", index=False)
    assert check() == 2
    assert "error    duplicates" in capsys.readouterr().out
    clean.drop(columns="price").to_csv("sales.csv", index=False)
    assert check() == 2
    assert "missing-column" in capsys.readouterr().out
    assert "missing-column" in (folder / "checkpoints" / "shop" / "check.html").read_text("utf-8")


def test_a_key_that_is_named_stays_though_little_is_known_of_it(clean):
    few = clean[clean.day < "2024-02-05"].assign(shop=lambda rows: rows["shop"] + "!")
    many = pd.concat([few.assign(shop=few["shop"] + str(n)) for n in range(4)])

    def kept(**options):
        found = []
        for stage in ("plan", "fit"):
            data = DataModule(source=Frame(many), **{**DATA, **options})
            data.setup(stage)
            found.append(data.task.static.categorical)
        assert found[0] == found[1]
        return found[0]

    assert kept() == ()
    assert kept(static=["shop"]) == ("shop",)
    named = [Calendar(), Numeric("future"), Category("static.shop")]
    assert kept(features=named) == ("shop",)


def test_holidays_by_a_key_keep_it_though_little_is_known_of_it(clean):
    few = clean[(clean["shop"] <= "s1") & (clean.day < "2024-02-20")]
    few = few.assign(shop=few["shop"].replace({"s0": "US", "s1": "FR"}))
    data = DataModule(source=Frame(few), **DATA, holidays={"column": "shop"}, history=7)
    data.setup("plan")
    assert data.encoder.vocabularies["static.shop"] == ("FR", "US")
    with pytest.raises(ConfigError, match=r"add Category\(static.shop\) to data.features"):
        DataModule(
            source=Frame(few), **DATA, holidays={"column": "shop"}, features=[Calendar()]
        ).setup("plan")
