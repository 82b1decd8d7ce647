"""Totals: sums of series whose ranges hold, whatever makes the series err together."""

import numpy as np
import pytest

from loopcast.core.dependence import dependence, deviates, scores
from loopcast.core.errors import ArtifactError, DataError, MissingColumn
from loopcast.core.forecast import Forecast
from loopcast.core.totals import sampled, totals

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
STATES, SHOPS, STEPS = 10, 10, 60


def panel(seed, overall=0.1, state=0.3):
    """Errors of which so much is everybody's, so much a state's: actual and quantiles, by series."""
    generator = np.random.default_rng(seed)
    series = STATES * SHOPS
    owner = np.repeat(np.arange(STATES), SHOPS)
    level = generator.uniform(50, 150, (series, 1))
    spread = level * generator.uniform(0.02, 0.1, (series, 1))
    z = (
        np.sqrt(overall) * generator.standard_normal((1, STEPS))
        + np.sqrt(state) * generator.standard_normal((STATES, STEPS))[owner]
        + np.sqrt(1 - overall - state) * generator.standard_normal((series, STEPS))
    )
    quantiles = level[..., None] + spread[..., None] * deviates(LEVELS)
    quantiles = np.repeat(quantiles, STEPS, axis=1)
    texts = np.array([f"s{n}" for n in owner], dtype=object)
    return level + spread * z, quantiles, texts


def forecast(quantiles, texts, **changes):
    count, steps = quantiles.shape[:2]
    shop = np.array([f"{n:03}" for n in range(count)], dtype=object)
    facts = {
        "keys": {"state": texts, "shop": shop}, "time": "day", "origin": np.zeros(count, int),
        "times": np.tile(np.arange(1, steps + 1), (count, 1)),
        "quantiles": quantiles.astype(np.float32), "levels": LEVELS,
    }  # fmt: skip
    return Forecast(**{**facts, **changes})


def card(overall=0.1, **by):
    return {"monitoring": {"dependence": {"overall": overall, "by": by}}}


def test_planted_shares_are_found():
    found = []
    for seed in range(8):
        actual, quantiles, texts = panel(seed)
        noise = np.array([f"{n % 7}" for n in range(len(texts))], dtype=object)
        told = dependence(
            actual, quantiles, LEVELS, np.zeros(len(texts)), {"state": texts, "n": noise}
        )
        found.append((told["overall"], told["by"].get("state", 0), told["by"].get("n", 0)))
    assert np.mean(found, axis=0) == pytest.approx([0.1, 0.3, 0.0], abs=0.06)


def test_windows_of_other_times_and_unknown_steps_do_not_count():
    actual, quantiles, texts = panel(0)
    once = dependence(actual, quantiles, LEVELS, np.zeros(len(texts)), {"state": texts})
    flipped = 2 * quantiles[..., 2] - actual  # the opposite errors at another time
    twice = dependence(
        np.concatenate([actual, flipped]), np.concatenate([quantiles, quantiles]), LEVELS,
        np.repeat([0, 1], len(texts)), {"state": np.concatenate([texts, texts])},
    )  # fmt: skip
    assert twice["overall"] == pytest.approx(once["overall"], abs=1e-3)
    assert twice["by"]["state"] == pytest.approx(once["by"]["state"], abs=1e-3)
    unknown = np.where(np.arange(STEPS) < 30, actual, np.nan)
    half = dependence(unknown, quantiles, LEVELS, np.zeros(len(texts)), {"state": texts})
    assert half["pairs"] == once["pairs"] // 2


def test_one_series_and_one_quantile_tell_nothing():
    actual, quantiles, texts = panel(0)
    assert dependence(actual[:1], quantiles[:1], LEVELS, np.zeros(1), {}) is None
    assert dependence(actual, quantiles[..., :1], LEVELS[:1], np.zeros(len(texts)), {}) is None


def test_scores_are_deviates_of_the_forecasts_own_quantiles():
    actual, quantiles, _ = panel(0)
    at = np.stack([quantiles[..., 0], quantiles[..., 2], quantiles[..., 4]])
    found = [scores(value, quantiles, LEVELS) for value in at]
    assert np.mean(found, axis=(1, 2)) == pytest.approx([-1.2816, 0, 1.2816], abs=1e-3)
    assert np.abs(scores(actual * 9, quantiles, LEVELS)).max() == 4


