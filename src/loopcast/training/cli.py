"""train.py: fit, validate, test, predict; a fit ends with the artifact."""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from loopcast.core.errors import ConfigError, LoopcastError
from loopcast.core.judging import ahead, judge, keep, past
from loopcast.core.tables import write
from loopcast.core.verdict import table, verdict
from loopcast.training import defaults
from loopcast.training.callbacks import (
    INTERRUPT,
    PATIENCE,
    Bar,
    KeepPlan,
    StopOnInterrupt,
    keeping,
    named,
    recorded,
    why,
)
from loopcast.training.card import parts
from loopcast.training.checking import Examined
from loopcast.training.checkpoint import task_of, unseen
from loopcast.training.datamodule import DataModule
from loopcast.training.finish import add_test_scores, export_best, keep_last
from loopcast.training.forecaster import Forecaster
from loopcast.training.messages import quiet, readable
from loopcast.training.refit import Recipe, export_refitted, refit, refitted, share

ONCE = ("config", "ckpt_path", "weights_only", "replay", "tune")
"""Flags of one call, no part of what a run is."""
DEFAULTS = {
    "max_epochs": -1,
    "max_time": {"minutes": 2},  # as a person would hardly write it: see instantiate_trainer
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 50,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


class Cli(LightningCLI):
    """LightningCLI with loopcast's names, folders and defaults."""

    chosen: defaults.Recipe | None = None  # of the run that is replayed

    def __init__(self, args: Any = None, run: bool = True) -> None:
        super().__init__(
            Forecaster,
            DataModule,
            save_config_callback=None,
            trainer_defaults=DEFAULTS,
            seed_everything_default=1,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            parser_kwargs={
                "exit_on_error": False,
                **{c: {"exit_on_error": False} for c in ("fit", "validate", "test", "predict")},
            },
            args=args,
            run=run,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """The top-level keys of the YAML."""
        parser.add_argument(
            "--name", type=str | None, default=None, help="default: the YAML's stem"
        )
        parser.add_argument("--patience", type=int, default=PATIENCE, help="looks without gain")
        parser.add_argument(
            "--refit", type=bool, default=False, help="train again on everything once judged"
        )
        parser.add_argument(
            "--tune", type=dict | None, default=None, help="what loopcast tune searches"
        )
        parser.add_argument(
            "--replay", type=str | None, default=None,
            help="a run's steps.json: its steps and learning rates again, whatever the clock says",
        )  # fmt: skip

    def before_instantiate_classes(self) -> None:
        """What no parser checks; a replay takes steps and paces from the run it repeats."""
        if (patience := self._get(self.config, "patience")) < 1:
            raise ConfigError(f"patience is {patience}; it must be 1 or more")
        if self.subcommand is None:
            return
        options = self.config[self.subcommand]
        if hasattr(options, "weights_only") and options.weights_only is None:
            options.weights_only = True  # a checkpoint holds numbers and plain values only
        if options.replay is not None:
            steps, paces, self.chosen = recorded(Path(options.replay))
            options.trainer.max_steps, options.trainer.max_time = steps, None
            options.model.paces = paces

    @property
    def run_name(self) -> str:
        """Names checkpoints/NAME and export/NAME.onnx."""
        name = self._get(self.config, "name")
        if name is None:
            files = self._get(self.config, "config") or []
            name = Path(str(files[-1])).stem if files else "loopcast"
        if not name.replace("_", "").replace("-", "").isalnum():
            raise ConfigError(f"name {name!r}: use letters, digits, - and _")
        return name

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return Path("checkpoints") / self.run_name

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Checkpoints, stopping, logs and progress bar, unless the YAML has its own."""
        given = self._get(self.config_init, "trainer")
        fitting = self.subcommand == "fit"
        callbacks: list[Callback] = list(given.get("callbacks") or [])
        if fitting:
            self.folder.mkdir(parents=True, exist_ok=True)
            callbacks += self._callbacks()
            kwargs["logger"] = given.get("logger")
            if kwargs["logger"] is None:
                kwargs["logger"] = [
                    CSVLogger("checkpoints", self.run_name, ""),
                    TensorBoardLogger("checkpoints", self.run_name, "tensorboard"),
                ]
        elif given.get("logger") is None:
            kwargs["logger"] = False
        if given.get("max_steps", -1) > 0 and self._times() == DEFAULTS["max_time"]:
            kwargs["max_time"] = None
        if fitting and self._get(self.config, "refit"):
            kwargs["max_time"] = share(kwargs.get("max_time", self._times()))
        if given.get("enable_progress_bar") is not False:
            callbacks.append(Bar(refresh_rate=20))
        try:
            return super().instantiate_trainer(**{**kwargs, "callbacks": callbacks})
        except (MisconfigurationException, ValueError, TypeError) as error:
            raise ConfigError(f"the trainer cannot be set up like this: {error}") from error

    def _times(self) -> Any:
        return self._get(self.config_init, "trainer").get("max_time")

    def _callbacks(self) -> list[Callback]:
        self._dump_config()
        config = {k: v for k, v in self.config_dump.items() if k not in ONCE}
        judged = self._get(self.config, "data").get("validation") != 0
        kept = keeping(self.folder, self._get(self.config, "patience"), judged)
        plan = KeepPlan(self.folder, {**config, "name": self.run_name})
        return [*kept, StopOnInterrupt(), plan]

    def after_fit(self) -> None:
        """Write the artifact from the best checkpoint; the last weights have their say first."""
        if getattr(self.trainer, "fast_dev_run", False):
            return
        keep_last(self.trainer, self.model, self.datamodule, self.folder)
        if self.trainer.is_global_zero:
            steps, how = self.trainer.global_step, why(self.trainer)
            done = export_best(self.model, self.datamodule, self.folder, self.run_name)
            print(f"{steps:,} steps, then {how}")
            if done.validation is not None:
                print(f"validation part: {verdict(done.validation)}")
            if told := self.model.trust.told():
                print(told)
            print(f"the artifact is {done.path}; its test part: train.py test with the same flags")
        if self._get(self.config, "refit"):
            self._refit()

    def _refit(self) -> None:
        """On all ranks, once rank 0 has written the calibrated best.ckpt."""
        trainer, model, data = self.trainer, self.model, self.datamodule
        if trainer.strategy.broadcast(why(trainer) == INTERRUPT):
            return
        trainer.strategy.barrier()
        recipe = Recipe.of(trainer, model, self.folder)
        given = dict(self._get(self.config_init, "trainer"))
        bar = [] if given.get("enable_progress_bar") is False else [Bar(refresh_rate=20)]
        if trainer.is_global_zero:
            print(recipe.told(), flush=True)
        done = refit(recipe, model, data, self.folder, given, bar)
        if trainer.is_global_zero and done:
            out = Path("export") / f"{self.run_name}.onnx"
            export_refitted(model, data, self.folder, self.run_name, out)
            print(f"{out} is the refitted one; its scores are those of the run before")
        elif trainer.is_global_zero:
            print("the refit was stopped; the artifact stays that of the run before")

    def before_fit(self) -> None:
        """The findings about the data are kept with the run."""
        self.datamodule.folder = self.folder
        if self.chosen is not None:
            self.model.choose(self.chosen)
        self._found(self.config_init["fit"].get("ckpt_path"))

    def before_validate(self) -> None:
        """The best checkpoint is judged unless one is named."""
        self._use_best()

    before_test = before_predict = before_validate

    def _use_best(self) -> None:
        inner = self.config_init[self.subcommand]
        if inner.get("ckpt_path") is None:
            best = self.folder / "best.ckpt"
            if self.subcommand == "predict":
                best = refitted(self.folder) or best
            if not best.exists():
                raise ConfigError(f"there is no {best}; run fit first, or name --ckpt_path")
            inner["ckpt_path"] = str(best)
        self._found(inner["ckpt_path"])

    def _found(self, checkpoint: str | None) -> None:
        if checkpoint in (None, "last", "best"):  # Lightning's own words
            return
        path = Path(str(checkpoint))
        if not path.is_file():
            raise ConfigError(f"--ckpt_path: there is no {path}; checkpoints/ holds the runs")
        self.datamodule.known = task_of(path)

    def after_test(self) -> None:
        """Scores beside seasonal naive: printed, and stored in the run's folder."""
        data, model = self.datamodule, self.model
        if not len(data.part("test")[0]):
            raise ConfigError(
                "the test part holds no window, so there is nothing to judge; give it steps"
                " (data.test), which needs a fit with the same setting"
            )
        checkpoint = Path(self.config_init["test"]["ckpt_path"])
        if checkpoint.is_file():  # not one of Lightning's words
            unseen(checkpoint, parts(data.panel, data.splits), data.task.origins != "own")
        quantiles = model.predictions().numpy()
        if not self.trainer.is_global_zero:
            return
        series, origin, limit = data.part("test")
        windows = (series, origin, limit)
        board, frame = judge(data.panel, data.train, model.task, windows, quantiles)
        keep(self.folder, board, frame, past(data.panel, model.task, series, origin))
        print(table(board))
        artifact = Path("export") / f"{self.run_name}.onnx"
        if add_test_scores(artifact, checkpoint, board):
            print(f"{artifact} keeps these scores in its card")
        print(f"with pictures: loopcast report {self.run_name}")

    def after_predict(self) -> None:
        """What comes after the last step of each series, from the checkpoint."""
        found = self.model.predictions().numpy()
        if self.trainer.is_global_zero:
            path = self.folder / "forecast.parquet"
            self.folder.mkdir(parents=True, exist_ok=True)
            write(ahead(self.datamodule.panel, self.model.task, found).columns(), path)
            print(f"the forecast is {path}; from the artifact: loopcast predict")


def main(args: Sequence[str] | None = None) -> None:
    """Run train.py; raises LoopcastError for whatever the user can mend."""
    with quiet():
        parsed(args, run=True)


def parsed(args: Sequence[str] | None, run: bool) -> Cli:
    """The command line, carried out where `run`; raises LoopcastError for what cannot be."""
    try:
        return Cli(list(args) if args is not None else None, run)
    except LoopcastError:
        raise
    except MisconfigurationException as error:
        raise ConfigError(f"the trainer cannot be set up like this: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the config is no UTF-8 text ({error}); save it as that") from error
    except UnpicklingError as error:  # Lightning opens it while it parses
        raise ConfigError("--ckpt_path is no checkpoint, or it is damaged") from error
    except Exception as error:
        if type(error).__name__ in ("ArgumentError", "NSKeyError"):
            raise ConfigError(readable(str(error))) from error
        raise


def plan(args: Sequence[str]) -> None:
    """Print what a config leads to, and why, without training."""
    with quiet():
        cli = parsed(args, run=False)
        data, model = cli.datamodule, cli.model
        data.setup("plan")
    model.plan(data, cli.trainer)
    chosen = {**data.plan(model.together.count), "model": named(model)}
    print(yaml.safe_dump(chosen, sort_keys=False))
    named_by_hand = {name for name in ("history",) if data.reading.history}
    for name, reason in {**data.reasons(), **model.recipe.why}.items():
        if name not in named_by_hand:
            print(f"{name}: {reason}")
    for note in data.splits.notes:
        print(note)


def examined(args: Sequence[str]) -> tuple[Examined, bool, Path]:
    """What a fit of `--config X ...` would get, whether warnings stop it, and the run's folder."""
    with quiet():
        cli = parsed(args, run=False)
    data = cli.datamodule
    return data.checks.examine(data.reading), data.checks.strict, cli.folder
