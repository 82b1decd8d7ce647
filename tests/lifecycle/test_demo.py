"""The demo of the loop, reduced: 15 months of a few industries, with real trainings."""

import importlib
import sys

import numpy as np
import pytest


@pytest.fixture
def loop(root, monkeypatch):
    """The package below examples/."""
    monkeypatch.syspath_prepend(str(root / "examples"))
    yield lambda name: importlib.import_module(f"loop.{name}")
    for name in [one for one in sys.modules if one.split(".")[0] == "loop"]:
        del sys.modules[name]


def reduced(world_of, root):
    """Two states, 12 years."""
    whole = world_of.read(root / "data" / "aus_retail.csv.gz")
    chosen = [
        i for i, key in enumerate(whole.keys)
        if key["State"] in ("Victoria", "Queensland") and np.isfinite(whole.values[i, -144:]).all()
    ]  # fmt: skip
    return world_of.World(
        [whole.keys[i] for i in chosen], whole.months[-144:], whole.values[chosen, -144:]
    )


def test_the_break_moves_seasons_turns_trends_and_leaves_the_rest(loop, root):
    world_of = loop("world")
    world, how = reduced(world_of, root), world_of.Break()
    there = world_of.broken(world, 120, how)
    assert np.array_equal(there.values[:, :120], world.values[:, :120])
    for row, key in enumerate(world.keys):
        before, after = world.values[row, 120:], there.values[row, 120:]
        if key["Industry"] in how.moved:
            peak = np.argmax(world_of.seasonal(world.values[row, :120], 0))
            moved = np.argmax(world_of.seasonal(np.tile(after[:12], 3), 0))
            assert (moved - peak) % 12 == how.shift
        elif key["Industry"] in how.turned:
            assert np.sign(after[-1] - before[-1]) == -np.sign(
                world_of.slope(world.values[row, :120])
            )
        else:
            assert np.allclose(after, before.round(1))


def test_two_figures_are_told_from_the_last_promotion_and_from_a_season_after_the_break(loop):
    months, world_of, summary = loop("months"), loop("world"), loop("summary")
    world = world_of.World([{"a": "b"}], ["2000-01-01"] * 60, np.zeros((1, 60)))
    record = months.Record.empty(world, 12)
    record.scale[:] = 1
    record.frozen[:, :24], record.frozen[:, 24:], record.ours[:] = 1, 5, 2
    record.version[:] = [1] * 30 + [2] * 12 + [3] * 6
    last, season = summary.figures(record, 24)
    assert (last.begin, last.months, season.begin, season.months) == (42, 6, 37, 11)
    assert last.promotions == season.promotions == 2
    assert last.recovered == season.recovered == 0.75
    record.version[:] = [1] * 48
    assert summary.figures(record, 24) == []


def test_the_loop_retrains_and_goes_on_beside_a_frozen_model(loop, root, tmp_path, capsys):
    main, world_of, summary = loop("__main__"), loop("world"), loop("summary")
    world, broke = reduced(world_of, root), 3
    options = main.Options(tmp_path / "demo", months=15, steps=150)
    easy = {"significance": 0.5, "category": 2.0, "stability": 3.0}  # two states say little
    recipes = {"partial": {"data.partial": True}}
    more = {"retrain": {"recipes": recipes, "triggers": {"age": 12}, "gates": easy}}
    there = world_of.broken(world, len(world.months) - 12, world_of.Break())
    record = main.play(there, broke, options, more)
    assert record.promotions, record.retrains
    assert set(record.version) == {1, 2}
    first = record.promotions[0]
    assert record.version[first:] == [2] * (15 - first)
    (found,) = summary.figures(record, broke)
    assert found.promotions == 1 and found.months == 3 and found.ours != found.frozen
    assert (
        np.isfinite([found.ours, found.frozen, found.before]).all() and "recovered" in found.text()
    )
    summary.picture(record, broke, tmp_path / "loop.png")
    assert (tmp_path / "loop.png").stat().st_size > 10_000
    assert "the world breaks" in capsys.readouterr().out
