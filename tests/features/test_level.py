from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Columns, Task
from loopcast.features.categories import encode, vocabulary
from loopcast.features.level import Level, additive, look
from loopcast.features.scaling import Scaling


@pytest.fixture(scope="module")
def retail(root) -> tuple[Panel, Task]:
    """The bundled real data: 152 series of months in 8 states and 20 industries."""
    frame = pd.read_csv(root / "data" / "aus_retail.csv.gz")
    frame["at"] = pd.PeriodIndex(pd.to_datetime(frame["Month"], format="%Y %b"), freq="M")
    frame["at"] = frame["at"].map(lambda month: month.ordinal)
    frame = frame.sort_values(["State", "Industry", "at"])
    names = frame[["State", "Industry"]].drop_duplicates()
    counts = frame.groupby(["State", "Industry"]).size().to_numpy()
    start = frame.groupby(["State", "Industry"])["at"].min().to_numpy()
    end = frame.groupby(["State", "Industry"])["at"].max().to_numpy()
    assert (end - start + 1 == counts).all()
    categories = {}
    for name in ("State", "Industry"):
        codes, texts = pd.factorize(names[name])
        categories[f"static.{name}"] = Categories(
            codes.astype(np.int32), np.array(texts, dtype=object)
        )
    empty = np.zeros((len(frame), 0), np.float32)
    panel = Panel(
        keys={name: names[name].to_numpy(dtype=object) for name in ("State", "Industry")},
        start=start,
        origin=end,
        offsets=np.r_[0, counts.cumsum()],
        target=frame["Turnover"].to_numpy(np.float32),
        past=empty,
        future=empty,
        static=np.zeros((len(names), 0), np.float32),
        categories=categories,
    )
    columns = Columns(categorical=("State", "Industry"))
    return panel, Task("Turnover", "Month", columns.names, "MS", 12, 12, 36, static=columns)


def ask(level: Level, panel: Panel, task: Task, vocabularies) -> tuple[np.ndarray, np.ndarray]:
    """Location and scale of each series of the panel."""
    inputs = {"origin": torch.zeros(len(panel), dtype=torch.int64)}
    inputs |= {
        name: torch.from_numpy(encode(panel.categories[name], texts))
        for name, texts in vocabularies.items()
    }
    if task.static.numeric:
        inputs["static"] = torch.from_numpy(panel.static)
    location, scale = level(inputs)
    return location[:, 0].numpy(), scale[:, 0].numpy()


def fit(panel: Panel, task: Task, scaling: Scaling):
    vocabularies = {
        name: vocabulary(name, panel) for name in panel.categories if name.startswith("static.")
    }
    return Level().fit(panel, task, scaling, vocabularies), vocabularies


@pytest.mark.parametrize("transform", ["none", "log1p"])
def test_series_never_seen_are_placed_by_their_state_and_industry(retail, transform):
    panel, task = retail
    scaling = Scaling("standard", transform)
    held = np.arange(len(panel)) % 5 == 2
    level, vocabularies = fit(panel.until(np.where(held, 0, panel.origin)), task, scaling)
    location, scale = ask(level, panel, task, vocabularies)
    means = pd.Series(panel.target).groupby(panel.owners).mean().to_numpy()
    guessed = scaling.inverse(torch.from_numpy(location)).numpy()
    missed = np.abs(np.log(np.maximum(guessed[held], 0.1)) - np.log(means[held]))
    blind = np.abs(np.log(means[held]) - np.log(np.median(means[~held])))
    assert missed.mean() < 0.5 * blind.mean()
    assert (scale > 0).all()


def test_a_known_series_is_placed_near_its_own_level(retail):
    panel, task = retail
    count = len(panel)
    names = np.arange(count).astype(str).astype(object)
    keyed = Categories(np.arange(count, dtype=np.int32), names)
    panel = replace(panel, categories={**panel.categories, "static.Series": keyed})
    level, vocabularies = fit(panel, task, Scaling())
    location, _ = ask(level, panel, task, vocabularies)
    means = pd.Series(panel.target).groupby(panel.owners).mean().to_numpy()
    assert np.median(np.abs(np.log(location / means))) < 0.2


