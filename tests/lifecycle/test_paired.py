import numpy as np
import pytest
import torch

from loopcast.lifecycle.paired import _tail, one_sided, paired


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 12])
def test_the_tail_of_student_s_t_is_another_library_s(freedom):
    for value in (-3.0, -0.5, 0.0, 0.7, 2.5, 9.0):
        half = 0.5 * _two_sided(value, freedom)
        expected = half if value > 0 else 1 - half
        assert _tail(value, freedom) == pytest.approx(expected, abs=2e-4)


def _two_sided(value, freedom):
    """By integrating torch's density."""
    density = torch.distributions.StudentT(float(freedom))
    grid = torch.linspace(0, abs(value), 20001, dtype=torch.float64)
    inside = torch.trapezoid(density.log_prob(grid).exp(), grid)
    return 1 - 2 * float(inside)


def simulated(steps, rho, shift, runs=2000, seed=1):
    """Differences that follow each other: AR(1), in units of their own deviation."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(runs, steps + 50))
    found = np.zeros_like(noise)
    for at in range(1, steps + 50):
        found[:, at] = rho * found[:, at - 1] + noise[:, at] * np.sqrt(1 - rho**2)
    return found[:, 50:] + shift


@pytest.mark.parametrize(
    ("steps", "rho", "most"),
    [(3, 0.0, 0.06), (6, 0.3, 0.08), (12, 0.3, 0.08), (12, 0.6, 0.13), (24, 0.5, 0.10)],
)
def test_chance_promotes_about_as_rarely_as_it_says(steps, rho, most):
    share = np.mean([one_sided(one) <= 0.05 for one in simulated(steps, rho, 0.0)])
    assert share <= most


def test_a_clear_gain_is_seen_in_few_steps():
    assert np.mean([one_sided(one) <= 0.05 for one in simulated(3, 0.3, 4.0)]) > 0.6
    assert np.mean([one_sided(one) <= 0.05 for one in simulated(6, 0.3, 2.0)]) > 0.9


def test_steps_count_and_not_points():
    generator = np.random.default_rng(2)
    step = np.repeat(np.arange(4), 500)
    shared = np.repeat(generator.normal(size=4), 500)  # what a month does to all series at once
    first = 10 + shared + 0.01 * generator.normal(size=2000)
    found = paired(first, np.full(2000, 10.0), step)
    assert found.steps == 4 and found.p > 0.05


def test_the_gain_is_a_share_and_unknown_points_do_not_count():
    first, second = np.array([2.0, 2.0, np.nan, 2.0]), np.array([1.0, 1.5, 0.0, np.nan])
    found = paired(first, second, np.array([1, 2, 2, 3]))
    assert (found.steps, found.first, found.second) == (2, 2.0, 1.25)
    assert found.gain == pytest.approx(0.375)
    assert paired(np.full(3, np.nan), first[:3], np.arange(3)).p == 1.0
