import itertools

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession

from loopcast.features.scaling import Scaling

KINDS = ("standard", "mean_absolute", "robust", "change")
TRANSFORMS = ("none", "log1p", "asinh")
ALL = list(itertools.product(KINDS, TRANSFORMS))
NAN = float("nan")


def run(scaling: Scaling, rows, typical=None, spread=None):
    target = torch.tensor(rows, dtype=torch.float32)
    mask = (~target.isnan()).float()
    if typical is not None:
        typical, spread = torch.full((len(rows), 1), typical), torch.full((len(rows), 1), spread)
    return scaling(target, mask, typical, spread)


def gappy(seed: int = 0, count: int = 50, steps: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(100, 20, (count, steps))
    values[rng.random(values.shape) < 0.3] = NAN
    return values


def test_standard_is_mean_and_deviation_of_what_was_observed():
    values = gappy()
    scaled, location, scale = run(Scaling(), values)
    assert np.allclose(location[:, 0], np.nanmean(values, axis=1), rtol=1e-5)
    assert np.allclose(scale[:, 0], np.nanstd(values, axis=1), rtol=1e-4)
    want = (values - np.nanmean(values, axis=1)[:, None]) / np.nanstd(values, axis=1)[:, None]
    assert np.allclose(scaled, np.nan_to_num(want), atol=1e-3)


def test_mean_absolute_keeps_zero_where_it_is():
    values = gappy()
    _, location, scale = run(Scaling("mean_absolute"), values)
    assert (location == 0).all()
    assert np.allclose(scale[:, 0], np.nanmean(np.abs(values), axis=1), rtol=1e-5)


def test_robust_is_median_and_quartile_distance():
    values = gappy()
    _, location, scale = run(Scaling("robust"), values)
    low, middle, high = np.nanpercentile(values, [25, 50, 75], axis=1)
    assert np.allclose(location[:, 0], middle, rtol=1e-5)
    assert np.allclose(scale[:, 0], (high - low) / 1.349, rtol=1e-4)


def test_change_is_the_mean_size_of_a_step_where_both_ends_are_known():
    values = [[1.0, 3.0, float("nan"), 7.0, 6.0]]
    _, location, scale = run(Scaling("change"), values)
    assert location.item() == pytest.approx(4.25)
    whole = [[1.0, 3.0] * 20]
    _, _, scale = run(Scaling("change"), whole)
    assert scale.item() == pytest.approx(2.0)


def test_robust_is_hardly_moved_by_an_outlier():
    values = gappy()
    _, location, scale = run(Scaling("robust"), values)
    values[:, 0] = 1e6
    _, moved, wider = run(Scaling("robust"), values)
    assert ((moved - location).abs() < scale).all()
    assert (
        np.median(wider / scale) > 100
    )  # the quarter of the mean distance, so that 1e6 is bounded


def test_robust_has_a_scale_where_most_values_are_equal():
    _, _, scale = run(Scaling("robust"), [[0.0] * 36 + [8.0] * 4])
    assert scale.item() == pytest.approx(0.8 / 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_is_missing_changes_nothing(kind, transform):
    values = gappy()
    with_gaps = run(Scaling(kind, transform), values)
    moved = np.concatenate([values, np.full_like(values, NAN)], axis=1)
    for one, other in zip(with_gaps, run(Scaling(kind, transform), moved), strict=True):
        assert torch.allclose(one, other[:, : one.shape[1]], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "transform"), ALL)
def test_inverse_undoes_the_scaling(kind, transform):
    scaling, values = Scaling(kind, transform), np.nan_to_num(gappy() - 90, nan=3.0)
    scaled, location, scale = run(scaling, values)
    assert np.allclose(scaling.inverse(scaled * scale + location), values, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("kind", "transform"), ALL)
def test_every_odd_window_has_finite_numbers_and_a_positive_scale(kind, transform):
    rows = [
        [NAN] * 6,
        [NAN] * 5 + [7.0],
        [NAN] * 5 + [0.0],
        [5.0] * 6,
        [0.0] * 6,
        [0.1] * 6,
        [-1e7] * 6,
        [1e29, -1e29] * 3,
        [1e-30, 2e-30] * 3,
        [0.0] * 5 + [1e-38],
        [1e7, 1e7 + 1] * 3,
    ]
    scaled, location, scale = run(Scaling(kind, transform), rows, typical=50.0, spread=10.0)
    assert scaled.isfinite().all()
    assert location.isfinite().all()
    assert scale.isfinite().all()
    assert (scale > 0).all()
    assert (scaled.abs() < 1e3).all()


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_inverse_of_anything_is_finite(transform):
    values = torch.tensor([-1e30, -1e3, -89, 0, 89, 1e3, 1e30])
    assert Scaling(transform=transform).inverse(values).isfinite().all()


def test_an_unobserved_window_takes_what_is_typical():
    scaled, location, scale = run(Scaling(), [[NAN] * 4], typical=50.0, spread=10.0)
    assert (location.item(), scale.item()) == (50, 10)
    assert scaled.tolist() == [[0] * 4]


def test_one_value_takes_the_typical_ratio_of_scale_to_level():
    _, location, scale = run(Scaling(), [[NAN, NAN, 400.0]], typical=50.0, spread=10.0)
    assert (location.item(), scale.item()) == (400, 80)


def test_a_flat_window_takes_the_typical_ratio_but_zeros_a_share_of_the_scale():
    _, _, scale = run(Scaling(), [[400.0] * 30, [0.0] * 30], typical=50.0, spread=10.0)
    assert scale.flatten().tolist() == [80, 2.5]


def test_two_close_values_do_not_pretend_to_know_the_scale():
    _, _, few = run(Scaling(), [[100.0, 100.1]], typical=50.0, spread=10.0)
    _, _, many = run(Scaling(), [[100.0, 100.1] * 15], typical=50.0, spread=10.0)
    assert few.item() == pytest.approx(10, rel=0.1)
    assert many.item() == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize("kind", ("standard", "robust"))
def test_a_large_offset_does_not_lose_the_noise(kind):
    noise = np.random.default_rng(0).normal(0, 20, (20, 36)).round()
    scaled, location, _ = run(Scaling(kind), noise + 1e7)
    want, _, _ = run(Scaling(kind), noise)
    assert torch.allclose(scaled, want, atol=0.06)
    assert (location - 1e7).abs().max() < 20


def test_log1p_of_negative_values_keeps_the_sign():
    scaling = Scaling(transform="log1p")
    values = torch.tensor([-5.0, 0.0, 5.0])
    assert torch.allclose(scaling.inverse(scaling.transformed(values)), values, atol=1e-5)
    assert scaling.transformed(values)[0] == -scaling.transformed(values)[2]


def test_leading_axes_are_kept():
    target = torch.randn(3, 4, 5, 12)
    scaled, location, scale = Scaling()(target, torch.ones_like(target))
    assert scaled.shape == target.shape
    assert location.shape == scale.shape == (3, 4, 5, 1)


def test_change_is_the_deviation_where_hardly_a_step_has_a_neighbour():
    values = np.full((2, 90), NAN)
    values[:, ::3] = np.random.default_rng(0).normal(0, 20, (2, 30))
    values[1, 1] = values[1, 0] + 1e-3  # one pair, nearly alike
    _, _, scale = run(Scaling("change"), values)
    assert np.allclose(scale[:, 0], np.nanstd(values, axis=1), rtol=1e-4)
    _, _, dense = run(Scaling("change"), values[:, ::3])
    change = np.abs(np.diff(values[:, ::3])).mean(1)
    assert np.allclose(dense[:, 0], change, rtol=1e-4)


@pytest.mark.parametrize("size", [1e-5, 1e-2, 0.999, 1.001, 50.0, 1e9, 1e30])
def test_log1p_is_exact_there_and_back(size):
    values = np.linspace(-size, size, 101).astype(np.float32)
    scaling = Scaling("standard", "log1p")
    found = scaling.transformed(torch.from_numpy(values)).numpy()
    exact = np.sign(values) * np.log1p(np.abs(values.astype(np.float64)))
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    back = scaling.inverse(torch.from_numpy(found)).numpy()
    np.testing.assert_allclose(back, values, rtol=1e-4)


def test_log1p_of_small_rates_is_the_same_in_the_graph(tmp_path):
    scaling = Scaling("standard", "log1p").eval()
    target = torch.rand(8, 20, generator=torch.Generator().manual_seed(0)) * 1e-4
    path = tmp_path / "scaling.onnx"
    torch.onnx.export(scaling, (target, torch.ones(8, 20)), path, dynamo=True, verbose=False)
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    feed = dict(zip(names, (target.numpy(), np.ones((8, 20), np.float32)), strict=True))
    expected = scaling(target, torch.ones(8, 20))
    for ours, graph in zip(expected, session.run(None, feed), strict=True):
        np.testing.assert_allclose(graph, ours, rtol=1e-4, atol=1e-5)
