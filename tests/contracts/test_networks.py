"""Every network in loopcast.models keeps the contract; they are found by walking the package."""

import importlib
import inspect
import pkgutil
from dataclasses import fields, replace

import lightning as L
import numpy as np
import pandas as pd
import pytest
import torch
from torch.testing import assert_close

import loopcast.models
from loopcast.core.inputs import inputs
from loopcast.core.task import Task
from loopcast.data.frame import Frame
from loopcast.models.network import Network, Widths, Window
from loopcast.serving.predictor import Predictor
from loopcast.training.datamodule import DataModule
from loopcast.training.export import codes, export
from loopcast.training.forecaster import Forecaster

TASK = Task("y", "t", (), "MS", horizon=5, season=4, history=11, quantiles=(0.1, 0.5, 0.9))
WIDTHS = Widths(past=3, future=6, static=4, covariates=2)
MEMBERS = 2
SMALL = {"width": 8, "layers": 1}
SHARED = ("past", "future", "static")
"""Fields of a window that do not depend on how its target is scaled."""


def found():
    """Every concrete network, in the module that defines it."""
    for file in pkgutil.iter_modules(loopcast.models.__path__):
        module = importlib.import_module(f"loopcast.models.{file.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            ours = kind.__module__ == module.__name__ and issubclass(kind, Network)
            if ours and not inspect.isabstract(kind):
                yield kind


NETWORKS = list(found())
every_network = pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)


def build(kind, task=TASK, widths=WIDTHS, members=0, seed=1):
    """A small one whose every weight counts: no layer gives 0, as some do until trained."""
    torch.manual_seed(seed)
    options = {name: size for name, size in SMALL.items() if name in options_of(kind)}
    network = kind(task, replace(widths, members=members), **options)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return network.eval()


def options_of(kind):
    return inspect.signature(kind.__init__).parameters


def window(batch, *members, task=TASK, widths=WIDTHS, seed=2):
    """Random features, a tenth of the history missing; `members`: a leading axis."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape):
        return torch.randn(*members, batch, *shape, generator=generator)

    span = task.history + task.horizon
    mask = (torch.rand(*members, batch, task.history, generator=generator) > 0.1).float()
    return Window(
        noise(task.history) * mask, mask, noise(1), noise(1).exp(),
        noise(task.history, widths.past), noise(span, widths.future), noise(widths.static),
    )  # fmt: skip


def tensors(given):
    return [getattr(given, part.name) for part in fields(Window)]


def pick(given, member):
    return Window(*(part[min(member, len(part) - 1)] for part in tensors(given)))


def alone(kind, stack, member):
    """A network without members that holds one member's weights."""
    network = build(kind, seed=9)
    mine = {}
    for name, weight in network.state_dict().items():
        copy = name.replace(".copies.0.", f".copies.{member}.")
        source = stack.state_dict()[copy if ".copies." in name else name]
        mine[name] = (source if ".copies." in name else source[member]).reshape(weight.shape)
    network.load_state_dict(mine)
    return network


def test_the_walk_finds_the_networks_and_each_has_its_config(root):
    assert len(NETWORKS) >= 11
    configs = "".join(path.read_text() for path in (root / "configs").glob("*.yaml"))
    plain = {"MLP"}  # the benchmark's network: no config advises it
    missing = {kind.__name__ for kind in NETWORKS if f".{kind.__name__}" not in configs}
    assert missing <= plain


@every_network
def test_options_follow_task_and_widths_by_keyword_and_all_have_defaults(kind):
    _, *ours = options_of(kind).values()
    assert [option.name for option in ours[:2]] == ["task", "widths"]
    for option in ours[2:]:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty


@every_network
def test_members_give_what_each_gives_alone(kind):
    """On one window for all, on a window for each, and on one that is only partly for each."""
    stack = build(kind, members=MEMBERS)
    own = window(4, MEMBERS)
    common = {name: getattr(own, name)[:1] for name in SHARED}
    assert stack(window(4)).shape == (MEMBERS, 4, 5, 3)
    for given in (window(4, 1), own, replace(own, **common)):
        forecast = stack(given)
        for member in range(MEMBERS):
            single = alone(kind, stack, member)(pick(given, member))
            assert single.shape == (4, 5, 3)
            assert_close(forecast[member], single, rtol=1e-4, atol=1e-5)


@every_network
def test_members_do_not_touch_each_others_weights(kind):
    stack = build(kind, members=MEMBERS)
    stack(window(4))[0].square().sum().backward()
    for name, weight in stack.named_parameters():
        if ".copies." not in name:
            assert weight.grad[0].abs().max() > 0, name
            assert not weight.grad[1].any(), name
        elif ".copies.1." in name:
            assert weight.grad is None or not weight.grad.any(), name


@every_network
@pytest.mark.parametrize("members", [0, MEMBERS])
def test_every_weight_learns_and_windows_do_not_mix(kind, members):
    network = build(kind, members=members)
    given = window(6)
    forecast = network(given)
    forecast.square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name
    first = Window(*(part[:2] for part in tensors(given)))
    assert_close(network(first), forecast[..., :2, :, :], rtol=1e-4, atol=1e-5)


