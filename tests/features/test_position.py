from dataclasses import replace

import numpy as np
import pytest
import torch

from loopcast.features.position import Position


def test_the_train_part_spans_minus_one_to_one(panel, task):
    position = Position().fit(panel, task)
    begin, end = panel.start.min(), panel.origin.max()
    ends = position({"origin": torch.tensor([begin, end + 1])})
    assert ends.tolist() == [[-1.0], [1.0]]


def test_time_stands_still_far_from_train(panel, task):
    position = Position().fit(panel, task)
    far = position({"origin": torch.tensor([-(10**15), -(10**9), 10**9, 10**15])})
    assert far.flatten().tolist() == pytest.approx([-5, -5, 5, 5])


def test_large_indices_are_subtracted_before_they_are_rounded(panel, task):
    shifted = replace(panel, start=panel.start + 10**12, origin=panel.origin + 10**12)
    origin = torch.arange(330, 380)
    near = Position().fit(panel, task)({"origin": origin})
    assert torch.equal(Position().fit(shifted, task)({"origin": origin + 10**12}), near)


def test_series_without_train_rows_do_not_count(panel, task):
    cut = panel.until(np.where(np.arange(6) < 3, panel.origin, 0))
    assert Position().fit(cut, task).facts() == {"begin": 300, "span": 50}
    assert Position().fit(panel.until(0), task).facts() == {"begin": 0, "span": 1}


def test_a_train_part_of_few_seasons_has_no_place_in_time(panel, task):
    few = Position().fit(panel, replace(task, season=100))
    assert few.width == 0
    assert few({"origin": torch.tensor([1, 2])}).shape == (2, 0)
    again = Position().restore(few.facts(), task)
    assert again.width == 0
    assert Position().fit(panel, replace(task, season=10)).width == 1
