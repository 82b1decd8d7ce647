"""Rows that stay on disk train the forecaster that rows in memory train, bit by bit."""

import lightning as L
import numpy as np
import pytest
from training.conftest import parts, same

from loopcast.core import panel as module
from loopcast.core.naive import naive_scale
from loopcast.data import reading
from loopcast.training.calibration import calibrate


def trained(frame, **options):
    L.seed_everything(1, verbose=False)
    data, model = parts(frame, past=["visitors"], future=["price", "promo"], **options)
    trainer = L.Trainer(
        max_steps=12, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(model, data)
    calibration = calibrate(model.eval(), data)
    return data, model, calibration


def test_the_same_features_weights_and_calibration(frame):
    frame = frame.assign(
        promo=np.where(frame.index % 5, "no", "yes"),
        visitors=frame.price.where(frame.index % 3 > 0),
    ).sample(frac=1, random_state=1)
    data, model, calibration = trained(frame)
    mapped, other, recalibrated = trained(frame, memory=0)
    assert isinstance(mapped.panel.target, np.memmap)
    assert not isinstance(data.panel.target, np.memmap)
    assert mapped.task == data.task
    assert other.encoder.facts() == model.encoder.facts()
    same(model.state_dict(), other.state_dict())
    assert recalibrated == calibration
    assert mapped.described()["fingerprint"] == data.described()["fingerprint"]
    assert any("stay on disk" in note for note in mapped.splits.notes)


def test_a_panel_in_blocks_gives_the_same(frame, monkeypatch):
    data, _ = parts(frame)
    data.setup("plan")
    whole, cut = data.panel, data.splits.train - np.arange(6)
    ours, scale = whole.until(cut), naive_scale(whole, 7)
    monkeypatch.setattr(module, "BLOCK", 250)
    assert [len(part) for _, part in whole.blocks()] == [2, 2, 2]
    theirs = whole.until(cut)
    for name in ("start", "origin", "offsets", "target", "future"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(scale, naive_scale(whole, 7))
    monkeypatch.setattr(module, "BLOCK", 1)
    assert len(list(whole.blocks())) == 6


@pytest.mark.parametrize(
    ("memory", "large"), [(None, False), (0, True), (1e-6, True), (1.0, False)]
)
def test_what_is_large_follows_the_setting(config, memory, large, monkeypatch):
    from loopcast.data.files import CsvFile

    monkeypatch.chdir(config)
    options = {"time": "day", "target": "sold", "frequency": "D", "horizon": 7, "memory": memory}
    seen = reading.configured({"source": CsvFile("sales.csv"), **options})
    assert seen.large is large


def test_by_default_a_quarter_of_what_is_free_counts(config, monkeypatch):
    from loopcast.data.files import CsvFile

    monkeypatch.chdir(config)
    options = {"time": "day", "target": "sold", "frequency": "D", "horizon": 7}
    seen = reading.configured({"source": CsvFile("sales.csv"), **options})
    monkeypatch.setattr(reading, "free", lambda: 100_000.0)
    assert seen.large
