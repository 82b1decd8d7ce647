"""What only whole processes show: resuming by command, Ctrl-C, several ranks."""

import json
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from training.conftest import same, started, train, weights

from loopcast.serving.predictor import Predictor
from loopcast.training import cli

FIT = ("fit", "--config", "run.yaml")


def test_a_fit_resumed_by_command_ends_where_an_uncut_one_does(config, monkeypatch):
    """The learning rate is constant, as a shorter run would else anneal sooner."""
    monkeypatch.chdir(config)
    steady = [*FIT, "--model.schedule=constant", "--patience=1000"]
    cli.main([*steady, "--name=whole"])
    cli.main([*steady, "--name=cut", "--trainer.max_steps=37"])
    cli.main([*steady, "--name=cut", "--ckpt_path=checkpoints/cut/last.ckpt"])
    whole, cut = (weights(f"checkpoints/{name}/last.ckpt") for name in ("whole", "cut"))
    same(whole, cut)


def test_the_run_s_own_config_trains_the_same_again(config, monkeypatch):
    monkeypatch.chdir(config)
    every = """
  callbacks:
    - class_path: lightning.pytorch.callbacks.ModelCheckpoint
      init_args: {dirpath: checkpoints/run, filename: step, every_n_train_steps: 40}
"""
    with Path("run.yaml").open("a") as more:
        more.write(every.replace("\n  callbacks", "  callbacks"))
    text = (
        Path("run.yaml")
        .read_text()
        .replace(
            "trainer: {max_steps: 60, enable_progress_bar: false}",
            "trainer:\n  max_steps: 60\n  enable_progress_bar: false",
        )
    )
    Path("run.yaml").write_text(text)
    cli.main([*FIT])
    best = torch.load("checkpoints/run/best.ckpt", weights_only=True)
    assert best["global_step"] in (25, 50, 60)
    assert torch.load("checkpoints/run/step.ckpt", weights_only=True)["global_step"] == 40
    cli.main(
        [
            "fit",
            "--config",
            "checkpoints/run/config.yaml",
            "--name=again",
            "--ckpt_path=checkpoints/run/step.ckpt",
        ]
    )
    same(weights("checkpoints/run/last.ckpt"), weights("checkpoints/again/last.ckpt"))


def interrupted(process, file):
    """Wait until steps are made, then Ctrl-C."""
    for _ in range(600):
        if file.exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)


def test_ctrl_c_stops_cleanly_and_exports_the_best_so_far(config):
    endless = ("--trainer.max_steps=-1", "--trainer.max_time=00:00:05:00", "--patience=100000")
    process = started(config, *FIT, *endless)
    interrupted(process, config / "checkpoints" / "run" / "last.ckpt")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "stopping" in err
    assert "export/run.onnx" in out
    assert "Traceback" not in err
    rows = pd.read_csv(config / "sales.csv").assign(day=lambda frame: frame.day)
    last = rows[rows.day == rows.day.max()]
    later = [
        last.assign(day=str(pd.Timestamp(rows.day.max()).date() + pd.Timedelta(days=n)))
        for n in range(1, 8)
    ]
    forecast = Predictor(config / "export" / "run.onnx").predict(rows, pd.concat(later))
    assert forecast.quantiles.shape == (6, 7, 5)


def test_a_second_ctrl_c_stops_at_once(config):
    """With steps so slow that the first one is still waited for."""
    slow = ("--data.batch_size=400000", "--trainer.max_steps=1000000")
    process = started(config, *FIT, *slow)
    interrupted(process, config / "checkpoints" / "run" / "config.yaml")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - begun < 5
    assert "artifact" not in out
    assert not (config / "export" / "run.onnx").exists()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """A fit by two processes, a test by two and one by one."""
    from training.conftest import YAML, sales

    folder = tmp_path_factory.mktemp("ranks")
    sales().to_csv(folder / "sales.csv", index=False)
    (folder / "run.yaml").write_text(YAML)
    (folder / "seen.py").write_text(SEEN)
    two = ("--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.accelerator=cpu")
    os.environ["PYTHONPATH"] = str(folder)
    try:
        fit = train(folder, *FIT, *two, "--trainer.callbacks+=seen.Seen")
    finally:
        del os.environ["PYTHONPATH"]
    tests = []
    for flags in (two, ()):
        tests.append(train(folder, "test", "--config", "run.yaml", *flags))
        frame = pd.read_parquet(folder / "checkpoints" / "run" / "test.parquet")
        tests.append(frame)
    return folder, fit, tests


SEEN = '''
import json
from lightning.pytorch.callbacks import Callback


class Seen(Callback):
    """Writes down which windows a rank was given, and what validation came to."""

    def on_train_start(self, trainer, pl_module):
        self.windows, self.losses = [], []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.windows.append(batch["target"].nan_to_num().sum().item())

    def on_validation_end(self, trainer, pl_module):
        self.losses.append(float(trainer.callback_metrics["validation_loss"]))
        self.losses.append(float(trainer.callback_metrics["validation_mae"]))

    def on_train_end(self, trainer, pl_module):
        facts = {"windows": self.windows, "losses": self.losses}
        facts["weights"] = float(sum(w.double().abs().sum() for w in pl_module.parameters()))
        with open(f"rank{trainer.global_rank}.json", "w") as out:
            json.dump(facts, out)
'''


def test_ranks_see_different_windows_and_agree_on_everything_else(ranks):
    folder, (code, _, err), _ = ranks
    assert code == 0, err
    one, other = (json.loads((folder / f"rank{n}.json").read_text()) for n in (0, 1))
    assert not set(one["windows"]) & set(other["windows"])
    assert len(one["windows"]) == len(other["windows"]) == 60
    assert one["losses"] == other["losses"]
    assert one["weights"] == other["weights"]


def test_only_the_first_rank_speaks_and_writes_the_artifact_once(ranks):
    folder, (_, out, err), _ = ranks
    assert out.count("export/run.onnx") == 1
    assert err.count("data: 720 rows") == 1
    assert [path.name for path in (folder / "export").iterdir()] == ["run.onnx"]


def test_forecasts_of_two_ranks_are_whole_and_in_order(ranks):
    _, _, ((code, out, err), two, (alone, _, _), one) = ranks
    assert code == alone == 0, err
    assert out.count("6 windows, 42 steps") == 1
    pd.testing.assert_frame_equal(two, one, check_exact=False, rtol=1e-5)
    assert len(one) == 6 * 7
