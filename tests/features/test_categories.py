from dataclasses import replace

import numpy as np
import pytest
import torch

from loopcast.core.errors import ConfigError
from loopcast.core.panel import Categories
from loopcast.features.categories import Category, encode, vocabulary


def test_the_vocabulary_is_what_train_shows_sorted(panel):
    assert vocabulary("static.shop", panel) == tuple("abcdef")
    assert vocabulary("past.weather", panel) == ("rain", "sun")


def test_series_without_train_rows_are_unknown(panel):
    cut = panel.until(np.array([400, 400, 0, 400, 0, 0]))
    assert vocabulary("static.shop", cut) == tuple("abd")


def test_rows_after_train_are_unknown(panel):
    column = panel.categories["future.promotion"]
    codes = column.codes.copy()
    codes[panel.indices > 345] = 2
    texts = np.array([*column.texts, "later"], dtype=object)
    late = replace(
        panel, categories={**panel.categories, "future.promotion": Categories(codes, texts)}
    )
    assert vocabulary("future.promotion", late) == ("flyer", "later")
    assert vocabulary("future.promotion", late.until(345)) == ("flyer",)


def test_a_missing_static_text_is_a_text_but_a_step_outside_the_series_is_not(panel):
    texts = np.array(["", "x"], dtype=object)
    column = Categories(np.array([0, 1, 0, 1, 0, 1], dtype=np.int32), texts)
    changed = replace(panel, categories={"static.state": column, "past.weather": column})
    assert vocabulary("static.state", changed) == ("", "x")
    assert vocabulary("past.weather", changed) == ("x",)


def test_codes_are_positions_from_one_and_zero_is_unknown():
    column = Categories(np.array([0, 1, 2, 1], np.int32), np.array(["b", "new", "a"], object))
    assert encode(column, ("a", "b")).tolist() == [2, 0, 1, 0]


def test_a_column_that_is_not_there_is_named(panel, task):
    with pytest.raises(ConfigError, match=r"static\.stte.*static\.state"):
        Category("static.stte").fit(panel, task)


def test_the_width_is_the_root_of_the_number_of_texts(panel, task):
    widths = {
        count: Category("static.shop").restore({"vocabulary": list(map(str, range(count)))}, task)
        for count in (0, 1, 2, 9, 10, 150, 30_000)
    }
    assert [c.width for c in widths.values()] == [1, 1, 2, 3, 4, 13, 16]
    assert Category("static.shop", width=5).fit(panel, task).width == 5


def test_each_code_has_its_row_for_every_shape(panel, task):
    static, past = (
        Category(name).fit(panel, task).eval() for name in ("static.shop", "past.weather")
    )
    codes = torch.tensor([0, 6, 3])
    assert torch.equal(static({"static.shop": codes}), static.table[codes])
    steps = torch.tensor([[0, 1, 2], [2, 2, 0]])
    assert torch.equal(past({"past.weather": steps}), past.table[steps])


def test_a_member_axis_of_the_table_leads_the_answer(panel, task):
    category = Category("past.weather").fit(panel, task).eval()
    alone = category({"past.weather": torch.tensor([[0, 1], [2, 0]])})
    category.table = torch.nn.Parameter(torch.stack([category.table, category.table + 1]))
    both = category({"past.weather": torch.tensor([[0, 1], [2, 0]])})
    assert torch.equal(both, torch.stack([alone, alone + 1]))


def test_training_hides_whole_windows_and_evaluation_none(panel, task):
    category = Category("past.weather", hide=0.25).fit(panel, task)
    codes = torch.ones(4000, 5, dtype=torch.int64)
    shown = category({"past.weather": codes})
    hidden = (shown == category.table[0]).all(-1)
    assert (hidden.all(1) | ~hidden.any(1)).all()
    assert 0.22 < hidden[:, 0].float().mean() < 0.28
    assert torch.equal(category.eval()({"past.weather": codes}), category.table[codes])


def test_columns_are_hidden_independently(panel, task):
    shop, state = (
        Category(name, hide=0.5).fit(panel, task) for name in ("static.shop", "static.state")
    )
    ones = torch.ones(4000, dtype=torch.int64)
    first = (shop({"static.shop": ones}) == shop.table[0]).all(-1)
    second = (state({"static.state": ones}) == state.table[0]).all(-1)
    assert 0.2 < (first & second).float().mean() < 0.3


def test_keys_are_hidden_more_often_than_other_columns(panel, task):
    assert Category("static.shop").fit(panel, task).hide == 0.1
    assert Category("static.state").fit(panel, task).hide == 0.02
    assert Category("static.shop", hide=0).fit(panel, task).hide == 0


def test_the_unknown_row_is_trained(panel, task):
    category = Category("static.shop", hide=0.5).fit(panel, task)
    category({"static.shop": torch.ones(64, dtype=torch.int64)}).sum().backward()
    assert (category.table.grad[0] > 0).all()
    assert (category.table.grad[2] == 0).all()
