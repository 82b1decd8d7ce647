"""Requests that are ready together run together, and each is answered as if it were alone."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from tiny_service import AHEAD, TASK, artifact, one

from loopcast.service.batches import LARGEST, Batches
from loopcast.service.meters import Meters
from loopcast.service.problem import Problem
from loopcast.service.served import Served
from loopcast.service.wire import ForecastAsked, SeriesAsked
from loopcast.serving.predictor import Predictor


def served(task=TASK, version=1):
    return Served(Predictor(artifact(task)), "tiny", version, "")


def asked(*series, **more):
    return ForecastAsked(series=[SeriesAsked(**each) for each in series], **more)


def run(requests, horizon=3):
    """[(asked, served)] -> what each gets, and how often the graph ran."""
    batches, runs = Batches(Meters()), []

    async def every():
        calls = [batches.forecast(each, horizon, by) for each, by in requests]
        return await asyncio.gather(*calls, return_exceptions=True)

    with pytest.MonkeyPatch.context() as patch:
        real = Predictor.outputs
        patch.setattr(
            Predictor, "outputs", lambda self, feed: (runs.append(1), real(self, feed))[1]
        )
        return asyncio.run(every()), len(runs)


def test_requests_of_one_turn_run_once_and_are_answered_as_alone():
    by = served()
    requests = [
        asked(one("a")), asked(one("b", start="2019-01-01"), one("a", target=[5, 6])),
        asked(one("a", target=[1, 2, None])), asked(one("Victoria", start="2001-05-01")),
    ]  # fmt: skip
    together, runs = run([(each, by) for each in requests])
    assert runs == 1
    for each, found in zip(requests, together, strict=True):
        ((alone,), _) = run([(each, by)])
        np.testing.assert_array_equal(found.quantiles, alone.quantiles)
        np.testing.assert_array_equal(found.history, alone.history)
        assert found.origins.tolist() == alone.origins.tolist()
        assert (found.keys, found.warnings, found.sources) == (
            alone.keys, alone.warnings, alone.sources,
        )  # fmt: skip


def test_a_wrong_request_fails_alone_with_its_own_pointer():
    by = served()
    wrong = asked(one("a"), one("a", target=["x"]))
    found, _ = run([(asked(one("a")), by), (wrong, by), (asked(one("b")), by)])
    assert isinstance(found[1], Problem) and found[1].errors[0][0] == "/series/1/target"
    assert found[0].quantiles[0, 0, 1] == found[2].quantiles[0, 0, 1] == 5.5


def test_versions_and_named_origins_do_not_mix():
    first, second = served(), served(version=2)
    named = asked(one("a"), origin="2018-06-01")
    found, runs = run([(asked(one("a")), first), (asked(one("a")), second), (named, second)])
    assert runs == 3
    assert found[2].origins[0] == found[1].origins[0] - 2


def test_a_batch_has_an_end():
    by, many = served(), LARGEST + 1
    found, runs = run([(asked(one("a")), by)] * many)
    assert runs == 2 and len(found) == many


def test_own_origins_are_kept():
    by = served(replace(TASK, origins="own"))
    found, _ = run([(asked(one("a"), one("b", start="2018-03-01")), by), (asked(one("a")), by)])
    assert np.ptp(found[0].origins) == 2


def test_where_known_ahead_columns_lack_they_are_had_elsewhere():
    by = served(AHEAD)
    few, enough = ({"price": [1.0] * n, "event": [""] * n} for n in (2, 3))
    found, _ = run([(asked(one("a", future=few)), by), (asked(one("a", future=enough)), by)])
    assert found[0] is None and len(found[1].keys) == 1
