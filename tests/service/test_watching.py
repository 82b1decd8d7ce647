"""What monitoring wrote reaches answers and /metrics."""

import time

import numpy as np
import pytest
from tiny_service import TASK, one, running

from loopcast.monitoring.rules import rules
from loopcast.monitoring.tick import Monitor
from loopcast.store import calibrations
from loopcast.store.matching import matched

STATE = {
    "levels": list(TASK.quantiles),
    "horizons": [[1, 1], [2, 3]],
    "groups": {"": [[-1.0, 0, 1.0], [0, 0, 0]]},
}


def learn(service):
    with service.parts.database.writing() as connection:
        calibrations.write(connection, "tiny", 1, 600, STATE)


def metrics(service):
    return service.client.get("/metrics").text


def settled(service, text):
    end = time.monotonic() + 20
    while text not in metrics(service):
        assert time.monotonic() < end
        time.sleep(0.05)


def tick(service):
    found = Monitor(service.parts.database, "tiny", rules({})).tick()
    assert found.outcome == "done"


def land(service, *values):
    key = one()["key"]
    times = ("2018-09-01", "2018-10-01", "2018-11-01")
    sent = [{"key": key, "time": t, "value": v} for t, v in zip(times, values, strict=False)]
    assert service.client.post("/v1/actuals", json={"actuals": sent}).status_code == 200


def ranges(service):
    (found,) = service.forecast({"series": [one()]})["forecasts"]
    return found["quantiles"]


@pytest.mark.parametrize("recalibrate", [True, False])
def test_ranges_are_moved_where_the_operator_wants_it(tmp_path, recalibrate):
    with running(tmp_path, recalibrate=recalibrate) as service:
        plain = ranges(service)
        land(service, 6.0)
        learn(service)
        tick(service)
        learn(service)  # the tick learnt from one value; this is the newest state
        service.parts.watching._seen = None
        settled(service, "loopcast_monitor_tick_timestamp_seconds 1.")
        service.parts.watching.refresh(1)
        moved = ranges(service)
        (part,) = matched(service.parts.ledger, repeated=True)
        assert moved["0.5"] == plain["0.5"]
        if not recalibrate:
            assert moved == plain
            return
        scale = 4.0  # of 1 to 8 with a season of 4
        assert moved["0.9"][0] == plain["0.9"][0] + scale
        assert moved["0.1"][0] == plain["0.1"][0] - scale
        assert moved["0.9"][1:] == plain["0.9"][1:]
        assert np.allclose(part.quantiles[-1, 0], [moved[q][0] for q in ("0.1", "0.5", "0.9")])
        assert np.allclose(part.own[-1, 0], [plain[q][0] for q in ("0.1", "0.5", "0.9")])


def test_metrics_tell_what_the_last_tick_found(tmp_path):
    with running(tmp_path) as service:
        ranges(service)
        land(service, 5.5, 7.0)
        tick(service)
        settled(service, 'loopcast_coverage_ratio{horizon_bucket="1",level="80"} 1.0')
        text = metrics(service)
        assert 'loopcast_scaled_error{horizon_bucket="1",metric="mase",role="champion"} 0.0' in text
        assert 'metric="naive_mase"' in text and "loopcast_actuals_lag_seconds" in text
        assert "loopcast_alarms_open 0.0" in text and "shop" not in text
