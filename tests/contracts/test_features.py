"""Every feature there is: fitted on the train part alone, causal, restored from its facts."""

import inspect
import json
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest
import torch

import loopcast.features
from loopcast.core.grid import grid
from loopcast.core.inputs import inputs as cut
from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Columns, Task
from loopcast.features.categories import encode, vocabulary
from loopcast.features.feature import Feature

TASK = Task(
    "y", "t", ("k",), "D", horizon=3, season=7, history=6,
    static=Columns(("size",), ("k",)), past=Columns(("visits",), ("weather",)),
    future=Columns(("price",), ("promotion",)),
)  # fmt: skip
CATEGORIES = ("static.k", "past.weather", "future.promotion")
ARGUMENTS = {
    "axis": ("static", "past", "future"),
    "name": CATEGORIES,
    "places": (["US", "GB-ENG"],),
}
"""What a feature's constructor may require, and the values to try."""
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
TRAIN_END = 60


def every_feature() -> list[Feature]:
    """One of each class in the room, with every value of a required argument."""
    modules = [import_module(f"loopcast.features.{m.name}") for m in iter_modules(loopcast.features.__path__)]  # fmt: skip
    kinds = {
        one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Feature) and not inspect.isabstract(one)
    }
    found = []
    for kind in sorted(kinds, key=lambda one: one.__name__):
        parameters = inspect.signature(kind).parameters.values()
        required = [p.name for p in parameters if p.default is p.empty and p.kind in NAMED]
        if not required:
            found.append(kind())
            continue
        assert len(required) == 1, f"{kind.__name__}: this test can fill one argument"
        assert required[0] in ARGUMENTS, f"{kind.__name__}: add {required[0]} to ARGUMENTS"
        found += [kind(value) for value in ARGUMENTS[required[0]]]
    return found


def named(feature: Feature) -> str:
    return f"{type(feature).__name__}-{getattr(feature, 'name', feature.axis)}"


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Four series of 90 days; one begins after the train part."""
    rng = np.random.default_rng(0)
    days = np.concatenate([np.arange(begin, 90) for begin in (0, 10, 20, 70)])
    count = len(days)
    rows = {
        "k": np.repeat(list("abcd"), [90, 80, 70, 20]),
        "t": np.datetime64("2024-01-15") + days,
        "y": rng.gamma(2, 50, count),
        "size": np.repeat([1.0, 2.0, 3.0, 4.0], [90, 80, 70, 20]),
        "visits": np.where(rng.random(count) < 0.1, np.nan, rng.normal(100, 10, count)),
        "weather": rng.choice(["sun", "rain", ""], count),
        "price": rng.choice([1.5, 2.0, 2.5], count),
        "promotion": rng.choice(["", "flyer"], count),
    }
    whole = grid(rows, TASK)
    first = int(whole.start.min())
    return replace(whole, start=whole.start - first, origin=whole.origin - first)


def changed(panel: Panel) -> Panel:
    """Every cell after the train part is another one, in every column."""
    late, newcomer = panel.indices > TRAIN_END, panel.start > TRAIN_END
    values = {name: getattr(panel, name).copy() for name in ("target", "past", "future", "static")}
    for name, array in values.items():
        array[newcomer if name == "static" else late] = 1e6
    categories = {}
    for name, column in panel.categories.items():
        codes = column.codes.copy()
        codes[newcomer if name.startswith("static.") else late] = len(column.texts)
        categories[name] = Categories(codes, np.append(column.texts, np.array(["!new"], object)))
    return replace(panel, **values, categories=categories)


def fit(feature: Feature, panel: Panel) -> Feature:
    torch.manual_seed(0)
    return feature.fit(panel.until(TRAIN_END), TASK).eval()


def tensors(panel: Panel, origins: np.ndarray) -> dict[str, torch.Tensor]:
    """The windows of the first series at `origins`, text as codes."""
    series = np.zeros(len(origins), dtype=np.int64)
    found = cut(panel, TASK, series, origins)
    for name in CATEGORIES:
        texts, codes = np.unique(found[name].astype(str), return_inverse=True)
        column = Categories(codes.reshape(found[name].shape), texts.astype(object))
        found[name] = encode(column, vocabulary(name, panel))
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in found.items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("feature", every_feature(), ids=named)
def test_nothing_after_the_train_part_is_learned(feature, panel):
    one, other = fit(feature, panel), fit(feature, changed(panel))
    assert one.facts() == other.facts()
    assert same(one.state_dict(), other.state_dict())


@pytest.mark.parametrize("feature", every_feature(), ids=named)
def test_the_future_changes_no_feature_of_the_past(feature, panel):
    """Step by step: what comes later in a window, horizon included, is not seen."""
    fitted = fit(feature, panel)
    before = tensors(panel, np.arange(20, 60, 7))
    steps = TASK.history + TASK.horizon
    for first in range(1, steps):
        after = {name: values.clone() for name, values in before.items()}
        for name, values in after.items():
            if name.split(".")[0] in ("past", "future", "target"):
                late = values[:, first:]
                late.copy_(torch.where(late == 1, 0, 1))
        one, other = fitted(before), fitted(after)
        if feature.axis == "static":
            assert torch.equal(one, other)
        else:
            assert torch.equal(one[:, :first], other[:, :first])


@pytest.mark.parametrize("feature", every_feature(), ids=named)
def test_shapes_are_those_promised_and_numbers_are_finite(feature, panel):
    fitted = fit(feature, panel)
    shape = {
        "static": (5, fitted.width),
        "past": (5, TASK.history, fitted.width),
        "future": (5, TASK.history + TASK.horizon, fitted.width),
    }
    batch = tensors(panel, np.array([-40, 0, 30, 60, 400]))  # before, at and after the data
    found = fitted(batch)
    assert found.shape == shape[feature.axis]
    assert found.isfinite().all()


@pytest.mark.parametrize("feature", every_feature(), ids=named)
def test_a_feature_comes_back_from_its_facts(feature, panel):
    fitted = fit(feature, panel)
    facts = json.loads(json.dumps(fitted.facts(), allow_nan=False))
    again = feature.restore(facts, TASK).eval()
    again.load_state_dict(fitted.state_dict())
    batch = tensors(panel, np.arange(20, 60, 7))
    assert torch.equal(again(batch), fitted(batch))
