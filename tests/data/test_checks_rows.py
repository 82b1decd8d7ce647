"""Faults planted in clean rows are told, and clean rows are left in peace."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from checks_data import found, plain, rows, task, times

from loopcast.core.task import Columns, Task
from loopcast.data.checks.rows import check_rows


def scattered(table: dict, where: list[int], column: str, values: list) -> dict:
    changed = table[column].astype(object)
    changed[where] = values
    return {**table, column: changed}


def without(table: dict, drop: np.ndarray) -> dict:
    return {name: column[~drop] for name, column in table.items()}


def doubled(table: dict, which: np.ndarray) -> dict:
    return {name: np.r_[column, column[which]] for name, column in table.items()}


def events(days: int = 60, seed: int = 3) -> dict:
    """Single sales with their minute, three hundred a day."""
    rng = np.random.default_rng(seed)
    begin = np.datetime64("2024-03-01T08:00", "s")
    day = np.repeat(np.arange(days), 300)
    time = begin + day * np.timedelta64(1, "D") + rng.integers(0, 600 * 60, len(day))
    shop = np.array(["north", "south"], dtype=object)[rng.integers(0, 2, len(day))]
    return {"shop": shop, "time": time, "sales": rng.integers(1, 6, len(day)).astype(float)}


SALES = Task("sales", "time", ("shop",), "D", 7, aggregate="sum", gaps="zero")


@pytest.mark.parametrize("frequency", ["MS", "W-SUN", "D", "B", "h"])
def test_clean_rows_are_left_in_peace(frequency: str) -> None:
    assert found(rows(frequency), task(frequency)) == {}


def test_clean_events_are_left_in_peace() -> None:
    assert set(found(events(), SALES)) <= {"partial-last-step"}


@pytest.mark.parametrize("holder", [pd.DataFrame, lambda t: pd.DataFrame(t).to_dict("records")])
def test_frames_and_records_are_read_like_arrays(holder) -> None:
    table = rows(series=2, steps=30)
    table["sales"] = np.where(np.arange(60) == 3, -5.0, table["sales"])
    expected = check_rows(table, task())
    assert [f.code for f in expected] == ["negative-target"]
    assert check_rows(holder(table), task()) == expected


def test_every_missing_column_is_named_with_the_nearest_there_is() -> None:
    table = rows()
    table["salez"], table["cost"] = table.pop("sales"), table.pop("price")
    finding = found(table, task())["missing-column"]
    assert finding.severity == "error"
    assert finding.examples == ("sales", "price")
    assert "salez" in finding.advice


@pytest.mark.parametrize("empty", [[], {}, {"shop": np.array([]), "sales": np.array([])}])
def test_no_rows_are_an_error(empty) -> None:
    assert found(empty, task())["no-rows"].severity == "error"


@pytest.mark.parametrize("column", ["sales", "price"])
def test_text_among_numbers_is_an_error_with_its_share(column: str) -> None:
    table = scattered(rows(), [3, 77], column, ["1,5", "n/a"])
    finding = found(table, task())["not-numeric"]
    assert (finding.severity, finding.count) == ("error", 2)
    assert finding.examples == ("'1,5'", "'n/a'")
    assert column in finding.detail


def test_numbers_as_text_and_blanks_are_no_wrong_type() -> None:
    table = rows()
    table["price"] = np.array([f"{value}" for value in table["price"]], dtype=object)
    table["price"][5] = ""
    assert found(table, task()) == {}


def test_unreadable_times_are_told_and_the_rest_still_checked() -> None:
    table = rows()
    table["sales"] = table["sales"].copy()
    table["sales"][50] = -1
    text = table["time"].astype("M8[D]").astype(str).astype(object)
    table = scattered({**table, "time": text}, [0, 1], "time", ["31.02.2020", None])
    findings = found(table, task())
    assert findings["unreadable-time"].severity == "error"
    assert findings["unreadable-time"].count == 2
    assert "'31.02.2020'" in findings["unreadable-time"].examples
    assert "negative-target" in findings


def test_times_of_a_stated_format_are_readable() -> None:
    table = rows(series=2)
    table["time"] = pd.DatetimeIndex(table["time"]).strftime("%Y %b").to_numpy(dtype=object)
    assert found(table, replace(task(), time_format="%Y %b")) == {}
    assert found(table, task())["unreadable-time"].count == len(table["time"])


@pytest.mark.parametrize("wrong", ["1899-12-31", "1970-01-01", "2199-01-01", "9999-12-31"])
def test_placeholder_dates_far_from_all_others_are_told(wrong: str) -> None:
    table = rows(series=24)
    table["time"] = table["time"].copy()
    table["time"][[100, 900]] = np.datetime64(wrong, "s")
    finding = found(table, task())["odd-time"]
    assert (finding.severity, finding.count) == ("warning", 2)
    assert finding.examples == (wrong,)


def test_a_pause_in_the_data_is_no_odd_time() -> None:
    table = rows("D", steps=400)
    day = np.tile(np.arange(400), 12)
    assert "odd-time" not in found(without(table, (day > 20) & (day < 300)), task("D"))


def test_times_inside_the_step_are_off_the_grid() -> None:
    table = rows()
    table["time"] = table["time"].copy()
    table["time"][[5, 200, 201]] += np.timedelta64(9, "D")
    finding = found(table, task())["off-grid"]
    assert (finding.severity, finding.count) == ("warning", 3)


@pytest.mark.parametrize("days", [14, -1])
def test_the_same_day_of_every_month_is_only_another_label(days: int) -> None:
    table = rows()
    table["time"] = table["time"] + np.timedelta64(days, "D")
    findings = found(table, task())
    assert [(f.code, f.severity) for f in findings.values()] == [("other-label", "note")]


def test_duplicates_are_an_error_that_names_series_and_step() -> None:
    table = doubled(rows(), np.array([84, 85]))
    finding = found(table, task())["duplicates"]
    assert (finding.severity, finding.count) == ("error", 2)
    assert "2 of them exact copies" in finding.detail
    assert finding.examples[0] == "shop 01 at 2017-07-01"
    assert "duplicates" in finding.advice


def test_duplicates_with_a_rule_are_a_note() -> None:
    table = doubled(rows(), np.array([84]))
    table["sales"][-1] += 1
    finding = found(table, replace(task(), duplicates="sum"))["duplicates"]
    assert finding.severity == "note"
    assert "copies" not in finding.detail


def test_the_hour_that_a_clock_change_repeats_is_no_duplicate() -> None:
    utc = pd.date_range("2024-09-01", "2024-11-20", freq="h", tz="UTC")
    clock = utc.tz_convert("Europe/Berlin")
    table = {"time": clock.to_numpy(dtype=object), "sales": np.arange(len(clock)) % 24 + 50.0}
    zoned = replace(plain(task("h", keys=())), zone="Europe/Berlin")
    assert found(table, zoned) == {}


def test_many_rows_in_every_step_ask_for_an_aggregate() -> None:
    finding = found(events(), replace(SALES, aggregate=None))["duplicates"]
    assert "data.aggregate" in finding.advice


def test_days_that_stand_twice_are_found_among_events() -> None:
    table = events()
    day = table["time"].astype("M8[D]")
    twice = (day == np.datetime64("2024-03-20")) | (day == np.datetime64("2024-03-21"))
    finding = found(doubled(table, twice), SALES)["copied-rows"]
    assert finding.severity == "warning"
    assert finding.count >= twice.sum()
    assert finding.examples == ("2024-03-20", "2024-03-21")


def test_copies_strewn_over_all_days_are_only_a_note() -> None:
    table = events()
    finding = found(doubled(table, np.arange(0, len(table["sales"]), 50)), SALES)["copied-rows"]
    assert finding.severity == "note"


def test_steps_without_rows_that_count_as_zero_are_told() -> None:
    table = rows("D")
    table = without(table, np.tile(np.arange(84), 12) % 4 == 1)
    finding = found(table, replace(task("D"), gaps="zero"))["absent-steps"]
    assert (finding.severity, finding.count) == ("note", 12 * 21)


def test_keys_that_differ_by_case_or_spaces_are_told() -> None:
    table = rows()
    table["shop"][:5] = "Shop 00"
    table["shop"][90:95] = "shop 01 "
    finding = found(table, task())["look-alike-keys"]
    assert finding.severity == "warning"
    assert set(finding.examples) == {"'Shop 00' / 'shop 00'", "'shop 01' / 'shop 01 '"}


def test_blank_keys_are_told() -> None:
    table = rows()
    table["shop"][3:6] = None
    finding = found(table, task())["blank-key"]
    assert (finding.severity, finding.count) == ("warning", 3)


def test_static_columns_that_change_are_told() -> None:
    table = rows()
    table["kind"][100] = "road"
    finding = found(table, task())["changing-static"]
    assert (finding.severity, finding.examples) == ("warning", ("shop 01",))
    table["kind"][100] = None
    assert found(table, task()) == {}


def test_weekend_rows_at_business_days_are_told() -> None:
    table = rows("B")
    extra = {name: column[:1] for name, column in table.items()}
    extra["time"] = np.array(["2024-06-01"], dtype="M8[s]")
    table = {name: np.r_[column, extra[name]] for name, column in table.items()}
    finding = found(table, task("B"))["weekend-rows"]
    assert (finding.count, finding.examples) == (1, ("2024-06-01",))


@pytest.mark.parametrize(
    ("true", "named", "hint"),
    [
        ("MS", "D", "MS"),
        ("MS", "W-SUN", "MS"),
        ("W-SUN", "D", "W-SUN"),
        ("D", "h", "D"),
        ("h", "15min", "h"),
    ],
)
def test_rows_that_stand_regularly_apart_ask_for_their_frequency(true, named, hint) -> None:
    finding = found(rows(true), replace(task(true), frequency=named))["other-frequency"]
    assert finding.advice == f"set data.frequency to {hint}"


def test_a_last_step_whose_rows_end_early_is_told() -> None:
    table = events()
    cut = table["time"] > np.datetime64("2024-04-23T23:00")
    weekly = replace(SALES, frequency="W-SUN")
    finding = found(without(table, cut), weekly)["partial-last-step"]
    assert finding.severity == "note"
    assert "2024-04-28 is not over" in finding.detail
    assert "2024-04-21 is the origin" in finding.advice


def test_missing_targets_are_a_note_and_many_a_warning_but_the_future_is_neither() -> None:
    table = rows()
    table["sales"][::7] = np.nan
    assert found(table, task())["missing-target"].severity == "note"
    table["sales"][::3] = np.nan
    assert found(table, task())["missing-target"].severity == "warning"
    table = rows()
    table["sales"][table["time"] > np.datetime64("2024-01-01")] = np.nan
    assert found(table, task()) == {}


def test_a_target_without_any_value_is_an_error() -> None:
    table = rows()
    table["sales"][:] = np.nan
    assert found(table, task())["no-target"].severity == "error"


def test_infinite_targets_are_a_warning_and_many_an_error() -> None:
    table = rows()
    table["sales"][7] = np.inf
    assert found(table, task())["infinite-target"].severity == "warning"
    table["sales"][::20] = -np.inf
    assert found(table, task())["infinite-target"].severity == "error"


def test_a_few_negatives_are_returns_unless_the_caller_knows() -> None:
    table = rows()
    table["sales"][[4, 300]] = -2
    finding = found(table, task())["negative-target"]
    assert (finding.severity, finding.count) == ("warning", 2)
    assert finding.examples == ("shop 00", "shop 03")
    assert found(table, task(), non_negative=True)["negative-target"].severity == "error"
    assert found(table, task(), non_negative=False) == {}


def test_a_quantity_that_lives_below_zero_now_and_then_is_no_fault() -> None:
    degrees = 15 * np.sin(2 * np.pi * (np.arange(1500) - 100) / 365.25) + 13
    table = {"time": times("D", 1500), "sales": np.round(degrees, 1)}
    assert 0 < (table["sales"] < 0).mean() < 0.3
    assert found(table, plain(task("D", keys=()))) == {}


def test_weights_must_weigh() -> None:
    table = {**rows(), "weight": np.ones(12 * 84)}
    assert check_rows(table, task(), weight="weight") == []
    table["weight"][3] = -1
    (finding,) = check_rows(table, task(), weight="weight")
    assert (finding.code, finding.severity, finding.count) == ("bad-weight", "error", 1)
    table["weight"][:] = 0
    assert [f.code for f in check_rows(table, task(), weight="weight")] == ["bad-weight"]


def test_an_observed_column_the_wrong_way_round_is_told() -> None:
    told = replace(task(), observed="open")
    table = {**rows(), "open": np.ones(12 * 84)}
    assert found(table, told) == {}
    table["open"][:900] = 0
    assert "mostly-hidden" in found(table, told)
    table["open"][:900] = 2
    assert "odd-observed" in found(table, told)


def test_columns_that_are_categories_need_no_numbers() -> None:
    table = {**rows(), "event": np.array(["", "fair"], dtype=object)[np.arange(12 * 84) % 2]}
    assert found(table, replace(task(), future=Columns(("price",), ("event",)))) == {}
    assert (
        "event" in found(table, replace(task(), future=Columns(("event",))))["not-numeric"].advice
    )


@pytest.mark.parametrize("codes", ["{:05d}", "{:05d}A", "SKU-{}"])
def test_words_among_codes_are_told(codes: str) -> None:
    table = rows(series=60, steps=6)
    names = [codes.format(i) for i in range(58)] + ["POST", "BANK CHARGES"]
    table["shop"] = np.array(names, dtype=object).repeat(6)
    finding = found(table, task())["unusual-keys"]
    assert (finding.severity, finding.count) == ("note", 12)
    assert set(finding.examples) == {"POST", "BANK CHARGES"}


def test_names_with_digits_among_words_are_left_in_peace() -> None:
    table = rows(series=60, steps=6)
    names = [chr(97 + i % 26) * 3 + chr(97 + i // 26) for i in range(59)] + ["7UP"]
    table["shop"] = np.array(names, dtype=object).repeat(6)
    assert "unusual-keys" not in found(table, task())


def test_one_duplicate_is_the_only_example() -> None:
    finding = found(doubled(rows("D"), np.array([40])), task("D"))["duplicates"]
    assert (finding.count, len(finding.examples)) == (1, 1)
    assert finding.detail.startswith("1 row in a step")


def hours(first: str, last: str) -> dict:
    clock = pd.date_range(first, last, freq="h", tz="Europe/Berlin").tz_localize(None)
    return {"time": clock.to_numpy(), "sales": np.arange(len(clock)) % 24 + 50.0}


BERLIN = replace(plain(task("h", keys=())), zone="Europe/Berlin")


def test_a_single_duplicate_is_told_where_a_zone_is_named() -> None:
    table = hours("2024-01-01", "2024-02-29")
    assert found(doubled(table, np.array([300])), BERLIN)["duplicates"].count == 1


def test_the_repeated_hour_of_a_few_days_is_no_duplicate() -> None:
    assert "duplicates" not in found(hours("2024-10-26", "2024-10-28"), BERLIN)


def test_busy_days_of_small_numbers_are_not_loaded_twice() -> None:
    rng = np.random.default_rng(0)
    counts = np.where(np.isin(np.arange(200), (50, 120)), 380, 20)
    days = np.datetime64("2024-01-01") + np.repeat(np.arange(200), counts)
    table = {
        "shop": np.array([f"sku {n}" for n in rng.integers(0, 30, len(days))], dtype=object),
        "time": days.astype("M8[s]"),
        "sales": rng.choice([1.0, 2.0, 3.0], len(days)),
    }
    assert found(table, SALES)["copied-rows"].severity == "note"
    once = table["time"] == np.datetime64("2024-03-01")
    several = doubled(table, once)
    for _ in range(2):  # twice, then three times
        told = found(several, SALES)["copied-rows"]
        assert (told.severity, told.examples) == ("warning", ("2024-03-01",))
        several = {name: np.r_[several[name], table[name][once]] for name in table}


@pytest.mark.parametrize("as_text", [False, True])
def test_times_with_an_offset_ask_for_a_zone(as_text: bool) -> None:
    table = rows("D", 1)
    local = pd.DatetimeIndex(table["time"]).tz_localize("Asia/Tokyo")
    cells = [one.isoformat() for one in local] if as_text else list(local)
    table["time"] = np.array(cells, dtype=object)
    finding = found(table, task("D"))["zone-unknown"]
    assert finding.severity == "warning"
    assert "data.zone" in finding.advice
    assert "zone-unknown" not in found(table, replace(task("D"), zone="Asia/Tokyo"))
    utc = np.array([one.isoformat() + "+00:00" for one in pd.DatetimeIndex(rows("D", 1)["time"])])
    assert "zone-unknown" not in found({**table, "time": utc.astype(object)}, task("D"))


def test_dates_where_steps_are_counted_ask_for_a_calendar_frequency() -> None:
    table = rows("D", 1)
    table["time"] = table["time"].astype("M8[D]").astype(str).astype(object)
    finding = found(table, replace(task("D"), frequency="7", season=1))["unreadable-time"]
    assert "calendar frequency" in finding.advice


def test_years_beside_a_blank_cell_are_read() -> None:
    table = {"time": np.r_[np.arange(1990.0, 2020.0), np.nan], "sales": np.arange(31.0)}
    finding = found(table, replace(plain(task("MS", keys=())), frequency="YS"))["unreadable-time"]
    assert finding.count == 1


def test_words_for_true_and_false_are_numbers_to_the_checks_too() -> None:
    table = {**rows(), "open": np.array(["true", "false", "TRUE"] * 336, dtype=object)}
    told = found(table, replace(task(), observed="open"))
    assert not {"not-numeric", "odd-observed"} & set(told)


def test_placeholder_dates_do_not_break_a_zones_clock() -> None:
    table = hours("2024-10-26", "2024-10-29")
    far = np.full(2, np.datetime64("9999-12-31T23:00", "s"))
    table = {
        "time": np.r_[table["time"].astype("M8[s]"), far],
        "sales": np.r_[table["sales"], 1, 1],
    }
    assert {"duplicates", "odd-time"} <= set(found(table, BERLIN))
