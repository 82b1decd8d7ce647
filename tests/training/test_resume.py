"""A run that was cut, resumed or replayed ends with the weights of the run that was not."""

import json
from pathlib import Path

import lightning as L
import pandas as pd
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from training.conftest import parts, sales, same, weights

from loopcast.training import cli

pytestmark = pytest.mark.filterwarnings("ignore:Be aware that when using .ckpt_path")
QUIET = {
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "max_epochs": -1,
    "use_distributed_sampler": False,
}


class CutAt(Callback):
    """As if the power failed after this step."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == self.step:
            raise RuntimeError("cut")


def fitted(frame, folder, steps=60, resume=None, every=None, cut=None, **options):
    L.seed_everything(options.pop("seed", 3), verbose=False)
    data, model = parts(frame, **options)
    callbacks = (
        [ModelCheckpoint(folder, "kept", every_n_train_steps=every, save_top_k=1)] if every else []
    )
    callbacks += [CutAt(cut)] if cut else []
    trainer = L.Trainer(
        **QUIET, max_steps=steps, default_root_dir=folder, callbacks=callbacks,
        enable_checkpointing=bool(every),
    )  # fmt: skip
    trainer.fit(model, data, ckpt_path=resume, weights_only=True)
    return model


@pytest.mark.parametrize("step", [10, 25, 37], ids="at step {}".format)
def test_a_run_cut_at_any_step_continues_to_the_same_weights(step, frame, tmp_path):
    """Epochs are of 25 steps: in the middle of the first, at its end, in the middle of the second."""
    whole = fitted(frame, tmp_path)
    with pytest.raises(RuntimeError, match="cut"):
        fitted(frame, tmp_path, every=step, cut=step + 1)
    resumed = fitted(frame, tmp_path, resume=tmp_path / "kept.ckpt")
    same(whole.state_dict(), resumed.state_dict())
    assert resumed.budget.share == whole.budget.share


def test_noise_and_draws_are_part_of_what_is_resumed(frame, tmp_path):
    """A network with dropout and hidden keys: another seed gives other weights."""
    one, other = fitted(frame, tmp_path, steps=5), fitted(frame, tmp_path, steps=5, seed=4)
    assert any((a != b).any() for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_same_seed_and_steps_give_the_same_weights(frame, tmp_path):
    same(fitted(frame, tmp_path, 30).state_dict(), fitted(frame, tmp_path, 30).state_dict())


def test_rows_after_the_train_part_change_no_weight_however_many(frame, tmp_path):
    longer = sales(days=150)
    longer.loc[longer.day < "2023-05-02", "price"] = frame.sort_values(
        ["shop", "item", "day"]
    ).price.values
    longer.loc[longer.day < "2023-05-02", "sold"] = frame.sold.values
    longer.loc[longer.day >= "2023-04-25", "sold"] *= 100
    newcomer = longer[(longer.day >= "2023-05-10") & (longer.shop == "s0")].assign(shop="s0b")
    one = fitted(frame, tmp_path, 30, validation=7, test=7)
    other = fitted(pd.concat([longer, newcomer]), tmp_path, 30, validation=7, test=37)
    same(one.state_dict(), other.state_dict())


def test_a_timed_run_is_replayed_by_its_steps(config, monkeypatch):
    monkeypatch.chdir(config)
    fit = ["fit", "--config", "run.yaml"]
    timed, again = Path("checkpoints/run"), Path("checkpoints/again")
    for seconds in ("01", "08", "40"):  # a machine that is busy with other things takes longer
        cli.main([*fit, "--trainer.max_steps=-1", f"--trainer.max_time=00:00:00:{seconds}"])
        facts = json.loads((timed / "steps.json").read_text())
        if facts["steps"] > 25:
            break
    assert len(facts["paces"]) > 1
    cli.main([*fit, "--name", "again", "--replay", str(timed / "steps.json")])
    same(weights(timed / "last.ckpt"), weights(again / "last.ckpt"))
    same(weights(timed / "best.ckpt"), weights(again / "best.ckpt"))
    assert json.loads((again / "steps.json").read_text()) == facts


def test_a_replay_takes_the_network_that_the_time_allowed(config, monkeypatch):
    monkeypatch.chdir(config)
    text = Path("run.yaml").read_text()
    raw = yaml.safe_load(text)
    raw["model"].pop("network", None)
    raw["model"]["members"] = None
    Path("rule.yaml").write_text(yaml.safe_dump(raw))
    fit = ["fit", "--config", "rule.yaml"]
    cli.main([*fit, "--trainer.max_steps=2"])
    facts = json.loads(Path("checkpoints/rule/steps.json").read_text())
    other = {**facts["recipe"], "layers": 1, "width": 24, "members": 3}
    Path("other.json").write_text(json.dumps({**facts, "recipe": other}))
    cli.main([*fit, "--name", "again", "--replay", "other.json"])
    kept = torch.load("checkpoints/again/last.ckpt", weights_only=True)["loopcast"]["recipe"]
    assert (kept["layers"], kept["width"], kept["members"]) == (1, 24, 3)
