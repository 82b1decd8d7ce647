import itertools
import json
import warnings
from dataclasses import asdict, replace

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from loopcast.core.errors import ConfigError
from loopcast.core.inputs import inputs as cut
from loopcast.core.panel import Categories, Panel
from loopcast.core.task import Columns, Task
from loopcast.features.calendar import Calendar
from loopcast.features.categories import Category, encode
from loopcast.features.encoder import FEW, MISSED, Encoder, default_features
from loopcast.features.numeric import Numeric
from loopcast.features.position import Position
from loopcast.features.scaling import Scaling
from loopcast.models.network import Window

SCALINGS = list(
    itertools.product(("standard", "mean_absolute", "robust", "change"), ("none", "log1p", "asinh"))
)
NAN = float("nan")
TRAIN_END = 340


def fit(panel: Panel, task: Task, features=None, scaling: Scaling | None = None) -> Encoder:
    torch.manual_seed(0)
    return Encoder.fit(panel, task, features, scaling or Scaling()).eval()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def changed_after(panel: Panel, last: int) -> Panel:
    """Every column of every role is another one after grid step `last`."""
    late = panel.indices > last
    newcomer = panel.start > last
    target, past, future, static = (
        getattr(panel, name).copy() for name in ("target", "past", "future", "static")
    )
    target[late], past[late], future[late], static[newcomer] = 1e6, -1e6, np.nan, 1e6
    categories = {}
    for name, column in panel.categories.items():
        codes = column.codes.copy()
        codes[newcomer if name.startswith("static.") else late] = len(column.texts)
        categories[name] = Categories(codes, np.array([*column.texts, "!new"], dtype=object))
    return replace(
        panel, target=target, past=past, future=future, static=static, categories=categories
    )


def test_the_output_is_a_window_of_the_promised_widths(panel, task, inputs):
    encoder = fit(panel, task)
    window = Window(**encoder(inputs(9)))
    past, future, static = encoder.widths
    assert window.target.shape == window.mask.shape == (9, 8)
    assert window.location.shape == window.scale.shape == (9, 1)
    assert window.past.shape == (9, 8, past)
    assert window.future.shape == (9, 11, future)
    assert window.static.shape == (9, static)


@pytest.mark.parametrize(("kind", "transform"), SCALINGS)
def test_missing_unknown_and_far_away_is_ordinary_input(panel, task, inputs, kind, transform):
    encoder = fit(panel, task, scaling=Scaling(kind, transform))
    batch = inputs(64)
    for name, values in batch.items():
        if "." in name:
            values.zero_()
    batch["past"][:], batch["static"][:] = NAN, NAN
    batch["future"][::2] = NAN
    batch["target"][5] = float("inf")
    batch["target"][6] = -3e38
    batch["origin"][:] = torch.linspace(-30_000, 1e6, 64).long()
    window = encoder(batch)
    assert all(values.isfinite().all() for values in window.values())
    assert (window["scale"] > 0).all()
    assert (window["target"][window["mask"] == 0] == 0).all()
    assert (
        encoder.units(torch.full((64, 3, 1), 1e9), window["location"], window["scale"])
        .isfinite()
        .all()
    )


def test_nothing_after_train_changes_what_was_fitted(panel, task):
    before = fit(panel.until(TRAIN_END), task)
    after = fit(changed_after(panel, TRAIN_END).until(TRAIN_END), task)
    assert before.facts() == after.facts()
    assert same(before.state_dict(), after.state_dict())
    leaking = fit(changed_after(panel, TRAIN_END), task)
    assert before.facts() != leaking.facts()


def test_the_future_does_not_change_the_past(panel, task, inputs):
    encoder, batch = fit(panel, task), inputs(40)
    changed = {name: values.clone() for name, values in batch.items()}
    changed["future"][:, task.history :] = 99
    changed["future.promotion"][:, task.history :] = 0
    one, other = encoder(batch), encoder(changed)
    future, later = one.pop("future"), other.pop("future")
    assert same(one, other)
    assert torch.equal(future[:, : task.history], later[:, : task.history])
    assert not torch.equal(future, later)


def test_each_step_is_encoded_by_itself(panel, task, inputs):
    encoder, batch = fit(panel, task), inputs(40)
    changed = {name: values.clone() for name, values in batch.items()}
    for name in ("past", "past.weather", "future", "future.promotion"):
        changed[name][:, 4] = 1 - changed[name][:, 4].nan_to_num().long().clamp(0, 1)
    one, other = encoder(batch), encoder(changed)
    for axis in ("past", "future"):
        differs = (one[axis] != other[axis]).any(-1).any(0)
        assert differs.nonzero().flatten().tolist() == [4]


