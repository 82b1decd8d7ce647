"""What lies after the train part changes nothing that is learned: targets, covariates, newcomers."""

import lightning as L
import numpy as np
import pandas as pd
import pytest
import torch

from loopcast.data.frame import Frame
from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster

DATA = {
    "series": ["k"], "time": "t", "target": "y", "frequency": "D", "horizon": 7,
    "static": ["k", "size"], "past": ["visits", "weather"], "validation": 7, "test": 7,
    "weight": "weight",
}  # fmt: skip
AHEAD = {**DATA, "future": ["price", "promotion"]}
DAYS = 80
TRAIN = DAYS - 14


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    count = 4 * DAYS
    day = np.tile(np.arange(DAYS), 4)
    return pd.DataFrame(
        {
            "k": np.repeat(list("abcd"), DAYS),
            "t": np.datetime64("2024-01-01") + day,
            "day": day,
            "y": 100 + 30 * np.sin(day / 7 * 2 * np.pi) + rng.normal(0, 5, count),
            "size": np.repeat([1.0, 2.0, 3.0, 4.0], DAYS),
            "visits": rng.normal(100, 10, count),
            "weather": rng.choice(["sun", "rain"], count),
            "price": rng.choice([1.5, 2.0], count),
            "promotion": rng.choice(["", "flyer"], count),
            "weight": 1.0,
        }
    )


def changed(frame: pd.DataFrame) -> pd.DataFrame:
    """All but the calendar and the static columns is different after the train part."""
    late = frame.day >= TRAIN
    return frame.assign(
        y=frame.y.where(~late, 1e6 * frame.day),
        visits=frame.visits.where(~late, -1e9),
        weather=frame.weather.where(~late, "hail"),
        price=frame.price.where(~late, 1e9),
        promotion=frame.promotion.where(~late, "new"),
        weight=frame.weight.where(~late, 1e3),
    )


def weights(frame: pd.DataFrame, data: dict, folder, steps: int) -> dict[str, torch.Tensor]:
    L.seed_everything(3, verbose=False)
    module, model = DataModule(source=Frame(frame), **data), Forecaster()
    trainer = L.Trainer(
        max_steps=steps, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, num_sanity_val_steps=0, enable_model_summary=False,
        limit_val_batches=0, default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(model, module)
    return model.state_dict()


def test_targets_and_past_columns_after_the_train_part_change_no_weight(frame, tmp_path):
    one, other = (weights(f, DATA, tmp_path, 5) for f in (frame, changed(frame)))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    earlier = frame.assign(visits=frame.visits.where(frame.day != TRAIN - 20, 0.0))
    assert any((one[n] != w).any() for n, w in weights(earlier, DATA, tmp_path, 5).items())


def test_known_ahead_columns_after_the_train_part_are_not_fitted(frame):
    fitted = []
    for rows in (frame, changed(frame)):
        torch.manual_seed(0)
        module = DataModule(source=Frame(rows), **AHEAD)
        module.setup("fit")
        fitted.append((module.task, module.encoder.facts(), module.encoder.state_dict()))
    (task, facts, state), (other_task, other_facts, other_state) = fitted
    assert task == other_task
    assert facts == other_facts
    assert "flyer" in str(facts)
    assert "new" not in str(other_facts)
    assert all(torch.equal(state[name], other_state[name]) for name in state)


def test_a_season_is_detected_on_the_train_part(frame):
    data = {**DATA, "time": "day", "frequency": 1}
    late = frame.day >= TRAIN
    noisy = frame.assign(y=frame.y.where(~late, np.where(frame.day % 3 == 0, 1e6, 0)))
    for rows in (frame, noisy):
        module = DataModule(source=Frame(rows), **data)
        module.setup("fit")
        assert module.task.season == 7
