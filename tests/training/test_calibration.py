"""Ranges hold what they promise on the windows kept for it, and learn from no others."""

import json

import lightning as L
import numpy as np
import pytest
import torch
from training.conftest import parts, sales

from loopcast.core.scores import coverage
from loopcast.serving.predictor import Predictor
from loopcast.training import cli
from loopcast.training.again import export_again
from loopcast.training.calibration import Judged, calibrate, fit

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
NORMAL = np.array([-1.2816, -0.6745, 0.0, 0.6745, 1.2816])


def judged(windows, horizon, spread, noise=None, seed=0):
    """Standard normal actuals whose forecast is `spread` times as wide as it should be."""
    generator = np.random.default_rng(seed)
    actual = generator.normal(0, 1, (windows, horizon))
    quantiles = NORMAL * np.broadcast_to(spread, (windows, horizon))[..., None]
    noise = np.zeros(windows) if noise is None else noise
    return Judged(quantiles, actual, np.full(windows, -np.inf), noise)


def moved(given, offset, knots):
    steps = np.clip((given.noise[:, None] - knots[:-1]) / np.diff(knots), 0, 1)
    own = offset[0] + np.einsum("wg,ghl->whl", steps, np.diff(offset, axis=0))
    width = np.abs(given.quantiles[..., ::-1] - given.quantiles)
    return given.quantiles + own * width


def covered(given, quantiles, low=0):
    return coverage(given.actual, quantiles[..., low], quantiles[..., -1 - low])


@pytest.mark.parametrize("spread", [0.4, 0.8, 1.5, 3.0])
@pytest.mark.parametrize(("windows", "horizon"), [(60, 12), (500, 3), (2000, 1)])
def test_a_planted_miscalibration_is_corrected_on_new_windows(spread, windows, horizon):
    offset, knots = fit(judged(windows, horizon, spread), LEVELS)
    fresh = judged(4000, horizon, spread, seed=1)
    assert covered(fresh, moved(fresh, offset, knots)) == pytest.approx(0.8, abs=0.045)
    assert covered(fresh, moved(fresh, offset, knots), 1) == pytest.approx(0.5, abs=0.05)


def test_every_step_gets_what_it_needs_and_the_neighbours_agree():
    spread = np.linspace(0.6, 1.6, 24)
    offset, knots = fit(judged(800, 24, spread), LEVELS)
    fresh = judged(4000, 24, spread, seed=1)
    quantiles = moved(fresh, offset, knots)
    by_step = [
        coverage(fresh.actual[:, [h]], quantiles[:, [h], 0], quantiles[:, [h], -1])
        for h in range(24)
    ]
    assert np.abs(np.diff(offset[0, :, -1])).max() < 0.2
    assert 0.67 < min(by_step) < max(by_step) < 0.9


def test_groups_are_told_apart_where_there_are_enough_windows():
    noise = np.tile([0.1, 0.9], 1000)
    given = judged(2000, 4, np.where(noise > 0.5, 0.5, 1.5)[:, None], noise)
    offset, knots = fit(given, LEVELS)
    quantiles = moved(given, offset, knots)
    for part in (noise < 0.5, noise > 0.5):
        inside = coverage(given.actual[part], quantiles[part, :, 0], quantiles[part, :, -1])
        assert inside == pytest.approx(0.8, abs=0.03)


def test_one_short_window_moves_little_and_nothing_known_moves_nothing():
    few, many = (abs(fit(judged(n, 4, 0.1), LEVELS)[0]).max() for n in (1, 400))
    assert few < many / 3
    blind = judged(50, 4, 0.1)
    blind.actual[:] = np.nan
    assert not fit(blind, LEVELS)[0].any()


def test_the_median_stays_and_ranges_move_evenly():
    given = judged(300, 5, 0.5)
    given.actual[:] += 0.3  # a year that was better than all expected
    offset, _ = fit(given, LEVELS)
    assert not offset[..., 2].any()
    assert np.array_equal(offset, -offset[..., ::-1])


def test_counts_with_many_zeros_keep_their_upper_end():
    """Two in three are 0, and 0 is the floor: the honest 0.9 leaves a tenth above it, not a fifth."""
    generator = np.random.default_rng(0)
    actual = np.where(generator.random((3000, 2)) < 2 / 3, 0.0, generator.exponential(1, (3000, 2)))
    quantiles = np.broadcast_to(np.quantile(actual, LEVELS), (3000, 2, 5)).copy()
    given = Judged(quantiles, actual, np.zeros(3000), np.zeros(3000))
    offset, knots = fit(given, LEVELS)
    above = (given.actual > moved(given, offset, knots)[..., -1]).mean()
    assert above == pytest.approx(0.1, abs=0.01)


def trained(frame, folder, steps=40, **options):
    L.seed_everything(1, verbose=False)
    data, model = parts(frame, **options)
    trainer = L.Trainer(
        max_steps=steps, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, num_sanity_val_steps=0, enable_model_summary=False,
        limit_val_batches=0, default_root_dir=folder, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(model, data)
    model.eval()
    return data, model


@pytest.mark.parametrize("members", [1, 2])
def test_the_test_part_and_the_windows_that_chose_the_weights_change_no_offset(tmp_path, members):
    frame = sales(shops=10, items=5)
    data, model = trained(frame, tmp_path, members=members)
    report = calibrate(model, data)
    assert report["windows"] == 25
    assert not report["chose_weights_too"]
    series = data.part("stopping")[0]
    assert not set(series) & set(data.part("calibration")[0])
    assert set(series) | set(data.part("calibration")[0]) == set(range(50))
    key = set(zip(data.panel.keys["shop"][series], data.panel.keys["item"][series], strict=True))
    chose = np.array([pair in key for pair in zip(frame.shop, frame["item"], strict=True)])
    late = frame.day >= frame.day.max() - np.timedelta64(13, "D")
    last = frame.day >= frame.day.max() - np.timedelta64(6, "D")
    spoiled = frame.assign(sold=frame.sold.where(~(last | (chose & late)), 1e4))
    other, same = trained(spoiled, tmp_path, members=members)
    calibrate(same, other)
    assert model.ranges.offset.any()
    assert torch.equal(model.ranges.offset, same.ranges.offset)
    inside = report["coverage_80"]
    assert abs(inside[1] - 0.8) < max(abs(inside[0] - 0.8), 0.02)


def test_a_run_keeps_its_calibration_in_checkpoint_card_and_graph(config, monkeypatch):
    monkeypatch.chdir(config)
    cli.main(["fit", "--config", "run.yaml", "--trainer.max_steps=30"])
    kept = torch.load("checkpoints/run/best.ckpt", weights_only=True)
    facts = kept["loopcast"]["calibration"]
    assert kept["state_dict"]["ranges.offset"].any()
    predictor = Predictor("export/run.onnx")
    assert predictor.card["calibration"] == json.loads(json.dumps(facts))
    assert facts["windows"] == 6
    assert facts["chose_weights_too"]  # six series are too few to divide
    export_again(["--config", "run.yaml"])
    assert Predictor("export/run.onnx").card["checkpoint"] == predictor.card["checkpoint"]


def test_no_forecast_is_negative_where_no_target_was(tmp_path):
    frame = sales()
    frame["sold"] = (frame.sold - 25).clip(lower=0)
    data, model = trained(frame, tmp_path, steps=3)
    free = trained(frame, tmp_path, steps=3, lower=None)[1]
    batch = data.resident().gather(*(torch.tensor([0, 1, 2]), torch.tensor([19400] * 3)))
    with torch.no_grad():
        assert model(batch).min() == 0
        assert free(batch).min() < 0