@pytest.mark.parametrize(("kind", "transform"), SCALINGS)
def test_units_undo_the_scaling(panel, task, inputs, kind, transform):
    encoder, batch = fit(panel, task, scaling=Scaling(kind, transform)), inputs(40)
    window = encoder(batch)
    seen = window["mask"] > 0
    back = encoder.units(window["target"][..., None], window["location"], window["scale"])[..., 0]
    error = (back - batch["target"]).abs() / (batch["target"].abs() + window["scale"])
    assert error[seen].max() < 1e-4
    again = encoder.scaled(batch["target"], window["location"], window["scale"])
    assert torch.allclose(again[seen], window["target"][seen], atol=1e-4)
    assert again[~seen].isnan().all()


def test_units_keep_a_member_axis(panel, task, inputs):
    encoder = fit(panel, task)
    window = encoder(inputs(5))
    quantiles = torch.randn(7, 5, 3, 9)
    units = encoder.units(quantiles, window["location"], window["scale"])
    want = encoder.units(quantiles[2], window["location"], window["scale"])
    assert torch.equal(units[2], want)


@pytest.mark.parametrize("chosen", [None, "some"])
def test_facts_and_state_bring_back_the_same_encoder(panel, task, inputs, chosen):
    def features():
        return None if chosen is None else [Category("static.state", width=3), Numeric("future")]

    encoder = fit(panel, task, features(), Scaling("robust", "log1p"))
    facts = json.loads(json.dumps(encoder.facts(), allow_nan=False))
    travelled = Task.from_dict(json.loads(json.dumps(asdict(task))))
    torch.manual_seed(1)
    again = Encoder.restore(facts, travelled, features(), Scaling("robust", "log1p")).eval()
    again.load_state_dict(encoder.state_dict())
    assert again.facts() == encoder.facts()
    assert again.vocabularies == encoder.vocabularies
    assert same(again(inputs(30)), encoder(inputs(30)))


def test_the_default_features_are_the_calendar_and_every_column(panel, task):
    encoder = fit(panel, task)
    assert list(encoder.vocabularies) == [
        "past.weather",
        "future.promotion",
        "static.shop",
        "static.state",
    ]
    assert encoder.vocabularies["static.state"] == ("north", "south")
    assert [f.axis for f in default_features(task) if isinstance(f, Numeric)] == [
        "past",
        "future",
        "static",
    ]


def test_features_given_replace_the_default_ones(panel, task, inputs):
    encoder = fit(panel, task, [Calendar()])
    assert encoder.vocabularies == {}
    assert encoder.widths == (1, Calendar().fit(panel, task).width, 6)


def test_every_axis_has_a_column_even_without_any_feature(panel, task, inputs):
    encoder, batch = fit(panel, task, []), inputs(6)
    window = encoder(batch)
    assert encoder.widths == (1, 1, 6)
    assert torch.equal(window["past"][..., 0], window["mask"])
    assert window["future"][3, :, 0].tolist() == pytest.approx([0.0] * 8 + [1 / 3, 2 / 3, 1])


def test_the_same_options_fit_two_panels_without_touching_each_other(panel, task):
    options = [Category("static.shop"), Numeric("past")]
    first = fit(panel, task, options)
    fit(panel.until(320), task, options)
    assert first.vocabularies["static.shop"] == tuple("abcdef")
    assert not hasattr(options[0], "table")


def test_keys_are_hidden_in_training_only(panel, task, inputs):
    encoder, batch = fit(panel, task), inputs(500)
    assert same(encoder(batch), encoder(batch))
    shown = encoder(batch)["static"]
    hidden = (encoder.train()(batch)["static"] != shown).any(-1).float().mean()
    assert 0.02 < hidden < 0.25


def test_half_precision_training_does_not_round_level_and_scale(panel, task, inputs):
    encoder, batch = fit(panel, task), inputs(50)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = encoder(batch)
    assert same(half, encoder(batch))


