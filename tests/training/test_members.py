"""Members may differ in history, loss and the windows they learn from."""

import lightning as L
import pytest
import torch
from training.conftest import parts
from training.test_datamodule import QUIET

from loopcast.core.errors import ConfigError
from loopcast.models.network import Window
from loopcast.training.export import export
from loopcast.training.losses import PinballLoss, SquaredLoss
from loopcast.training.mean import parted
from loopcast.training.members import Members


def fitted(frame, **options):
    L.seed_everything(3, verbose=False)
    data, model = parts(frame, **options)
    L.Trainer(**QUIET, max_steps=20).fit(model, data)
    return data, model.eval()


def windows(data):
    series, origin, _ = data.part("test")
    return data.resident().gather(torch.from_numpy(series), torch.from_numpy(origin))


def each(model, batch):
    """Their quantiles in the target's units, before they meet."""
    own = model.encoder.through(batch, model.encoder(batch), model.seen)
    quantiles, _ = parted(model.network(Window(**own)), model.task)
    return model.encoder.units(quantiles, own["location"], own["scale"])


def test_a_member_sees_its_own_history_alone(frame):
    data, model = fitted(frame, members=2, histories=[14, 7], history=14)
    batch = windows(data)
    older = {**batch, "target": batch["target"].clone()}
    older["target"][:, :7] += 50
    with torch.no_grad():
        before, after = (each(model, b) for b in (batch, older))
    assert not torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])


def test_members_of_different_histories_are_exported_and_meet_in_the_target_s_units(
    frame, tmp_path
):
    data, model = fitted(frame, members=3, histories=[14, 7], history=14, blind=0.0)
    export(model, data.panel, tmp_path / "a.onnx", {"name": "a", "version": 1})  # proves itself
    with torch.no_grad():
        batch = windows(data)
        found = each(model, batch)
        same = model(batch)
    torch.testing.assert_close(same, found.median(0).values.sort(-1).values, rtol=1e-4, atol=1e-3)


def test_whole_histories_are_the_members_as_ever(frame):
    _, one = fitted(frame, members=2)
    _, other = fitted(frame, members=2, histories=[10_000])
    weights = one.state_dict()
    assert all(torch.equal(weights[n], part) for n, part in other.state_dict().items())


def test_each_member_learns_by_its_own_loss():
    members = Members(3, losses=[PinballLoss(), SquaredLoss()])
    forecast, actual = torch.randn(3, 5, 4, 1), torch.randn(3, 5, 4)
    weight, levels = torch.ones(3, 5, 4), torch.tensor([0.5])
    pinball, squared = PinballLoss(), SquaredLoss()
    found = members.loss(forecast, actual, weight, levels)
    expected = sum(
        loss(forecast[i], actual[i], weight[i], levels)
        for i, loss in enumerate((pinball, squared, pinball))
    )
    torch.testing.assert_close(found, expected)


def test_only_the_newest_windows_are_drawn_where_asked(frame):
    data, _ = parts(frame, recent=10)
    data.setup("plan")
    resident = data.resident()
    series, origin = resident.pick(torch.cat(list(data.train_dataloader())))
    last = resident.first + torch.diff(resident.ends, prepend=torch.zeros(1).long()) - 1
    ages = last[series] - origin
    assert ages.min() == 0
    assert ages.max() == 9


def test_members_may_draw_from_pools_of_their_own(frame):
    data, model = parts(frame, recent=[5, 80], members=2)
    L.Trainer(**QUIET, max_steps=1).fit(model, data)
    resident = data.resident()
    ids = torch.cat([batch.unflatten(0, (2, -1)) for batch in data.train_dataloader()], 1)
    _series, origin = resident.pick(ids.flatten())
    ages = (origin.max() - origin).unflatten(0, ids.shape)
    assert ages[0].max() < 10 < ages[1].max()


@pytest.mark.parametrize(
    ("options", "said"), [({"members": 0}, "members is 0"), ({"histories": [3, 0]}, "histories")]
)
def test_members_that_cannot_be_are_told(frame, options, said):
    with pytest.raises(ConfigError, match=said):
        parts(frame, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": 2, "histories": [14, 7, 3]}, "names 3 histories, but there are 2 members"),
        ({"members": 1, "histories": [7]}, "several members, but there is 1 member; name data.history"),
        ({"losses": [PinballLoss(), SquaredLoss()]}, "names 2 losses, but there is 1 member"),
    ],
)  # fmt: skip
def test_what_is_named_for_members_that_are_not_there_is_refused(frame, options, message):
    with pytest.raises(ConfigError, match=message):
        fitted(frame, **options)


def test_a_single_member_learns_by_the_loss_that_is_named_for_it(frame):
    _, one = fitted(frame, quantiles=[0.5], losses=[SquaredLoss()])
    _, other = fitted(frame, quantiles=[0.5])
    assert not torch.equal(one.network.enter.weight, other.network.enter.weight)
