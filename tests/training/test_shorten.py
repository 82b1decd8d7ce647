"""Windows cut as if their series had just begun, and what a network makes of a new series."""

import numpy as np
import pandas as pd
import pytest
import torch

from loopcast.core.errors import ConfigError
from loopcast.serving.predictor import Predictor
from loopcast.training.api import fit
from loopcast.training.forecaster import Forecaster
from loopcast.training.shorten import shortened

HISTORY, HORIZON = 12, 3


def batch(size=4000):
    return {
        "target": torch.ones(size, HISTORY),
        "past": torch.ones(size, HISTORY, 2),
        "future": torch.ones(size, HISTORY + HORIZON, 2),
        "future.promotion": torch.ones(size, HISTORY + HORIZON, dtype=torch.int64),
        "static.shop": torch.ones(size, dtype=torch.int64),
        "actual": torch.ones(size, HORIZON),
    }


def test_a_share_of_the_windows_keeps_its_last_steps_alone_in_every_column():
    torch.manual_seed(0)
    shortened(cut := batch(), 0.25)
    kept = (~cut["target"].isnan()).sum(1)
    short = kept < HISTORY
    assert 0.2 < short.float().mean() < 0.25  # some are cut to their whole length
    assert set(kept.tolist()) == set(range(HISTORY + 1))
    few, many = (kept[short] < 3).sum(), (kept[short] >= HISTORY - 3).sum()
    assert few > 2 * many
    steps = torch.arange(HISTORY) >= HISTORY - kept[:, None]
    assert torch.equal(~cut["target"].isnan(), steps)
    for name in ("past", "future"):
        assert torch.equal(~cut[name][:, :HISTORY].isnan(), steps[..., None].expand(-1, -1, 2))
    assert torch.equal(cut["future.promotion"][:, :HISTORY] > 0, steps)
    whole = batch()
    for name in ("static.shop", "actual"):
        assert torch.equal(cut[name], whole[name])
    for name in ("future", "future.promotion"):  # what is known ahead stays
        assert torch.equal(cut[name][:, HISTORY:], whole[name][:, HISTORY:])


def test_the_draw_is_that_of_torch_s_generator_and_0_cuts_nothing():
    cuts = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        shortened(one := batch(), 0.1)
        cuts.append(one["target"].isnan())
    assert torch.equal(cuts[0], cuts[1])
    assert not torch.equal(cuts[0], cuts[2])
    shortened(whole := batch(), 0.0)
    assert all(torch.equal(whole[name], tensor) for name, tensor in batch().items())
    with pytest.raises(ConfigError, match=r"1\.5"):
        Forecaster(shorten=1.5)


def shops(states=("north", "south"), shops=6, days=60):
    """Shops of the north sell 200 a day, those of the south 20; an offer doubles it."""
    rng = np.random.default_rng(0)
    parts = []
    for number in range(shops * len(states)):
        state = states[number % len(states)]
        offer = rng.integers(0, 2, days)
        level = {"north": 200, "south": 20}[state] * (1 + offer)
        day = pd.date_range("2024-01-01", periods=days)
        sold = level * rng.lognormal(0, 0.05, days)
        parts.append(
            pd.DataFrame({"shop": f"s{number}", "state": state, "day": day, "offer": offer, "sold": sold})
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_a_new_series_is_forecast_from_its_static_and_future_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = {
        "series": ["shop"], "time": "day", "target": "sold", "frequency": "D", "horizon": 5,
        "static": ["shop", "state"], "future": ["offer"], "validation": 0, "test": 0,
    }  # fmt: skip
    rows = shops()
    run = fit(
        rows, data=data, model={"learning_rate": 0.005, "shorten": 0.2},
        trainer={"max_steps": 120, "enable_progress_bar": False},
    )  # fmt: skip
    day = pd.date_range("2024-03-01", periods=5)
    new = [("new north", "north"), ("new south", "south")]
    offers = [0, 1, 0, 1, 1]
    ahead = pd.concat(
        pd.DataFrame({"shop": shop, "state": state, "day": day, "offer": offers})
        for shop, state in new
    )
    known = rows[rows.shop == "s0"]
    keys = [{"shop": shop, "state": state} for shop, state in new]
    future = pd.concat([ahead, ahead.iloc[:5].assign(shop="s0", state="north")])
    found = Predictor(run.artifact).predict(known, future=future, series=keys)
    median = dict(zip(found.keys["shop"], found.quantiles[..., 2], strict=True))
    for shop, state in new:
        expected = {"north": 200, "south": 20}[state] * (1 + np.array(offers))
        assert np.abs(np.log(median[shop] / expected)).max() < np.log(1.8), (shop, median[shop])
        assert median[shop][[1, 3, 4]].min() > 1.4 * median[shop][[0, 2]].max()


@pytest.mark.parametrize("share", [0.4, 0.7, 0.3])
def test_any_share_is_kept(share):
    torch.manual_seed(0)
    shortened(cut := batch(20_000), share)
    short = cut["target"].isnan().any(1).float().mean()
    assert short == pytest.approx(share * (HISTORY / (HISTORY + 1)) ** (1 / 3), abs=0.02)
