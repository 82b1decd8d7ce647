"""A config or flag that cannot be is told in one sentence, and the command ends with status 2."""

import copy

import pytest
import yaml
from lightning.pytorch.callbacks import Timer
from training.conftest import YAML, sales

from loopcast.__main__ import guarded
from loopcast.core.errors import ConfigError
from loopcast.training import cli

NETWORK = "loopcast.models.mlp.ResidualMLP"


def changed(path, value):
    """The config with one value replaced, or without the key where it is None."""
    config = copy.deepcopy(yaml.safe_load(YAML))
    *keys, last = path.split("/")
    section = config
    for key in keys:
        section = section[key]
    if value is None:
        del section[last]
    else:
        section[last] = value
    return config


def told(config, folder, monkeypatch, capsys, *flags):
    monkeypatch.chdir(folder)
    (folder / "bad.yaml").write_text(config if isinstance(config, str) else yaml.safe_dump(config))
    with pytest.raises(SystemExit) as stopped:
        guarded(lambda: cli.main(["fit", "--config", "bad.yaml", *flags]))
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    _, mark, text = f"\n{message}".partition("\nloopcast: ")
    assert mark
    return text.strip()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("nme", "x", "unknown key nme; did you mean name?"),
        ("data/horizn", 7, "unknown key data.horizn; did you mean data.horizon?"),
        ("model/learnin_rate", 1, "unknown key model.learnin_rate; did you mean model.learning_rate?"),
        ("trainer/max_step", 7, "unknown key trainer.max_step; did you mean trainer.max_steps?"),
        ("model/network/init_args/layrs", 7, "unknown key model.network.init_args.layrs; did you mean layers?"),
        ("data/source/init_args/pth", "x", "unknown key data.source.init_args.pth; did you mean path?"),
        ("data/horizon", "seven", "data.horizon is 'seven'; it must be a whole number"),
        ("data/series", "shop", "data.series is 'shop'; it must be a list of text or null"),
        ("data/gaps", "zeros", "data.gaps is 'zeros'; it must be missing or zero"),
        ("model/learning_rate", "fast", "model.learning_rate is 'fast'; it must be a number"),
        ("trainer/max_steps", "many", "trainer.max_steps is 'many'; it must be a whole number"),
        ("data/horizon", None, "the config lacks data.horizon; every experiment needs it"),
        ("data/source/init_args/path", None, "the config lacks data.source.init_args.path; every experiment needs it"),
        ("data/batch_size", 0, "data.batch_size is 0; it must be 1 or more"),
        ("data/horizon", 0, "data.horizon is 0; it must be 1 or more"),
        ("patience", 0, "patience is 0; it must be 1 or more"),
        ("name", "a/b", "name 'a/b': use letters, digits, - and _"),
        ("trainer/accelerator", "gpus", "the trainer cannot be set up like this"),
        ("data/source/init_args/path", "no.csv", "there is no file no.csv"),
        ("data/source/class_path", "loopcast.data.files.CsvFil", "there is no loopcast.data.files.CsvFil; did you mean loopcast.data.files.CsvFile?"),
        ("model/network/class_path", "loopcast.models.mlp.ResidualML", f"there is no loopcast.models.mlp.ResidualML; did you mean {NETWORK}?"),
        ("model/network/class_path", "loopcast.modls.mlp.ResidualMLP", "there is no loopcast.modls.mlp.ResidualMLP; did you mean loopcast.models?"),
        ("model/network/class_path", "nowhere.Network", "there is no nowhere.Network; is its package installed"),
        ("model/network/class_path", "loopcast.data.files.CsvFile", "loopcast.data.files.CsvFile is no Network"),
    ],
)  # fmt: skip
def test_a_config_that_cannot_be(path, value, message, config, monkeypatch, capsys):
    assert message in told(changed(path, value), config, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--model.learnin_rate=1", "unknown flag --model.learnin_rate; did you mean model.learning_rate?"),
        ("--modl.learning_rate=1", "unknown flag --modl.learning_rate; did you mean model.learning_rate?"),
        ("--nme=x", "unknown flag --nme; did you mean name?"),
        ("--data.horizon=x", "data.horizon is 'x'; it must be a whole number"),
        ("--model.learning_rate=-1", "the optimizer cannot be set up like this: Invalid learning rate: -1.0"),
        ("--model.network.init_args.width=0", "model.network cannot be made like this: a layer has no width"),
        ("--model.network.init_args.width=-1", "model.network cannot be made like this: "),
        ("--model.network=loopcast.models.mlp.ResidualML", f"there is no loopcast.models.mlp.ResidualML; did you mean {NETWORK}?"),
        ("--config=nofile.yaml", "nofile.yaml; check the path"),
        ("--ckpt_path=no.ckpt", "there is no no.ckpt"),
        ("--replay=no.json", "--replay no.json: No such file or directory"),
        ("--replay=bad.yaml", "--replay bad.yaml is not the steps.json of a run"),
    ],
)  # fmt: skip
def test_a_flag_that_cannot_be(flag, message, config, monkeypatch, capsys):
    assert message in told(yaml.safe_load(YAML), config, monkeypatch, capsys, flag)


