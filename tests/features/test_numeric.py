from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from loopcast.features.numeric import Numeric


def with_past(panel, *columns):
    values = np.stack(columns, axis=1).astype(np.float32)
    return replace(panel, past=values)


def test_columns_are_standardised_like_pandas(panel, task):
    numeric = Numeric("past").fit(panel, task)
    out = numeric({"past": torch.from_numpy(panel.past)[None]})[0].numpy()
    visits = pd.Series(panel.past[:, 0].astype(float))
    want = ((visits - visits.mean()) / visits.std(ddof=0)).fillna(0)
    assert np.allclose(out[:, 0], want, atol=1e-4)
    assert (out[:, 1] == visits.isna()).all()


def test_only_a_column_with_gaps_in_train_says_what_is_missing(panel, task):
    full = np.arange(len(panel.target))
    numeric = Numeric("past").fit(with_past(panel, full, panel.past[:, 0], full), task)
    assert numeric.facts() == {"columns": 3, "gaps": [1]}
    assert numeric.width == 4
    out = numeric({"past": torch.full((2, 8, 3), float("nan"))})
    assert out[0, 0].tolist() == [0, 0, 0, 1]


def test_series_without_train_rows_do_not_count(panel, task):
    cut = panel.until(np.array([400, 400, 0, 400, 400, 0]))
    numeric = Numeric("static").fit(cut, task)
    assert numeric.location.item() == 30
    assert numeric.facts()["gaps"] == []


@pytest.mark.parametrize("value", [0.0, 7.0, 1e7, -3e-9])
def test_a_constant_column_is_zero_and_a_new_value_of_it_stays_bounded(panel, task, value):
    constant = np.full(len(panel.target), value)
    numeric = Numeric("past").fit(with_past(panel, constant), task)
    seen = numeric({"past": torch.tensor([[[value]], [[value * 1000 + 1000]]])})
    assert seen.flatten().tolist() == [0, 10]


def test_a_column_that_is_always_missing_is_zero(panel, task):
    numeric = Numeric("past").fit(with_past(panel, np.full(len(panel.target), np.nan)), task)
    assert numeric({"past": torch.tensor([[[5.0]]])}).isfinite().all()
    assert numeric({"past": torch.tensor([[[float("nan")]]])}).flatten().tolist() == [0, 1]


def test_heavy_tails_keep_their_order_and_their_body(panel, task):
    heavy = np.random.default_rng(0).lognormal(5, 3, len(panel.target))
    numeric = Numeric("past").fit(with_past(panel, heavy), task)
    rising = np.sort(heavy)
    out = numeric({"past": torch.from_numpy(rising).float()[None, :, None]}).flatten()
    assert (out.diff() >= 0).all()
    assert len(out.unique()) == len(out)
    assert out.std() > 0.3
    extreme = numeric({"past": torch.tensor([[[1e30]], [[float("inf")]]])}).flatten()
    assert extreme.tolist() == [10, 0]


def test_no_rows_at_all_give_zeros(panel, task):
    numeric = Numeric("past").fit(panel.until(0), task)
    assert numeric({"past": torch.tensor([[[3.0]]])}).isfinite().all()
