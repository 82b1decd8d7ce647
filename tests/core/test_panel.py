import numpy as np
import pytest

from loopcast.core.grid import grid
from loopcast.core.task import Columns, Task


@pytest.fixture
def panel():
    """Series "a" at steps 2 to 5, "b" at 4 and 5; a known-ahead column up to step 7."""
    task = Task(
        "y", "t", ("k",), "1", 2, past=Columns((), ("w",)), future=Columns(("p",)),
        static=Columns((), ("k",)),
    )  # fmt: skip
    rows = {
        "k": list("aaaabb"), "t": [2, 3, 4, 5, 4, 5], "y": [1, 2, 3, 4, 5, 6],
        "w": list("uvwxyz"), "p": [2, 3, 4, 5, 4, 5], "weight": [1, 2, 3, 4, 5, 6],
    }  # fmt: skip
    future = {"k": list("aabb"), "t": [6, 7, 6, 7], "p": [6, 7, 6, 7]}
    return grid(rows, task, future=future, weight="weight")


def test_every_row_knows_its_series_and_step(panel):
    assert panel.indices.tolist() == [2, 3, 4, 5, 6, 7, 4, 5, 6, 7]
    assert panel.owners.tolist() == [0] * 6 + [1] * 4
    assert panel.future[:, 0].tolist() == panel.indices.tolist()


def test_a_part_ends_every_column_at_the_same_step(panel):
    part = panel.until(4)
    assert part.indices.tolist() == [2, 3, 4, 4]
    assert part.target.tolist() == [1, 2, 3, 5]
    assert part.weight.tolist() == [1, 2, 3, 5]
    assert part.categories["past.w"].cells.tolist() == list("uvwy")
    assert part.categories["static.k"].cells.tolist() == ["a", "b"]
    assert part.origin.tolist() == [4, 4]


def test_each_series_may_end_at_a_step_of_its_own(panel):
    part = panel.until(np.array([3, 6]))
    assert part.indices.tolist() == [2, 3, 4, 5, 6]
    assert part.origin.tolist() == [3, 5]


def test_a_series_that_begins_later_has_no_row_left(panel):
    part = panel.until(3)
    assert part.lengths.tolist() == [2, 0]
    assert len(part) == 2


def test_a_part_of_a_part_is_a_part(panel):
    one, other = panel.until(5).until(4), panel.until(4)
    assert one.target.tolist() == other.target.tolist()
    assert one.origin.tolist() == other.origin.tolist()


def test_a_series_is_named_by_its_keys(panel):
    assert panel.name(1) == "b"
    single = grid({"t": [1], "y": [1]}, Task("y", "t", (), "1", 1))
    assert single.name(0) == "the series"
