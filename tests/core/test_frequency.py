import numpy as np
import pandas as pd
import pytest

from loopcast.core.errors import ConfigError
from loopcast.core.frequency import Frequency

NAMES = ["D", "W-MON", "W-SUN", "W-FRI", "MS", "ME", "QS", "QE", "YS", "YE"]


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_those_of_pandas(name):
    ours = Frequency.parse(name)
    labels = pd.date_range("1959-12-20", "2101-01-01", freq=name)
    index = ours.index(labels.to_numpy())
    np.testing.assert_array_equal(np.diff(index), 1)
    np.testing.assert_array_equal(ours.time(index), labels.to_numpy().astype("M8[s]"))


def test_business_days_count_five_a_week_and_weekends_belong_to_friday():
    ours = Frequency.parse("B")
    labels = pd.bdate_range("1965-01-01", "2030-01-01")
    np.testing.assert_array_equal(np.diff(ours.index(labels.to_numpy())), 1)
    saturday = np.array(["2024-01-06"], "M8[D]")
    assert str(ours.time(ours.index(saturday))[0])[:10] == "2024-01-05"


def test_an_unknown_frequency_names_the_known_ones():
    with pytest.raises(ConfigError, match="W-MON"):
        Frequency.parse("fortnight")
