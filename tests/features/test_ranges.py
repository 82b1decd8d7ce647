"""Offsets and a floor, as they run in the graph."""

from math import inf

import numpy as np
import pytest
import torch

from loopcast.core.panel import Panel
from loopcast.features.ranges import Ranges, floor, partners

LEVELS = (0.1, 0.5, 0.9)


def place(batch, scale=1.0):
    return torch.full((batch, 1), 4.0), torch.full((batch, 1), scale)


def test_nothing_is_moved_until_fitted():
    scaled = torch.randn(3, 2, 3).sort(-1).values
    ranges = Ranges(2, LEVELS)
    assert torch.equal(ranges(scaled, *place(3)), scaled)
    assert torch.equal(ranges.above(scaled), scaled)


def test_an_offset_is_a_share_of_the_pair_s_own_width_and_groups_are_told_by_noise():
    ranges = Ranges(1, (0.1, 0.25, 0.5, 0.75, 0.9))
    ranges.knots[:] = torch.tensor([0.2, 0.5, 0.6, 0.7])
    ranges.offset[1:] = torch.tensor([[-0.5, -1.0, 0.0, 1.0, 0.5]])
    scaled = torch.tensor([[[-4.0, -1.0, 0.0, 1.0, 4.0]]])
    steady, noisy, between = place(1, 1.0), place(1, 5.0), place(1, 0.35 / 0.65 * 4)
    assert torch.equal(ranges(scaled, *steady), scaled)
    assert ranges(scaled, *noisy).tolist() == [[[-8.0, -3.0, 0.0, 3.0, 8.0]]]
    half = torch.tensor([[[-6.0, -2.0, 0.0, 2.0, 6.0]]])
    torch.testing.assert_close(ranges(scaled, *between), half)  # no jump that rounding could flip


def test_levels_without_another_end_have_no_range():
    assert partners((0.1, 0.5, 0.9)) == [2, 1, 0]
    assert partners((0.5, 0.9)) == [0, 1]


def panel(*target):
    values = np.array(target, np.float32)
    nothing = np.zeros((len(values), 0), np.float32)
    last = np.array([len(values) - 1])
    ends = np.array([0, len(values)])
    return Panel({}, np.array([0]), last, ends, values, nothing, nothing, nothing[:1])


@pytest.mark.parametrize(
    ("lower", "told", "target", "found"),
    [
        ("auto", None, (0.0, 3.0, np.nan), 0.0),
        ("auto", None, (-0.1, 3.0), -inf),
        ("auto", None, (np.nan,), -inf),
        ("auto", True, (-1.0, 3.0), 0.0),
        ("auto", False, (1.0, 3.0), -inf),
        (None, True, (1.0, 3.0), -inf),
        (2.5, None, (1.0, 3.0), 2.5),
    ],
)
def test_the_floor_is_learned_told_or_named(lower, told, target, found):
    assert floor(lower, told, panel(*target)) == found


def test_the_median_stays_where_a_skewed_range_is_narrowed():
    ranges = Ranges(1, LEVELS)
    ranges.offset[:] = torch.tensor([0.4, 0.0, -0.4])
    skewed = torch.tensor([[[-0.1, 0.0, 5.0]], [[-5.0, 0.0, 0.1]], [[-5.0, 0.0, 5.0]]])
    found = ranges(skewed, *place(3))
    assert found[..., 1].tolist() == [[0.0], [0.0], [0.0]]
    assert torch.equal(found, found.sort(-1).values)
    assert found[2].tolist() == [[-1.0, 0.0, 1.0]]
    pair = Ranges(1, (0.1, 0.9))  # nothing to hold on to
    pair.offset[:] = torch.tensor([0.4, -0.4])
    torch.testing.assert_close(
        pair(torch.tensor([[[0.0, 10.0]]]), *place(1)), torch.tensor([[[4.0, 6.0]]])
    )
