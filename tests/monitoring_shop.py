"""A ledger as a service fills it: monthly forecasts of a seasonal panel, and what came."""

import numpy as np
import pytest

from loopcast.monitoring.rules import rules
from loopcast.monitoring.tick import Monitor
from loopcast.store.actuals import Actual, Actuals
from loopcast.store.backtests import Backtest, write
from loopcast.store.database import connect, migrate
from loopcast.store.ledger import Answer, Ledger, answer_id
from loopcast.store.registry import Registry
from loopcast.store.series import key_text

LEVELS = (0.1, 0.5, 0.9)
TASK = {
    "target": "sales", "time": "month", "series": ["shop", "item"], "frequency": "MS",
    "season": 12, "history": 24, "horizon": 3, "quantiles": list(LEVELS),
}  # fmt: skip
FIRST, BACKTEST = 600, 36  # the first origin in service, months replayed before


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.db"


class Shop:
    """A world of `count` series whose forecaster knows the season and the level; noise is 1."""

    def __init__(self, url, folder, count=20, seed=0, **monitoring):
        self.database = connect(url)
        migrate(self.database)
        self.registry = Registry(self.database, "sales")
        self.path = folder / "a.onnx"
        self.path.write_bytes(b"one")
        self.registry.promote(self.registry.register(self.path, TASK, {}).version)
        self.ledger, self.actuals = Ledger(self.database, "sales"), Actuals(self.database, "sales")
        self.keys = [{"shop": "abcd"[i % 4], "item": str(i)} for i in range(count)]
        self.random = np.random.default_rng(seed)
        steps = np.arange(FIRST - 80, FIRST + 60)
        self.expected = 50 + 10 * np.sin(2 * np.pi * steps / 12 + np.arange(count)[:, None])
        self.noise = self.random.normal(size=self.expected.shape)
        self.shift = np.zeros(self.expected.shape)
        self.monitor = Monitor(self.database, "sales", rules(monitoring))

    def values(self, steps):
        at = np.asarray(steps) - FIRST + 80
        return (self.expected + self.noise + self.shift)[:, at]

    def texts(self, rows):
        return [key_text(self.keys[row]) for row in rows]

    def backtest(self, version=1, months=BACKTEST):
        origin = np.arange(FIRST - months, FIRST)
        steps = origin[:, None] + np.arange(1, 4)
        errors = self.expected[:, steps - FIRST + 80] - self.values(steps.ravel()).reshape(
            len(self.keys), *steps.shape
        )
        errors[:, steps > FIRST] = np.nan
        rows = np.repeat(np.arange(len(self.keys)), len(origin))
        found = Backtest(
            self.texts(rows), np.tile(origin, len(self.keys)),
            (errors / self.scale()[:, None, None]).reshape(-1, 3),
        )  # fmt: skip
        write(self.database, "sales", version, found)

    def scale(self):
        history = self.values(np.arange(FIRST - 23, FIRST + 1))
        return np.abs(history[:, 12:] - history[:, :-12]).mean(1)

    def forecast(self, origin, rows=None, version=1, width=1.28):
        rows = range(len(self.keys)) if rows is None else rows
        chosen = list(rows)
        steps = origin + np.arange(1, 4)
        middle = self.expected[chosen][:, steps - FIRST + 80]
        quantiles = np.stack([middle - width, middle, middle + width], axis=2).astype(np.float32)
        history = self.values(np.arange(origin - 23, origin + 1))[chosen].astype(np.float32)
        answer = Answer(
            answer_id(), 1_000_000 + origin, version, 3, LEVELS, self.texts(chosen),
            [origin] * len(chosen), quantiles, history, ["sent"] * len(chosen),
            [[]] * len(chosen),
        )  # fmt: skip
        self.ledger.record([answer])

    def land(self, step, rows=None, as_of=None, add=0.0):
        chosen = list(range(len(self.keys)) if rows is None else rows)
        values = self.values([step])[chosen, 0] + add
        self.actuals.add(
            [
                Actual(text, step, float(value), as_of)
                for text, value in zip(self.texts(chosen), values, strict=True)
            ]
        )

    def months(self, count, first=FIRST):
        for origin in range(first, first + count):
            self.forecast(origin)
            self.land(origin + 1)


@pytest.fixture
def shop(url, tmp_path):
    found = Shop(url, tmp_path)
    yield found
    found.database.close()