def test_unknown_codes_and_no_static_columns_give_the_intercept(panel, task):
    level, vocabularies = fit(panel, replace(task, static=Columns()), Scaling())
    inputs = {"origin": torch.zeros(2, dtype=torch.int64)}
    inputs |= {name: torch.zeros(2, dtype=torch.int64) for name in vocabularies}
    inputs["static"] = level.numeric.location.expand(2, 1)
    location, scale = level(inputs)
    assert torch.allclose(location, level.unit * level.intercept[0].sinh())
    assert torch.allclose(scale.log(), level.usual)
    alone = Level().fit(panel, task, Scaling(), {})
    assert alone(inputs)[0].shape == (2, 1)


def test_the_answer_stays_within_what_train_has_seen(panel, task):
    level, vocabularies = fit(panel, task, Scaling())
    inputs = {"origin": torch.zeros(2, dtype=torch.int64), "static": torch.tensor([[1e9], [-1e9]])}
    inputs |= {name: torch.ones(2, dtype=torch.int64) for name in vocabularies}
    location, scale = level(inputs)
    assert (location.abs() <= np.nanmax(panel.target)).all()
    assert (scale <= np.nanmax(panel.target)).all()


@pytest.mark.parametrize("fill", [np.nan, 0.0, 5.0])
@pytest.mark.parametrize("kind", ["standard", "mean_absolute", "robust", "change"])
def test_a_panel_that_tells_nothing_gives_finite_numbers(panel, task, fill, kind):
    flat = replace(panel, target=np.full_like(panel.target, fill))
    for train in (flat, flat.until(0)):
        level, vocabularies = fit(train, task, Scaling(kind))
        location, scale = ask(level, panel, task, vocabularies)
        assert np.isfinite(location).all()
        assert (scale > 0).all()


def test_rows_after_the_origin_are_not_looked_at(panel, task):
    known = replace(panel, origin=panel.origin - 5)
    before = fit(known, task, Scaling())[0].state_dict()
    changed = panel.target.copy()
    changed[panel.indices > known.origin[panel.owners]] = 1e6
    after = fit(replace(known, target=changed), task, Scaling())[0].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_look_is_the_window_at_the_end_padded_on_the_left(panel):
    last = look(panel, 30, 0.0)
    assert np.array_equal(last[0, 10:], panel.target[:20], equal_nan=True)
    assert np.isnan(last[0, :10]).all()
    assert np.array_equal(last[5], panel.target[-30:], equal_nan=True)
    assert np.array_equal(look(panel, 5, 0.5)[0], panel.target[8:13], equal_nan=True)


def test_additive_effects_are_found_and_shrunken():
    rng = np.random.default_rng(0)
    codes = [rng.integers(1, 5, 400), rng.integers(1, 9, 400)]
    effects = [rng.normal(0, 1, 5), rng.normal(0, 1, 9)]
    numeric = rng.normal(0, 1, (400, 2))
    target = 3 + numeric @ [0.5, -2] + effects[0][codes[0]] + effects[1][codes[1]]
    target[::10] = np.nan
    found = additive(target, numeric, codes, (5, 9))
    guess = found.intercept + numeric @ found.slopes
    guess += found.effects[0][codes[0]] + found.effects[1][codes[1]]
    assert np.nanmax(np.abs(guess - target)) < 0.2
    assert found.effects[0][0] == found.effects[1][0] == 0
    once = additive(np.array([0.0, 4.0]), np.zeros((2, 0)), [np.array([1, 2])], (3,))
    assert np.allclose(once.effects[0], [0, -1, 1], atol=0.01)


def test_thirty_thousand_series_are_fitted_at_once():
    count, steps = 30_000, 20
    rng = np.random.default_rng(0)
    keyed = Categories(
        np.arange(count, dtype=np.int32), np.arange(count).astype(str).astype(object)
    )
    empty = np.zeros((count * steps, 0), np.float32)
    start = np.zeros(count, np.int64)
    panel = Panel(
        {}, start, start + steps - 1, np.arange(count + 1) * steps,
        rng.gamma(2, 5, count * steps).astype(np.float32), empty, empty,
        np.zeros((count, 0), np.float32), {"static.id": keyed},
    )  # fmt: skip
    task = Task("y", "t", ("id",), "D", 7, 7, 14, static=Columns(categorical=("id",)))
    level, vocabularies = fit(panel, task, Scaling())
    location, _ = ask(level, panel, task, vocabularies)
    assert np.corrcoef(location, panel.target.reshape(count, steps).mean(1))[0, 1] > 0.8
