"""Ranges learnt online cover as they say, and come back where the model is right."""

import numpy as np
import pytest
from monitoring_shop import FIRST, Shop

from loopcast.core.recalibration import recalibrated
from loopcast.monitoring.forecasts import given
from loopcast.monitoring.ranges import learned, met
from loopcast.monitoring.rules import Ranges


def served(shop, months, width, first=FIRST, groups=()):
    """Coverage of the 80 % range one step ahead, recalibrated by what had landed before."""
    inside = []
    rules = Ranges(groups=groups, prior=10)
    for origin in range(first, first + months):
        state = None
        if origin > FIRST:
            (before,) = given(shop.ledger, version=1)
            state = learned(before, rules, 12)
        shop.forecast(origin, width=width)
        shop.land(origin + 1)
        (part,) = (one.part for one in given(shop.ledger, version=1, first=origin))
        if state is not None:
            moved = recalibrated(
                part.own, part.history, part.keys, 12, part.task["quantiles"], state
            )
            actual = part.actual[:, 0]
            inside.append((moved[:, 0, 0] <= actual) & (actual <= moved[:, 0, 2]))
    return np.array(inside)


@pytest.mark.parametrize("width", [0.5, 1.28, 3.0])
def test_coverage_comes_to_what_the_range_says(sqlite, tmp_path, width):
    shop = Shop(sqlite, tmp_path, count=40)
    inside = served(shop, 14, width)
    assert inside[5:].mean() == pytest.approx(0.8, abs=0.05)


def test_a_group_has_ranges_of_its_own(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path, count=40)
    shop.noise[::4] *= 3
    inside = served(shop, 16, 1.28, groups=("shop",))
    assert inside[8:, ::4].mean() == pytest.approx(0.8, abs=0.08)
    assert inside[8:, 1::4].mean() == pytest.approx(0.8, abs=0.08)


def test_the_objective_is_met_missed_or_not_yet_told():
    assert met({"80": 0.78}, 5_000, 0.03)["80"]["met"] is True
    assert met({"80": 0.7}, 5_000, 0.03)["80"]["met"] is False
    assert met({"80": 0.7}, 50, 0.03)["80"]["met"] is None
