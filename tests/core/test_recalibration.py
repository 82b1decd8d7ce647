import numpy as np
import pytest

from loopcast.core.recalibration import recalibrated

LEVELS = (0.1, 0.5, 0.9)
HISTORY = np.array([[1.0, 2, 3, 4, 3, 4, 5, 6]] * 2)  # a season of 4 earlier: 2 apart
KEYS = [{"shop": "a"}, {"shop": "b"}]


def state(**groups):
    return {"levels": list(LEVELS), "horizons": [[1, 1], [2, 3]], "groups": groups}


def quantiles():
    return np.tile(np.float32([8, 10, 12]), (2, 3, 1))


def moved(told, history=HISTORY, given=None):
    given = quantiles() if given is None else given
    return recalibrated(given, history, KEYS, 4, LEVELS, told)


def test_offsets_move_levels_in_the_windows_scale_by_stretch_and_group():
    told = state(**{"": [[-1, 0, 1], [-2, 0, 2]], "shop=b": [[0, 0, 0.5], [0, 0, 0]]})
    found = moved(told)
    assert found[0].tolist() == [[6, 10, 14], [4, 10, 16], [4, 10, 16]]
    assert found[1].tolist() == [[8, 10, 13], [8, 10, 12], [8, 10, 12]]
    assert found.dtype == np.float32


def test_levels_never_cross_and_the_median_stays():
    found = moved(state(**{"": [[5, 3, -5], [5, 3, -5]]}))
    assert (np.diff(found, axis=2) >= 0).all() and (found[..., 1] == 10).all()


def test_without_a_scale_or_with_another_models_state_nothing_moves():
    told = state(**{"": [[-1, 0, 1], [-1, 0, 1]]})
    assert (moved(told, np.full((2, 8), np.nan)) == quantiles()).all()
    assert (moved({**told, "levels": [0.2, 0.5, 0.8]}) == quantiles()).all()
    assert (moved({**told, "horizons": [[1, 2]]}) == quantiles()).all()
    assert (moved(state()) == quantiles()).all()


@pytest.mark.parametrize(("sign", "lowest"), [(1, 0), (-1, -12)])
def test_what_was_never_below_zero_is_not_forecast_below(sign, lowest):
    found = moved(state(**{"": [[-10, 0, 0], [-10, 0, 0]]}), sign * HISTORY)
    assert found.min() == lowest


def test_without_a_median_both_ends_move_and_none_passes_the_middle():
    ends = np.tile(np.float32([8, 12]), (2, 3, 1))
    told = {"levels": [0.1, 0.9], "horizons": [[1, 1], [2, 3]]}
    wide = {**told, "groups": {"": [[-1, 1], [0, 0.5]]}}
    found = recalibrated(ends, HISTORY, KEYS, 4, (0.1, 0.9), wide)
    assert found[0].tolist() == [[6, 14], [8, 13], [8, 13]]
    narrow = {**told, "groups": {"": [[9, -9], [9, -9]]}}
    found = recalibrated(ends, HISTORY, KEYS, 4, (0.1, 0.9), narrow)
    assert set(found.ravel().tolist()) == {10.0}