@every_network
def test_past_future_and_static_features_all_move_the_forecast(kind):
    given = window(4)
    features = {name: getattr(given, name).requires_grad_() for name in SHARED}
    forecast = build(kind)(replace(given, **features))
    forecast.square().sum().backward(retain_graph=True)
    for name, values in features.items():
        assert (values.grad.abs().flatten(0, -2).amax(0) > 0).all(), name
    ahead = features["future"]
    for step in range(TASK.horizon):  # a price moves the very step it is on
        ahead.grad = None
        forecast[:, step].square().sum().backward(retain_graph=True)
        assert (ahead.grad[:, TASK.history + step].abs().amax(0) > 0).all()


@every_network
@pytest.mark.parametrize("members", [0, MEMBERS])
@pytest.mark.parametrize(
    ("task", "widths"),
    [
        (TASK, WIDTHS),
        (replace(TASK, history=1), WIDTHS),
        (replace(TASK, horizon=1), WIDTHS),
        (replace(TASK, history=1, horizon=1, season=1, quantiles=(0.5,)), WIDTHS),
        (replace(TASK, horizon=40), WIDTHS),
        (TASK, Widths(0, 0, 0)),
        (TASK, Widths(1, 1, 4)),  # what the encoder gives where there are no covariates
        (TASK, Widths(40, 70, 90, covariates=50)),
    ],
    ids=["usual", "history 1", "horizon 1", "least", "long", "nothing", "bare", "many"],
)
def test_any_window_gives_finite_quantiles_even_without_any_history(kind, members, task, widths):
    network = build(kind, task, widths, members)
    given = window(3, task=task, widths=widths)
    nothing = replace(given, target=given.target * 0, mask=given.mask * 0)
    stack = (members,) if members else ()
    for shown in (given, nothing):
        forecast = network(shown)
        assert forecast.shape == (*stack, 3, task.horizon, len(task.quantiles))
        assert forecast.isfinite().all()


@every_network
def test_a_blind_member_beside_one_that_sees_is_told_nothing_ahead(kind):
    network = build(kind, widths=replace(WIDTHS, blind=1), members=2)
    given = Window(*(part[None] for part in vars(window(3)).values()))
    shown = torch.ones(2, 1, 1, WIDTHS.future)
    shown[1, ..., -WIDTHS.covariates :] = 0
    seen = replace(given, future=given.future * shown)
    other = replace(given, future=(given.future + 1) * shown)
    other.future[..., : -WIDTHS.covariates] = seen.future[..., : -WIDTHS.covariates]
    before, after = network(seen), network(other)
    assert before.isfinite().all()
    assert not torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])


@every_network
def test_the_seed_decides_the_weights_and_members_begin_apart(kind):
    def weights(seed):
        torch.manual_seed(seed)
        return list(kind(TASK, replace(WIDTHS, members=MEMBERS)).parameters())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))
    assert any(not torch.equal(a[0], a[1]) for a in weights(1))


@pytest.fixture(scope="module")
def data():
    steps = np.arange(60)
    frame = pd.DataFrame(
        {
            "shop": np.repeat(["a", "b"], 60),
            "day": np.tile(pd.date_range("2024-01-01", periods=60), 2),
            "price": np.cos(np.arange(120)),
            "sold": np.concatenate([np.sin(steps) + 3, steps % 7 + 10.0]),
        }
    )
    return lambda **options: DataModule(
        Frame(frame), time="day", target="sold", frequency="D", series=["shop"], future=["price"],
        batch_size=8, **{"horizon": 7, **options},
    )  # fmt: skip


@every_network
def test_with_members_ranges_and_mean_the_exported_graph_equals_torch(kind, data, tmp_path):
    """At batch 1, 2 and 257. Without members test_configs proves it, where each network trains."""
    module = data(history=5, horizon=2, season=2)  # a recurrent cell is traced step by step
    module.setup("fit")
    torch.manual_seed(1)
    forecaster = Forecaster(network=kind, members=MEMBERS, mean=True, lower=3.0)
    forecaster.build(replace(module.task, quantiles=(0.1, 0.5, 0.9), mean=True), module.encoder)
    with torch.no_grad():
        for weight in forecaster.network.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
        forecaster.ranges.floor.fill_(9.0)  # above much of what is forecast
        forecaster.ranges.offset.uniform_(-0.3, 3.0)
        forecaster.ranges.knots.copy_(torch.tensor([0.1, 0.3, 0.5, 0.6]))
    path = export(forecaster, module.panel, tmp_path / "x.onnx", {})
    prepared = inputs(module.panel, forecaster.task, np.array([0, 1]), np.array([19750, 19760]))
    served = Predictor(path).outputs(prepared)
    with torch.no_grad():
        expected = forecaster.outputs(codes(prepared, forecaster))
        forecaster.ranges.offset.zero_()
        plain = forecaster(codes(prepared, forecaster))
    assert list(served) == ["quantiles", "mean"]
    for found, wanted in zip(served.values(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3)
    assert served["mean"].shape == (2, 2)
    assert not np.allclose(served["quantiles"], plain)
    assert min(found.min() for found in served.values()) >= 9.0


@every_network
@pytest.mark.parametrize("members", [1, MEMBERS])
def test_the_forecaster_trains_it_with_and_without_members(kind, members, data, tmp_path):
    module = data()
    forecaster = Forecaster(network=kind, members=members, mean=True)
    trainer = L.Trainer(
        max_steps=2, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, num_sanity_val_steps=0, enable_model_summary=False,
        limit_val_batches=0, default_root_dir=tmp_path, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(forecaster, module)
    assert trainer.global_step == 2
    assert all(weight.isfinite().all() for weight in forecaster.network.parameters())
