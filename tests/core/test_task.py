import json
from dataclasses import replace

import pytest

from loopcast.core.errors import ConfigError
from loopcast.core.task import Columns, Task

TASK = Task(
    "Umsatz €", "Monat", ("Filiale", "Artikel"), "W-SUN", 8, 52, 104, (0.1, 0.5, 0.9),
    Columns(("size",), ("Filiale",)), Columns(("visits",)), Columns((), ("promotion",)),
    "sum", "zero", "last", "Europe/Berlin", "%d.%m.%Y", "open",
)  # fmt: skip


def test_a_task_travels_as_json():
    text = TASK.to_json()
    assert "Umsatz €" in text
    again = Task.from_json(text)
    assert again == TASK
    assert hash(again) == hash(TASK)


def test_what_an_older_writer_left_out_has_its_default():
    facts = json.loads(TASK.to_json())
    del facts["observed"], facts["past"]
    assert Task.from_dict(facts) == replace(TASK, observed=None, past=Columns())


def test_an_unknown_field_is_refused_by_name():
    with pytest.raises(ConfigError, match="holidays"):
        Task.from_dict({**json.loads(TASK.to_json()), "holidays": "DE"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"horizon": 0}, "horizon is 0"),
        ({"quantiles": ()}, "quantiles"),
        ({"quantiles": (0.5, 0.1)}, "rise"),
        ({"quantiles": (0.1, 0.1)}, "once"),
        ({"quantiles": (0.0, 0.5)}, "between 0 and 1"),
        ({"quantiles": (0.5, 1.0)}, "between 0 and 1"),
    ],
)
def test_a_task_that_cannot_be_says_why(changes, words):
    with pytest.raises(ConfigError, match=words):
        replace(TASK, **changes)
