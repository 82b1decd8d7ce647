"""What a column is taken for where nobody says."""

import numpy as np
import pandas as pd
import pytest

from loopcast.data.reading import configured, numeric

DAYS = pd.date_range("2024-01-01", periods=3)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (np.array([1, 2]), True),
        (np.array(["1", " 2.5", None], object), True),
        (np.array(["1", "C1"], object), False),
        (np.array([True, None], object), True),
        (np.array([True] * 1500 + ["maybe"], object), False),
        (DAYS.to_numpy(), False),
        (np.array(list(DAYS), object), False),
        (np.array([one.date() for one in DAYS], object), False),
        ((DAYS - DAYS[0]).to_numpy(), False),
    ],
)
def test_numbers_and_texts_are_told_apart(cells, expected):
    assert numeric(cells) is expected


def test_one_name_is_a_list_of_one():
    options = {"source": None, "time": "t", "target": "y", "frequency": "D", "horizon": 3}
    assert configured({**options, "series": "store", "static": ["kind"]}).series == ("store",)
