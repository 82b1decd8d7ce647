"""What a new version may not take from those who send rows to the old one."""

from dataclasses import replace

import pytest

from loopcast.core.task import Columns, Task
from loopcast.serving.trial import compatible

OLD = Task(
    target="sold", time="day", series=("shop",), frequency="D", horizon=14, season=7, history=28,
    future=Columns(numeric=("price",)), mean=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"target": "units"}, "its target is 'units', that of the one before 'sold'"),
        ({"past": Columns(numeric=("visits",))}, "it reads visits, which nobody sends"),
        ({"static": Columns(categorical=("kind",))}, "it reads kind"),
        ({"observed": "open"}, "it reads open"),
        ({"horizon": 7}, "it forecasts 7 steps, the one before 14"),
        ({"quantiles": (0.5, 0.9)}, "it lacks the quantile 0.1"),
        ({"mean": False}, "it lacks the mean"),
    ],
)
def test_what_clients_rely_on_stays(changed, why):
    assert why in (compatible(replace(OLD, **changed), OLD) or "")


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"time_format": "%d.%m.%Y"},  # ISO times are always read
        {"static": Columns(categorical=("shop",))},  # a key, which is always sent
        {"horizon": 28, "history": 56, "season": 365},
        {"future": Columns()},
        {"quantiles": (0.05, 0.1, 0.5, 0.9, 0.95)},
        {"past": Columns(numeric=("price",)), "future": Columns()},
    ],
)
def test_what_they_do_not_notice_may_change(changed):
    assert compatible(replace(OLD, **changed), OLD) is None
