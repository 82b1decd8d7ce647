from dataclasses import replace

import numpy as np
import pytest

from loopcast.core.scoreboard import Judged
from loopcast.core.task import Task
from loopcast.lifecycle.gates import judge
from loopcast.lifecycle.replay import Replayed
from loopcast.lifecycle.settings import Gates

LEVELS = (0.1, 0.5, 0.9)
TASK = Task(target="y", time="t", series=("s",), frequency="MS", horizon=2, quantiles=LEVELS)


def replayed(error, width=2.0, naive=3.0, jump=0.0, only="a"):
    """Forty series of two kinds over 8 origins, all actuals 0; `error` of kind `only`, 1 of the other."""
    series, origin = np.repeat(np.arange(40), 8), np.tile(np.arange(8), 40)
    generator = np.random.default_rng(1)
    kind = np.where(series < 20, "a", "b").astype(object)
    sign = np.where(generator.random((320, 2)) < 0.5, -1, 1)
    point = np.where((kind == only)[:, None], error, 1.0) * sign
    point = point + jump * np.where(origin % 2, 1, -1)[:, None]
    quantiles = point[..., None] + width * np.array([-1, 0, 1])
    naive_quantiles = naive * sign[..., None] + np.array([-2, 0, 2])
    judged = Judged(
        np.zeros((320, 2)), quantiles, naive * sign, naive_quantiles, np.ones(320), LEVELS
    )
    return Replayed(judged, TASK, series, origin, {"kind": kind})


def failed(champion, challenger, **wanted):
    return [g.name for g in judge(champion, challenger, Gates(**wanted)).gates if not g.passed]


def test_what_is_better_passes_and_what_is_the_same_does_not():
    assert failed(replayed(2.0), replayed(1.0)) == []
    assert failed(replayed(2.0), replayed(2.0)) == ["gain", "significance"]
    assert "gain" in failed(replayed(2.0), replayed(1.0), gain=0.5)


def test_a_versions_own_season_is_no_advantage():
    champion, worse = replayed(1.0), replayed(1.4)
    other = replace(worse, judged=replace(worse.judged, scale=np.full(320, 4.0)))
    assert "gain" in failed(champion, other)
    assert failed(champion, other) == failed(champion, worse)


def test_ranges_that_are_too_short_and_forecasts_that_jump_do_not_pass():
    assert "coverage" in failed(replayed(2.0), replayed(1.0, width=0.5))
    assert "stability" in failed(replayed(2.0), replayed(1.0, jump=3.0))


def test_a_category_that_pays_for_the_others_stops_it():
    champion, challenger = replayed(4.0, only="a"), replayed(1.6, only="b")
    assert "categories" in failed(champion, challenger)
    assert "categories" not in failed(champion, challenger, category=9.0)


@pytest.mark.parametrize(
    ("before", "ours", "passes"),
    [(0.9, 3.0, False), (0.9, 2.3, False), (6.0, 2.3, True), (9.0, 4.0, False)],
)
def test_a_challenger_beside_seasonal_naive(before, ours, passes):
    """While the champion loses to it, a challenger may lose to it a little."""
    names = failed(replayed(before, naive=1.5), replayed(ours, naive=1.5))
    assert ("seasonal naive" not in names) is passes