def test_rows_of_a_panel_become_features_by_the_shared_cut(panel, task):
    encoder = fit(panel, task)
    raw = cut(panel, task, np.arange(6), panel.origin)
    texts = {name: np.unique(raw[name]) for name in encoder.vocabularies}
    coded = {
        name: encode(
            Categories(np.searchsorted(texts[name], raw[name]), texts[name]),
            encoder.vocabularies[name],
        )
        if name in texts
        else raw[name]
        for name in raw
    }
    window = encoder({name: torch.from_numpy(values) for name, values in coded.items()})
    assert all(values.isfinite().all() for values in window.values())
    assert torch.equal(window["mask"] == 0, torch.from_numpy(raw["target"]).isnan())


class Flat(nn.Module):
    """Inputs by position, and the way back to units, as an artifact's graph has them."""

    def __init__(self, encoder: Encoder, names: list[str]) -> None:
        super().__init__()
        self.encoder, self.names = encoder, names

    def forward(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        window = self.encoder(dict(zip(self.names, values, strict=True)))
        quantiles = window["target"][..., None] + torch.tensor([-1.0, 2.0])
        units = self.encoder.units(quantiles, window["location"], window["scale"])
        return (*window.values(), units)


def session(flat: Flat, example: dict[str, torch.Tensor]) -> onnxruntime.InferenceSession:
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            flat,
            tuple(example.values()),
            dynamo=True,
            input_names=list(example),
            dynamic_shapes=(tuple({0: batch} for _ in example),),
            verbose=False,
        )
    return onnxruntime.InferenceSession(program.model_proto.SerializeToString())


@pytest.mark.parametrize(
    ("frequency", "season", "kind", "transform", "columns"),
    [
        ("15min", 96, "robust", "log1p", True),
        ("1", 24, "standard", "asinh", False),
    ],
)
def test_the_exported_graph_says_the_same(
    panel, task, inputs, frequency, season, kind, transform, columns
):
    task = replace(task, frequency=frequency, season=season)
    if not columns:
        task = replace(task, static=Columns(), past=Columns(), future=Columns())
        panel = replace(panel, static=panel.static[:, :0])
    encoder = fit(panel, task, None if columns else [], Scaling(kind, transform))

    def batch(size: int) -> dict[str, torch.Tensor]:
        made = inputs(size, seed=size)
        made["origin"] = made["origin"] * 1_301  # 1800 to 2300 by quarters of an hour
        return made if columns else {name: made[name] for name in ("target", "origin")}

    flat = Flat(encoder, list(batch(2))).eval()
    exported = session(flat, batch(3))
    for size in (1, 2, 257):
        fed = batch(size)
        got = exported.run(None, {name: values.numpy() for name, values in fed.items()})
        for ours, theirs in zip(flat(*fed.values()), got, strict=True):
            assert ours.shape == theirs.shape
            assert np.allclose(ours.detach(), theirs, rtol=1e-5, atol=1e-5)


def test_in_training_windows_miss_covariates_but_never_the_calendar(panel, task, inputs):
    encoder = Encoder.fit(panel, task, None, Scaling())
    batch = inputs(4000)
    whole = encoder.eval()(batch)["future"]
    torch.manual_seed(0)
    future = encoder.train()(batch)["future"]
    calendar = whole.shape[-1] - encoder.covariates
    assert encoder.covariates > 1
    assert torch.equal(future[..., :calendar], whole[..., :calendar])
    price = Numeric("future").fit(panel, task)(batch)[..., 0]
    column = calendar  # numeric columns come before categories
    assert torch.equal(whole[..., column], price)
    seen = price.abs().sum(1) > 0
    gone = (future[..., column] == 0).all(1)[seen]
    span = Position().fit(panel, task).span
    share = MISSED * FEW / span
    assert span > FEW
    assert share - 0.03 < gone.float().mean() < share + 0.03
    assert torch.equal(future[seen][~gone][..., column], price[seen][~gone])


def test_a_long_train_part_misses_fewer_covariates_whatever_its_features(panel, task, inputs):
    plain = [Calendar(), Numeric("future")]
    encoder = fit(panel, task, plain).train()
    assert encoder.span == 95  # months, all series together
    shown = torch.stack(
        [encoder(inputs(9))["future"][..., -encoder.covariates :] != 0 for _ in range(400)]
    )
    missed = 1 - shown.any(2).float().mean().item()
    assert missed == pytest.approx(MISSED * FEW / 95, abs=0.04)


def test_other_features_than_those_of_the_fit_are_told(panel, task):
    facts = fit(panel, task).facts()
    with pytest.raises(ConfigError, match=r"was fitted with .* features, the config has 1"):
        Encoder.restore(facts, task, [Calendar()], Scaling())
