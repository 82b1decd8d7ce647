"""Some members never see what is known ahead; the validation part says what the others count."""

from dataclasses import replace

import lightning as L
import numpy as np
import pytest
import torch
from training.conftest import DATA, sales, same
from training.test_datamodule import QUIET

import loopcast
from loopcast.core.errors import ConfigError
from loopcast.data.frame import Frame
from loopcast.models.linear import DLinear
from loopcast.training.checkpoint import loaded
from loopcast.training.datamodule import DataModule
from loopcast.training.export import export
from loopcast.training.forecaster import Forecaster
from loopcast.training.trust import SHARES, Trust


def fitted(frame, steps=60, trainer=None, data=None, **model):
    L.seed_everything(3, verbose=False)
    module = DataModule(source=Frame(frame), **{**DATA, **(data or {})})
    forecaster = Forecaster(DLinear, **{"members": 4, "learning_rate": 0.01, **model})
    run = L.Trainer(**QUIET, max_steps=steps, **(trainer or {}))
    run.fit(forecaster, module)
    return module, forecaster.eval(), run


def batch_of(data, part="test"):
    series, origin, limit = data.part(part)
    resident = replace(data.resident(), limit=torch.from_numpy(limit.copy()))
    return resident.gather(torch.from_numpy(series), torch.from_numpy(origin))


def dearer(batch):
    """The same windows with other prices ahead."""
    future = batch["future"].clone()
    future[:, -7:] = 3.0 - future[:, -7:]
    return {**batch, "future": future}


def moved(model, batch):
    """By how much other prices move the forecast of those that see, and of those that do not."""
    with torch.no_grad():
        pairs = zip(model._groups(batch)[0], model._groups(dearer(batch))[0], strict=True)
    return [float((one - other).abs().mean()) for one, other in pairs]


def test_the_second_half_of_the_members_does_not_see_what_is_known_ahead(frame):
    data, model, _ = fitted(frame)
    seeing, blind = moved(model, batch_of(data))
    assert model.trust.sizes == [2, 2]
    assert seeing > 0.01
    assert blind == 0.0


def test_a_column_that_moves_sales_is_trusted_and_one_that_names_the_day_is_not(frame):
    frame["sold"] -= 8 * frame["price"]
    _, model, _ = fitted(frame, steps=200)
    assert float(model.trust.share) >= 0.75
    day = frame["day"].dt.dayofyear.to_numpy() + 1000 * frame["day"].dt.year.to_numpy()
    by_day = np.random.default_rng(1).normal(size=day.max() + 1)
    frame["sold"] += 30 * by_day[day] * (frame["day"] < "2023-04-01")  # until then it tells all
    frame["price"] = by_day[day]
    _, model, _ = fitted(frame, steps=400)
    assert float(model.trust.share) <= 0.25


def test_without_trust_what_is_known_ahead_moves_nothing_in_the_artifact_either(frame, tmp_path):
    data, model, _ = fitted(frame)
    batch, prices = batch_of(data), dearer(batch_of(data))
    with torch.no_grad():
        assert not torch.equal(model(batch), model(prices))
        model.trust.share.fill_(0.0)
        assert torch.equal(model(batch), model(prices))
    export(model, data.panel, tmp_path / "a.onnx", {"name": "a", "version": 1})  # proves itself


def test_the_share_is_the_one_of_least_loss(frame):
    data, model, _ = fitted(frame)
    batch = batch_of(data, "stopping")
    with torch.no_grad():
        losses, _ = model.losses_of(batch)
        for share in SHARES:
            model.trust.share.fill_(share)
            torch.testing.assert_close(model.losses_of(batch)[0], losses)
            torch.testing.assert_close(model(batch), model.losses_of(batch)[1])
        assert model.trust.best(losses) == losses[SHARES.index(model.trust.share)]
    assert len(losses) == len(set(losses.tolist())) == len(SHARES)


def test_a_look_at_a_fitted_model_leaves_its_share(frame):
    data, model, run = fitted(frame)
    model.trust.share.fill_(0.25)
    told = run.validate(model, data, verbose=False)[0]
    assert float(model.trust.share) == 0.25
    with torch.no_grad():
        losses, _ = model.losses_of(batch_of(data, "stopping"))
    assert told["validation_loss"] == pytest.approx(float(losses[1]), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "data"),
    [({"blind": 0.0}, {}), ({"members": 1}, {}), ({}, {"future": []})],
)
def test_all_see_the_same_where_it_is_asked_or_there_is_one_or_nothing_is_known(
    options, data, frame
):
    _, model, _ = fitted(frame, steps=2, data=data, **options)
    assert model.trust.sizes == [model.together.count]
    assert model.trust.told() is None
    assert not [name for name in model.state_dict() if "trust" in name]


def test_shares_of_members_are_rounded_down():
    assert Trust(3, 0.5, 4, 1).sizes == [2, 1]
    assert Trust(2, 0.25, 4, 1).sizes == [2]
    shown = Trust(4, 0.25, 3, 2).shown[:, 0, 0]
    assert shown.tolist() == [[1, 1, 1]] * 3 + [[1, 0, 0]]


def test_of_losses_that_are_alike_the_one_that_relies_on_less_is_taken():
    trust = Trust(4, 0.5, 3, 1)
    for losses, share in [
        ([3.0, 2.01, 2.009, 2.0, 2.1], 0.25),
        ([3.0, 2.02, 2.02, 2.0, 2.1], 0.75),
        ([-3.0, -3.001, -3.1, -3.0, 2.1], 0.5),
        ([float("nan"), 1.0, 2.0, 3.0, 4.0], 0.0),
    ]:
        trust.best(torch.tensor(losses))
        assert float(trust.share) == share, losses


@pytest.mark.parametrize("blind", [-0.1, 1.0])
def test_a_share_that_leaves_none_that_see_is_refused(blind):
    with pytest.raises(ConfigError, match=r"model\.blind is"):
        Forecaster(blind=blind)


def test_histories_of_their_own_and_the_mean_go_with_it(frame, tmp_path):
    data, model, _ = fitted(frame, data={"history": 14}, histories=[14, 7], mean=True)
    seeing, blind = moved(model, batch_of(data))
    assert seeing > 0 and blind == 0.0
    export(model, data.panel, tmp_path / "a.onnx", {"name": "a", "version": 1})
    model.trust.share.fill_(0.0)
    with torch.no_grad():
        for one, other in zip(
            model.outputs(batch_of(data)), model.outputs(dearer(batch_of(data))), strict=True
        ):
            assert torch.equal(one, other)


def test_the_refit_keeps_the_share(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = sales()
    frame["sold"] -= 8 * frame["price"]
    loopcast.fit(
        frame, name="a", data=DATA, model={"network": DLinear, "members": 2, "learning_rate": 0.01},
        trainer={"max_steps": 80, "enable_progress_bar": False}, refit=True,
    )  # fmt: skip
    best, again = (
        loaded((tmp_path / f"checkpoints/a/{name}.ckpt").read_bytes(), tmp_path)["state_dict"]
        for name in ("best", "refit")
    )
    assert again["trust.share"] == best["trust.share"] > 0
    same({"share": best["trust.share"]}, {"share": again["trust.share"]})