def test_ranges_of_totals_hold_and_sums_of_quantiles_do_not():
    inside, outside = {"state": [], "all": []}, {"state": [], "all": []}
    for seed in range(4):
        actual, quantiles, texts = panel(seed)
        for asked, total in totals(forecast(quantiles, texts), list(inside), card(state=0.3)):
            count = len(total)
            group = np.zeros(len(texts), int) if count == 1 else np.repeat(np.arange(count), SHOPS)
            sums, added = np.zeros((count, STEPS)), np.zeros(total.quantiles.shape)
            np.add.at(sums, group, actual)
            np.add.at(added, group, quantiles)
            for found, kept in ((total.quantiles, inside), (added, outside)):
                kept[asked].append((sums >= found[..., 0]) & (sums <= found[..., 4]))
    for asked, held in inside.items():
        assert np.mean(held) == pytest.approx(0.8, abs=0.04), asked
        assert np.mean(outside[asked]) > 0.93, asked


def test_levels_fit_each_other_and_are_the_same_again():
    _, quantiles, texts = panel(3)
    once = dict(totals(forecast(quantiles, texts), ["state", "all"], card(state=0.3)))
    again = dict(totals(forecast(quantiles, texts), ["all"], card(state=0.3)))
    np.testing.assert_array_equal(once["all"].quantiles, again["all"].quantiles)
    assert list(once["state"].keys["state"]) == [f"s{n}" for n in range(STATES)]
    assert once["all"].keys == {}
    summed = once["state"].quantiles[..., 2].sum(0)
    assert once["all"].quantiles[0, :, 2] == pytest.approx(
        summed, rel=2e-3
    )  # symmetric: medians add up


def test_a_group_of_one_series_has_its_forecast():
    _, quantiles, texts = panel(0)
    given = forecast(quantiles, texts)
    ((name, total),) = totals(given, ["state,shop"], card(state=0.3))
    assert name == "state,shop"
    np.testing.assert_array_equal(total.quantiles, given.quantiles)


def test_static_categories_that_are_no_keys_can_be_summed_by():
    _, quantiles, texts = panel(0)
    size = np.where(np.arange(len(texts)) % 2, "big", "small").astype(object)
    ((_, total),) = totals(forecast(quantiles, texts, static={"size": size}), ["size"], card())
    assert list(total.keys["size"]) == ["big", "small"]


def test_samples_rise_with_the_deviate_and_are_exact_for_a_normal_distribution():
    z = np.linspace(-4, 4, 99)[None]
    counts = np.array([[0.0, 0.0, 1.0, 2.0, 5.0]])
    assert (np.diff(sampled(counts, z, LEVELS)) >= 0).all()
    normal = 3 + 2 * deviates(LEVELS)[None]
    np.testing.assert_allclose(sampled(normal, z, LEVELS), 3 + 2 * z)


def test_what_is_never_negative_has_no_total_below_0():
    quantiles = np.broadcast_to([0.0, 0.0, 0.0, 5.0, 9.0], (2, 3, 5))
    both = np.array(["s0", "s0"], dtype=object)
    ((_, total),) = totals(forecast(quantiles, both), ["all"], card())
    assert total.quantiles.min() == 0
    ((_, total),) = totals(forecast(quantiles - 1, both), ["all"], card())
    assert total.quantiles.min() == -2


def test_what_cannot_be_told_is_an_error():
    _, quantiles, texts = panel(0)
    given = forecast(quantiles, texts)
    with pytest.raises(MissingColumn, match=r"--total-by city: .* known: state, shop, or all"):
        totals(given, ["city"], card())
    with pytest.raises(ArtifactError, match="go together"):
        totals(given, ["all"], {})
    with pytest.raises(DataError, match="origins of their own"):
        totals(forecast(quantiles, texts, origin=np.arange(len(texts))), ["all"], card())
    with pytest.raises(DataError, match="one quantile"):
        totals(forecast(quantiles[..., :1], texts, levels=(0.5,)), ["all"], card())
