"""A served model whose forecasts can be told by hand, and a training that is a file."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_service import TASK, artifact

from loopcast.lifecycle import attempt as place
from loopcast.lifecycle.attempt import Ground
from loopcast.lifecycle.fitting import Fitted
from loopcast.lifecycle.settings import read
from loopcast.store.actuals import Actual, Actuals
from loopcast.store.database import connect, migrate
from loopcast.store.registry import Registry
from loopcast.store.series import key_text

FIRST, KNOWN = 480, 36  # 2010-01, and months of history
LEVEL = 10.0


def rows(months=KNOWN, level=LEVEL):
    """Two series around a level; the tiny artifact forecasts their mean + h + bias."""
    generator = np.random.default_rng(3)
    wave = 2.0 * (-1.0) ** (np.arange(months) // TASK.season)  # seasonal naive is always wrong
    times = pd.date_range("2010-01-01", periods=months, freq="MS").strftime("%Y-%m-%d")
    return pd.concat(
        pd.DataFrame({"shop": shop, "item": "x", "month": times,
                      "sales": level + generator.normal(size=months) + wave})
        for shop in ("a", "b")
    )  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    return tmp_path


def written(folder):
    """A table and an experiment."""
    rows().to_csv(folder / "sales.csv", index=False)
    data = {
        "source": {"class_path": "loopcast.data.files.CsvFile", "init_args": {"path": "sales.csv"}},
        "series": ["shop", "item"], "time": "month", "target": "sales", "frequency": "MS",
        "horizon": TASK.horizon, "season": 4, "history": 8,
    }  # fmt: skip
    (folder / "tiny.yaml").write_text(yaml.safe_dump({"data": data}))


def model(bias, last, name="tiny"):
    """An artifact that is wrong by `bias`, with a card that says where its data end."""
    return artifact(bias=bias, name=name, data={"last": last, "train": last, "validation": last})


@pytest.fixture
def ground(home):
    return made(home)


def made(home, url=None, **section):
    """The champion's data end 6 months before the last one; it is wrong by 4."""
    database = connect(url or f"sqlite:///{home}/ledger.db")
    migrate(database)
    registry = Registry(database, "tiny", home / "models")
    (home / "first.onnx").write_bytes(model(4.0, FIRST + KNOWN - 7))
    card = {"data": {"last": FIRST + KNOWN - 7}}
    first = registry.register(home / "first.onnx", json.loads(TASK.to_json()), card)
    registry.promote(first.version, why="the first")
    return Ground(sectioned(section), database, registry)


def sectioned(section):
    return read({"config": "tiny.yaml", "triggers": {"age": 5}, "holdout": 6, **section}, "test")


def settled(folder):
    """Table, experiment and champion, for a process of its own."""
    written(folder)
    made(folder).database.close()


def again(folder):
    """The same, opened anew."""
    database = connect(f"sqlite:///{folder}/ledger.db")
    return Ground(sectioned({}), database, Registry(database, "tiny", folder / "models"))


class Training:
    """Stands in for the training process: writes what it was told to, and keeps what it was asked."""

    def __init__(self, content):
        self.content, self.asked = content, []
        self.on = None

    def __call__(self, folder, minutes, alive):
        self.folder = folder
        return self

    def check(self, config, name):
        self.asked.append(("check", config))

    def fit(self, config, name):
        self.asked.append((name, config))
        if self.on is not None:
            self.on(name)
        path = self.folder / f"{name}.onnx"
        content = self.content(name) if callable(self.content) else self.content
        path.write_bytes(content)
        (self.folder / f"{name}.yaml").write_text("seed: 1")
        return Fitted(path, self.folder / f"{name}.yaml")


@pytest.fixture
def training(monkeypatch):
    """A challenger that is right but for the tiny artifact's own + h."""
    found = Training(lambda name: model(-2.0, FIRST + KNOWN - 1, name))
    monkeypatch.setattr(place, "Trainer", found)
    return found


def landed(ground, months, value=LEVEL, **more):
    """Actual values of both series, that many months after the table's end."""
    values = [
        Actual(key_text({"shop": shop, "item": "x"}), FIRST + KNOWN + month, value, **more)
        for month in months
        for shop in ("a", "b")
    ]
    return Actuals(ground.database, "tiny").add(values)