def test_what_is_no_yaml(config, monkeypatch, capsys):
    assert "not valid YAML" in told("data: [a\n b: c", config, monkeypatch, capsys)
    for text in ("- a\n", "\n", "words\n"):
        assert "no list of keys and values" in told(text, config, monkeypatch, capsys)


def test_a_command_that_does_not_exist(config, monkeypatch, capsys):
    monkeypatch.chdir(config)
    with pytest.raises(SystemExit):
        guarded(lambda: cli.main(["fitt", "--config", "run.yaml"]))
    assert "there is no command 'fitt'; did you mean fit?" in capsys.readouterr().err


def test_a_checkpoint_of_another_run_is_named(config, monkeypatch):
    """By what differs; a file that is none, and weights of another network, are told as well."""
    monkeypatch.chdir(config)
    cli.main(["fit", "--config", "run.yaml", "--trainer.max_steps=1"])
    (config / "none.ckpt").write_text("nothing")
    best = "--ckpt_path=checkpoints/run/best.ckpt"
    cases = {
        ("test", "--data.horizon=6"): "data.horizon is 6, but the checkpoint was fitted with 7",
        (
            "test",
            "--data.future=[]",
        ): "data.future is [], but the checkpoint was fitted with ['price']",
        (
            "fit",
            best,
            "--data.history=9",
        ): "data.history is 9, but the checkpoint was fitted with 21",
        ("test", "--data.test=20"): "its scores would be those of known values",
        ("test", "--ckpt_path=none.ckpt"): "is no checkpoint, or it is damaged",
        ("fit", "--ckpt_path=none.ckpt"): "is no checkpoint, or it is damaged",
        ("fit", best, "--model.network.init_args.width=8"): "do not fit the network of this config",
    }
    for (command, *flags), message in cases.items():
        with pytest.raises(ConfigError) as told:
            cli.main([command, "--config", "run.yaml", *flags])
        assert message in str(told.value), flags


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trainer.precision=bf16-true"], "trainer.precision bf16-true is not supported"),
        (["--data.recent=[]"], "data.recent is []; give a number of steps"),
        (["--data.season=-7"], "data.season is -7; it is a number of steps"),
        (["--data.zone=Europe/Atlantis"], "zone 'Europe/Atlantis' is unknown"),
        (["--refit=true", "--trainer.max_time=5m"], "trainer.max_time is '5m'; write {minutes: 5}"),
        (
            ["--model.network=loopcast.models.patchtst.PatchTST", "--model.network.heads=3"],
            "heads is 3; it must divide the width",
        ),
        (
            ["--model.network=loopcast.models.tide.TiDE", "--model.network.projected=2"],
            "projected is 2; it must be 3 or more",
        ),
    ],
)
def test_settings_that_fail_late_are_told_early(tmp_path, monkeypatch, capsys, flags, message):
    sales().to_csv(tmp_path / "sales.csv", index=False)
    assert message in told(yaml.safe_load(YAML), tmp_path, monkeypatch, capsys, *flags)


def test_gradients_of_mixed_precision_may_be_clipped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sales().to_csv("sales.csv", index=False)
    (tmp_path / "run.yaml").write_text(YAML)
    flags = ["--trainer.precision=bf16-mixed", "--trainer.gradient_clip_val=1.0"]
    cli.main(["fit", "--config", "run.yaml", "--trainer.max_steps=2", *flags])


def test_an_explicit_limit_of_two_minutes_stays_beside_steps(tmp_path, monkeypatch):
    (tmp_path / "run.yaml").write_text(YAML)

    def limit(*flags):
        made = cli.parsed(["--config", str(tmp_path / "run.yaml"), *flags], run=False)
        return [c for c in made.trainer.callbacks if isinstance(c, Timer)]

    assert limit() == []
    assert len(limit("--trainer.max_time=00:00:02:00")) == 1
