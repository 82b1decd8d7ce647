"""Faults planted in clean series are told with their series and step; clean series are not."""

from dataclasses import replace

import numpy as np
import pytest
from checks_data import loud, parts, plain, rows, seen, task, times

from loopcast.core.grid import grid
from loopcast.core.task import Columns
from loopcast.data.checks.panel import check_panel
from loopcast.data.splits import Splits

STEPS = 84


def planted(where: slice | list[int], change, *, shop: int = 4, **shape) -> dict:
    """Clean rows with `change` applied to some steps of one shop."""
    table = rows(**shape)
    steps = shape.get("steps", STEPS)
    one = table["sales"][shop * steps : (shop + 1) * steps]
    one[where] = change(one[where])
    return table


def without(table: dict, drop: np.ndarray) -> dict:
    return {name: column[~drop] for name, column in table.items()}


def step_of(table: dict) -> np.ndarray:
    return np.tile(np.arange(STEPS), len(table["sales"]) // STEPS)


@pytest.mark.parametrize(
    ("frequency", "steps", "horizon"),
    [("MS", 84, 12), ("W-SUN", 220, 13), ("D", 800, 28), ("B", 600, 20), ("h", 900, 24)],
)
def test_clean_seasonal_panels_are_left_in_peace(frequency, steps, horizon) -> None:
    for seed in range(5):
        assert seen(rows(frequency, 20, steps, seed), task(frequency, horizon)) == {}


def test_clean_intermittent_counts_are_told_as_such_and_no_more() -> None:
    rng = np.random.default_rng(0)
    table = rows("D", 60, 500)
    rate = rng.uniform(0.1, 2, 60).repeat(500) * (1 + 0.3 * np.sin(np.arange(30_000) / 58))
    table["sales"] = rng.poisson(rate).astype(float)
    findings = seen(table, task("D", 28))
    assert list(findings) == ["intermittent"]
    assert findings["intermittent"].severity == "note"


def test_a_single_series_of_24_months_is_told_that_it_is_short_and_no_more() -> None:
    one = plain(replace(task("MS", 12, keys=()), history=12))
    findings = seen(rows(series=1, steps=24), one)
    assert set(loud(findings)) == {"few-rows", "short-season"}
    assert set(findings) == {"few-rows", "short-season", "too-short"}


def test_the_bundled_example_has_no_warning(root) -> None:
    from loopcast.data.files import CsvFile

    names = ("State", "Industry", "Month", "Turnover")
    table = CsvFile(str(root / "data" / "aus_retail.csv.gz")).read(names, names[:2])
    one = replace(plain(task("MS", 12)), time="Month", target="Turnover", series=names[:2])
    findings = seen(table, replace(one, time_format="%Y %b"))
    assert loud(findings) == []
    assert all("Tasmania" in name or "Queensland" in name for name in findings["ended"].examples)


def test_gaps_are_told_with_count_and_share() -> None:
    table = rows()
    some = without(table, (step_of(table) == 30) & (table["shop"] == "shop 03"))
    finding = seen(some, task())["gaps"]
    assert (finding.severity, finding.count, finding.examples) == ("note", 1, ("shop 03",))
    rng = np.random.default_rng(0)
    many = seen(without(table, rng.random(len(table["sales"])) < 0.1), task())["gaps"]
    assert many.severity == "warning"
    assert many.count == 12
    assert "data.gaps" in many.advice


def test_days_closed_for_all_are_no_gaps() -> None:
    table = rows("D", steps=STEPS)
    weekday = (table["time"].astype("M8[D]").astype(int) + 3) % 7
    findings = seen(without(table, weekday == 5), task("D"))
    assert loud(findings) == []
    assert "gaps" not in findings
    assert "closed on Saturdays" in findings["closed-steps"].detail
    assert "B" in seen(without(table, weekday >= 5), task("D"))["closed-steps"].advice


def test_a_single_series_closed_on_sundays_has_no_gaps() -> None:
    table = rows("D", 1, STEPS)
    weekday = (table["time"].astype("M8[D]").astype(int) + 3) % 7
    findings = seen(without(table, weekday == 6), plain(task("D", keys=())))
    assert "gaps" not in findings
    assert "closed on Sundays" in findings["closed-steps"].detail


def test_constant_series_are_told() -> None:
    finding = seen(planted(slice(None), lambda one: 0 * one + 7), task())["constant"]
    assert (finding.severity, finding.examples) == ("warning", ("shop 04",))


def test_a_value_frozen_at_the_end_is_told_with_its_place() -> None:
    finding = seen(planted(slice(-9, None), lambda one: 0 * one + one[0]), task())["frozen"]
    assert (finding.severity, finding.series) == ("warning", (4,))
    assert "9 steps" in finding.detail


def test_repeated_values_that_are_usual_are_not_frozen() -> None:
    findings = seen(planted(slice(None), lambda one: np.round(one / one.max() * 2) + 1), task())
    assert "frozen" not in findings


def test_frozen_is_told_across_gaps() -> None:
    table = planted(slice(-16, None), lambda one: 0 * one + one[0])
    table = without(table, (table["shop"] == "shop 04") & (step_of(table) % 2 == 1))
    assert "frozen" in seen(table, task())


@pytest.mark.parametrize("gaps", ["missing", "zero"])
def test_series_that_ended_are_told(gaps: str) -> None:
    table = rows()
    table = without(table, (table["shop"] == "shop 02") & (step_of(table) > 60))
    finding = seen(table, replace(task(), gaps=gaps))["ended"]
    assert (finding.severity, finding.examples) == ("note", ("shop 02",))
    assert "23 steps before" in finding.detail
    late = table["time"] > np.datetime64("2023-05-01")
    table = without(table, (table["shop"] == "shop 09") & late)
    assert seen(table, replace(task(), gaps=gaps))["ended"].severity == "warning"


def test_series_that_have_just_begun_are_told() -> None:
    table = rows()
    young = (table["shop"] == "shop 02") & (step_of(table) < 76)
    fresh = (table["shop"] == "shop 03") & (step_of(table) < 80)
    finding = seen(without(table, young | fresh), task())["begun"]
    assert finding.severity == "note"
    assert finding.examples == ("shop 03", "shop 02")
    assert "2 of them after the train part" in finding.detail


def test_zeros_before_the_first_sale_are_told() -> None:
    finding = seen(planted(slice(0, 30), lambda one: 0 * one), task())["late-start"]
    assert (finding.severity, finding.examples) == ("note", ("shop 04",))


def test_short_series_are_told_and_many_are_a_warning() -> None:
    table = rows()
    few = (table["shop"] == "shop 02") & (step_of(table) < 60)
    assert seen(without(table, few), task())["too-short"].severity == "note"
    many = (table["shop"] < "shop 05") & (step_of(table) < 60)
    finding = seen(without(table, many), task())["too-short"]
    assert (finding.severity, finding.count) == ("warning", 5)


def test_a_train_part_without_values_is_an_error() -> None:
    panel = grid(rows(), task())
    nothing = Splits(panel.start - 1, panel.start + 5)
    errors = {f.code for f in check_panel(panel, task(), nothing) if f.severity == "error"}
    assert errors == {"nothing-to-train"}


def test_a_jump_of_unit_is_told_with_its_step() -> None:
    finding = seen(planted(slice(40, None), lambda one: one * 1000), task())["unit-jump"]
    assert (finding.severity, finding.examples) == ("warning", ("shop 04",))
    assert "x 1,000 in 2020-11-01" in finding.detail
    panel = grid(rows(), task())
    assert finding.steps == (int(panel.start[4]) + 40,)


@pytest.mark.parametrize("factor", [0.001, 0.01, 100, 1e6])
def test_jumps_by_other_units_are_told(factor: float) -> None:
    assert "unit-jump" in seen(planted(slice(40, None), lambda one: one * factor), task())
    assert "unit-jump" in seen(planted(slice(40, 60), lambda one: one * factor), task())


@pytest.mark.parametrize("factor", [3, 10, 25])
def test_growth_is_no_jump_of_unit(factor: float) -> None:
    assert "unit-jump" not in seen(planted(slice(40, None), lambda one: one * factor), task())


def test_a_product_launch_is_no_jump_of_unit() -> None:
    rng = np.random.default_rng(1)
    table = planted(slice(0, 40), lambda one: rng.poisson(0.7, len(one)).astype(float))
    assert "unit-jump" not in seen(table, task())


@pytest.mark.parametrize("change", [lambda one: one * 100, lambda one: -20 * one])
def test_outliers_are_told_with_their_step(change) -> None:
    finding = seen(planted([33], change), task())["outliers"]
    assert (finding.severity, finding.count, finding.examples) == ("warning", 1, ("shop 04",))
    assert "2020-04-01" in finding.detail


def test_a_peak_of_every_year_is_no_outlier() -> None:
    findings = seen(planted(slice(11, None, 12), lambda one: one * 20), task())
    assert "outliers" not in findings
    twice = planted([30, 42], lambda one: one * 20, steps=48)
    assert "outliers" not in seen(twice, task())


def test_zeros_where_nothing_else_is_near_zero_are_told() -> None:
    finding = seen(planted([20, 50], lambda one: 0 * one), task())["sudden-zeros"]
    assert (finding.severity, finding.count, finding.examples) == ("note", 2, ("shop 04",))


def test_series_of_zeros_are_told_and_many_are_a_warning() -> None:
    assert seen(planted(slice(None), lambda one: 0 * one), task())["all-zero"].severity == "note"
    table = rows()
    table["sales"][: 3 * STEPS] = 0
    assert seen(table, task())["all-zero"].severity == "warning"


def test_a_last_step_that_few_series_have_is_told() -> None:
    table = rows()
    late = (step_of(table) == STEPS - 1) & (table["shop"] > "shop 03")
    finding = seen(without(table, late), task())["partial-last-step"]
    assert (finding.severity, finding.count) == ("warning", 8)


def test_a_last_step_whose_total_collapses_is_told() -> None:
    table = rows("W-SUN", steps=STEPS)
    table["sales"][step_of(table) == STEPS - 1] *= 0.2
    assert "partial-last-step" in loud(seen(table, task("W-SUN")))


def test_a_dominating_category_is_told() -> None:
    table = rows()
    table["sales"][table["shop"] == "shop 01"] *= 300
    table["kind"] = np.where(table["shop"] < "shop 03", "large", "small").astype(object)
    findings = seen(table, task())
    assert findings["dominant-category"].severity == "warning"
    assert findings["dominant-category"].examples == ("large",)
    assert "25.0% of the values" in findings["dominant-category"].detail


def test_rare_categories_are_a_note() -> None:
    table = rows(series=60)
    young = (table["shop"] == "shop 07") & (step_of(table) < STEPS - 4)
    table["kind"][table["shop"] == "shop 07"] = "kiosk"
    finding = seen(without(table, young), task())["rare-categories"]
    assert finding.severity == "note"
    assert finding.examples in {("kiosk",), ("shop 07",)}


def test_a_few_series_that_hold_most_of_the_target_are_told() -> None:
    table = rows(series=60)
    table["sales"][table["shop"] == "shop 11"] *= 1000
    assert seen(table, task())["concentrated"].examples == ("shop 11",)


def test_a_column_that_names_the_single_series_has_too_many_categories() -> None:
    table = rows(series=40)
    table["kind"] = np.array([f"id {shop}" for shop in table["shop"]], dtype=object)
    finding = seen(table, task())["many-categories"]
    assert (finding.severity, finding.count) == ("warning", 40)


@pytest.mark.parametrize(
    ("leak", "severity"),
    [
        (lambda sales, _: sales, "error"),
        (lambda sales, _: np.r_[np.nan, sales[:-1]], "error"),
        (lambda sales, _: 3 * sales + 7, "warning"),
        (lambda sales, rng: sales * 1.2 * np.exp(rng.normal(0, 0.004, len(sales))), "warning"),
    ],
)
def test_known_ahead_columns_that_give_the_target_away_are_told(leak, severity: str) -> None:
    table = rows()
    table["price"] = leak(table["sales"], np.random.default_rng(0))
    finding = seen(table, task())["leak"]
    assert (finding.severity, finding.examples) == (severity, ("price",))
    assert "data.past" in finding.advice
    past = replace(task(), future=Columns(), past=Columns(("price",)))
    assert "leak" not in seen(table, past)


def test_a_column_missing_just_where_nothing_is_sold_is_a_leak() -> None:
    table = rows()
    none = np.random.default_rng(0).random(len(table["sales"])) < 0.3
    table["sales"][none], table["price"][none] = 0, np.nan
    assert "leak" in seen(table, task())


def test_columns_that_share_a_trend_or_a_season_are_no_leak() -> None:
    table = rows()
    month = np.tile(np.arange(STEPS), 12)
    season = np.sin(2 * np.pi * month / 12)
    rng = np.random.default_rng(0)
    table["sales"] = np.round(1000 + 40 * month + 90 * season + rng.normal(0, 20, len(month)), 1)
    table["price"] = 10 + 0.4 * month + 0.9 * season
    findings = seen(table, task())
    assert "leak" not in findings


def test_missing_and_constant_covariates_are_told() -> None:
    table = {**rows(), "flag": np.ones(12 * STEPS), "area": np.repeat(np.arange(12.0), STEPS)}
    table["price"][::2] = np.nan
    table["area"][: 2 * STEPS] = np.nan
    told = replace(task(), future=Columns(("price", "flag")), static=Columns(("area",), ("kind",)))
    findings = seen(table, told)
    assert findings["missing-covariate"].severity in {"warning", "note"}
    panel = grid(table, told)
    missing = [
        f for f in check_panel(panel, told, parts(panel, told)) if f.code == "missing-covariate"
    ]
    assert [(f.severity, f.examples) for f in missing] == [
        ("warning", ("price (future): 50.0%",)),
        ("note", ("area (static): 16.7%",)),
    ]
    assert findings["constant-covariate"].examples == ("flag (future): 1",)


def test_categories_that_only_come_after_the_train_part_are_told() -> None:
    table = rows()
    table["event"] = np.where(step_of(table) > 80, "fair", "none").astype(object)
    finding = seen(table, replace(task(), future=Columns((), ("event",))))["later-categories"]
    assert (finding.severity, finding.examples) == ("warning", ("fair",))


def test_little_data_is_told() -> None:
    assert loud(seen(rows(series=1, steps=60), plain(task(keys=())))) == ["few-rows"]
    findings = seen(rows(series=3), task())
    assert findings["few-series"].severity == findings["few-rows"].severity == "note"


def test_a_train_part_below_two_seasons_is_told() -> None:
    finding = seen(rows(series=12, steps=30), task())["short-season"]
    assert finding.severity == "warning"
    assert "18 steps" in finding.detail


def test_series_with_integer_steps_and_ends_of_their_own_are_checked() -> None:
    lengths = [60, 80, 100]
    table = {
        "shop": np.repeat(["a", "b", "c"], lengths).astype(object),
        "time": np.concatenate([np.arange(n) for n in lengths]),
        "sales": np.concatenate([50 + 9 * np.sin(np.arange(n)) for n in lengths]),
    }
    own = replace(plain(task()), frequency="1", origins="own", season=6, history=12)
    assert loud(seen(table, own)) == []
    table["sales"][-40:] *= 1000
    finding = seen(table, own)["unit-jump"]
    assert (finding.examples, finding.steps) == (("c",), (60,))


def test_odd_panels_do_not_break_the_checks() -> None:
    one = plain(replace(task(), frequency="D", season=7))
    for table in (
        {"shop": np.array(["a"], object), "time": times("D", 1), "sales": np.array([1.0])},
        {
            "shop": np.array(["a", "b"], object),
            "time": times("D", 2),
            "sales": np.array([1, np.nan]),
        },
        {
            "shop": np.array(["a"] * 3, object),
            "time": times("D", 3),
            "sales": np.array([1e30, 0, -1e-30]),
        },
    ):
        panel = grid(table, one, series={"shop": np.array(["nobody"], object)})
        check_panel(panel, one, Splits(panel.origin - 1, panel.origin))
        check_panel(panel, one, None)


def test_a_million_values_are_checked_in_seconds() -> None:
    import time

    table = rows("W-SUN", 5000, 200)
    panel = grid(table, task("W-SUN"))
    begin = time.process_time()
    check_panel(panel, task("W-SUN"), parts(panel, task("W-SUN")))
    assert time.process_time() - begin < 10


def test_a_shop_that_closes_every_evening_has_no_collapse() -> None:
    step = np.arange(288 * 7)
    clock = step % 288
    open_ = (clock >= 96) & (clock < 240)
    rng = np.random.default_rng(0)
    sales = np.where(open_, rng.normal(100, 5, len(step)), rng.normal(3, 0.1, len(step)))
    time = np.datetime64("2024-05-06T00:00", "s") + step * np.timedelta64(300, "s")
    cut = 288 * 6 + 241
    table = {"time": time[:cut], "sales": sales[:cut]}
    five = replace(plain(task("h", keys=())), frequency="5min", season=288, history=576)
    assert "partial-last-step" not in seen(table, five)


def test_a_text_that_is_blank_only_later_is_no_category() -> None:
    table = rows()
    table["event"] = np.where(step_of(table) > 80, None, "none").astype(object)
    assert "later-categories" not in seen(table, replace(task(), future=Columns((), ("event",))))
