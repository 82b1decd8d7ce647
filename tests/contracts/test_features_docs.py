"""What docs/features.md says and shows."""

import re
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.features.calendar import Calendar
from loopcast.features.numeric import Numeric
from loopcast.models.linear import DLinear
from loopcast.serving.predictor import Predictor
from loopcast.training.api import fit

EMPTY = np.zeros((0, 0), np.float32)
NOTHING = Panel({}, *(np.zeros(0, np.int64),) * 2, np.zeros(1, np.int64), *(EMPTY,) * 4)


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "docs" / "features.md").read_text(encoding="utf-8")


def test_the_calendar_has_the_widths_of_the_table(page):
    names = {"15min": "h", "W-MON": "W-FRI", "YS": "YE", "MS": "ME", "QS": "QE"}
    table = page.partition("| frequency | columns | width |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\S+?)(?:,| ).*\| (\d+) \|$", table, re.MULTILINE)
    assert len(rows) == 7
    for first, width in rows:
        for name in {first, names.get(first, first)}:
            task = Task("y", "t", (), name, 3, history=6)
            assert Calendar().fit(NOTHING, task).width == int(width), name


def test_the_feature_of_the_page_trains_exports_and_serves(page, tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code
    (tmp_path / "discount.py").write_text(code[1], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    discount = import_module("discount").Discount("price")
    monkeypatch.delitem(sys.modules, "discount")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "t": pd.date_range("2024-01-01", periods=90),
            "sold": rng.gamma(5, 10, 90),
            "price": np.where(rng.random(90) < 0.2, np.nan, rng.choice([1.5, 2.0, 2.5], 90)),
        }
    )
    data = {
        "time": "t", "target": "sold", "frequency": "D", "horizon": 7, "future": ["price"],
        "features": [Calendar(), Numeric("future"), discount],
    }  # fmt: skip
    run = fit(
        frame,
        data=data,
        model={"network": DLinear},
        trainer={"max_steps": 2, "enable_progress_bar": False},
    )
    ahead = {"t": pd.date_range("2024-03-31", periods=7), "price": [2.0] * 7}
    found = Predictor(run.artifact).predict(frame, future=ahead).quantiles
    cheaper = Predictor(run.artifact).predict(frame, future={**ahead, "price": [1.0] * 7}).quantiles
    assert np.isfinite(found).all()
    assert (found != cheaper).any()
