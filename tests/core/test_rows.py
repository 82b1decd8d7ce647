"""Whatever holds rows -> plain columns; numbers out of text."""

import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import WrongType
from loopcast.core.rows import numbers


def test_truth_in_a_csv_means_the_same_as_in_pandas(tmp_path):
    words = ["True", "False", "TRUE", "FALSE", "true", "false"]
    (tmp_path / "x.csv").write_text("\n".join(["holiday", *words]))
    read = pd.read_csv(tmp_path / "x.csv").holiday.to_numpy()
    np.testing.assert_array_equal(
        numbers(np.array(words, object), "holiday"), numbers(read, "holiday")
    )
    assert numbers(np.array(["True", "", "2"], object), "holiday")[[0, 2]].tolist() == [1.0, 2.0]


def test_other_words_are_no_numbers():
    with pytest.raises(WrongType, match="yes"):
        numbers(np.array(["True", "yes"], object), "holiday")
