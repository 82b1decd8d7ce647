"""What the inputs show explains an alarm in words."""

import numpy as np
from monitoring_shop import FIRST, Shop

from loopcast.monitoring.forecasts import given
from loopcast.monitoring.inputs import explanations

SPREAD = {"0.01": -3.0, "0.99": 3.0}
CARD = {
    "monitoring": {
        "inputs": {
            "target": [{"quantiles": SPREAD}] * 12,
            "missing": 0.0,
            "zero": 0.0,
            "text.static.shop": dict.fromkeys("abcd", 0.25),
        }
    }
}


def told(shop):
    shop.forecast(FIRST)
    (one,) = given(shop.ledger, version=1)
    return explanations(one, CARD)


def test_inputs_like_those_of_the_train_part_say_nothing(sqlite, tmp_path):
    assert told(Shop(sqlite, tmp_path)) == []


def test_another_unit_a_new_category_and_gaps_are_named(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path)
    shop.shift[0, 80 - 11 :] = 60_000
    shop.shift[1:, 80 - 3 :] = np.nan
    shop.keys[5]["shop"] = "new"
    found = " | ".join(told(shop))
    assert "jumped, e.g. a, 0 by a factor of" in found
    assert "25% of" not in found and "is missing" in found
    assert "shop has 1 new categories, e.g. new" in found


def test_a_step_up_of_all_series_lies_above_the_same_season(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path)
    shop.shift[:, 80 - 2 :] = 30
    (one,) = told(shop)
    assert "above what the same season of the train part had" in one


def test_a_card_that_says_nothing_is_no_failure(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path)
    shop.forecast(FIRST)
    (one,) = given(shop.ledger, version=1)
    assert explanations(one, {}) == []
