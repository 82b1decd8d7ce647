"""`loopcast tune`: many short fits of one config, judged on the validation part alone."""

import argparse
import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from loopcast.core.errors import ConfigError, LoopcastError
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.core.verdict import number
from loopcast.data.config import read
from loopcast.data.splits import Splits
from loopcast.training import space
from loopcast.training.callbacks import MONITORED, PATIENCE, StopOnInterrupt
from loopcast.training.card import described
from loopcast.training.cli import DEFAULTS, Cli, parsed
from loopcast.training.cooling import Cooling
from loopcast.training.datamodule import DataModule
from loopcast.training.messages import quiet
from loopcast.training.refit import duration
from loopcast.training.trials import Judge, judged, short, table

WARM = 4
"""Trials that are finished before any is pruned."""
FAILURES = (LoopcastError, ValueError, RuntimeError, TypeError, LookupError, ArithmeticError)
"""What settings that do not go together may raise: the trial failed, the search goes on."""
UNITS = {"s": 1, "m": 60, "h": 3600, "": 1}


def tune(args: Sequence[str]) -> None:
    """See the module; Ctrl-C ends it with what was found."""
    options, rest = _options(args)
    config = _config(options.config, rest)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        search = Search.begin(config, options.trials, options.time)
        study = search.study()
        with suppress(KeyboardInterrupt):  # outside the steps of a fit
            search.run(study)
    done = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    print(table(study.trials, [one.key for one in search.ranges]))
    if not done:
        failed = [t.user_attrs["error"] for t in study.trials if "error" in t.user_attrs]
        raise ConfigError(f"no trial came to its end; the last one: {(failed or ['no time'])[-1]}")
    path = search.write(study.best_trial)
    print(
        f"\nthe best is trial {study.best_trial.number + 1}; train it: train.py fit --config {path}"
    )
    print(
        "these scores chose it, so that they flatter it: judge it by train.py test, which no trial saw"
    )


def _options(args: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        "loopcast tune",
        description="Search for better settings: many short fits, judged on the validation part,"
        " the hopeless ones ended early. The test part is never looked at. Run it again to go on.",
        epilog="Further flags are those of fit; the search space is the YAML's tune: section"
        " (docs/tuning.md).",
    )
    parser.add_argument("--config", action="append", required=True, help="the experiment's YAML")
    parser.add_argument("--trials", type=int, default=20, help="in all, earlier ones counted (20)")
    parser.add_argument("--time", type=_seconds, help="for all of them: 600, 90s, 30m or 2h")
    options, rest = parser.parse_known_args(args)
    if options.trials < 1:
        raise ConfigError(f"--trials is {options.trials}; it must be 1 or more")
    return options, rest


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not found or float(found[1]) <= 0:
        raise ConfigError(f"--time is {text!r}; give seconds, or 90s, 30m, 2h")
    return float(found[1]) * UNITS[found[2]]


def _config(paths: Sequence[str], flags: Sequence[str]) -> dict[str, Any]:
    """The YAML files with the flags over them; named by the last file."""
    config = read(paths)
    config.setdefault("name", Path(paths[-1]).stem)
    for key, value in _flags(flags):
        config = space.changed(config, {key: value})
    return config


def _flags(flags: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """--key=value or --key value, as of fit; values as in YAML, or text."""
    left = list(flags)
    while left:
        flag = left.pop(0)
        key, equal, value = flag.removeprefix("--").partition("=")
        if flag.startswith("--") and not equal and left and not left[0].startswith("--"):
            value, equal = left.pop(0), "="
        if not flag.startswith("--") or not equal:
            raise ConfigError(f"{flag} is no flag; give further keys as --data.horizon=24")
        try:
            yield key, yaml.safe_load(value)
        except yaml.YAMLError:  # %d.%m.%Y
            yield key, value


@dataclass(frozen=True)
class Search:
    """One config, what may change in it, and the data of all trials, without the test part."""

    config: dict[str, Any]
    ranges: list[space.Range]
    first: dict[str, Any]
    trials: int
    limit: float | None  # seconds, for all trials
    data: DataModule
    task: Task
    panel: Panel
    splits: Splits
    folder: Path

    @classmethod
    def begin(cls, config: dict[str, Any], trials: int, limit: float | None) -> "Search":
        """Read once, check once."""
        described = config.get("tune") or {}
        base = {name: value for name, value in config.items() if name != "tune"}
        folder = Path("checkpoints") / str(base["name"])
        folder.mkdir(parents=True, exist_ok=True)
        cli = _cli(base, folder)
        data = cli.datamodule
        data.setup("fit")
        if not len(data.part("validation")[0]):
            raise ConfigError("there is no validation part to judge trials on: set data.validation")
        panel = data.panel.until(data.splits.validation)
        longest = int((data.train.origin - data.train.start).max()) + 1
        cli.model.plan(data, cli.trainer)
        assert cli.model.recipe is not None
        ranges = space.asked(described)
        if not any(one.key in space.NETWORKS for one in ranges):
            base = space.completed(base, cli.model.recipe)
        ranges = ranges or space.sensible(base, data.task, longest)
        first = space.started(ranges, base, _chosen(cli))
        return cls(base, ranges, first, trials, limit, data, data.task, panel, data.splits, folder)

    def study(self) -> optuna.Study:
        """In the run's folder; one of another config or space is refused."""
        path = self.folder / "tune.db"
        facts = {
            "config": self.config,
            "space": [repr(one) for one in self.ranges],
            "data": described(self.panel, self.splits),
        }
        pruner = optuna.pruners.MedianPruner(n_startup_trials=WARM, n_warmup_steps=1)
        try:
            study = optuna.create_study(
                storage=f"sqlite:///{path}", study_name="tune", load_if_exists=True,
                sampler=optuna.samplers.TPESampler(seed=1), pruner=pruner,
            )  # fmt: skip
            known = study.user_attrs.get("facts")
        except Exception as error:  # SQLAlchemy and optuna raise many types of their own
            raise ConfigError(f"{path} holds no trials ({_line(error)}); delete it") from error
        wanted = json.dumps(facts, sort_keys=True, default=str)
        if known is None:
            study.set_user_attr("facts", wanted)
        elif known != wanted:
            raise ConfigError(
                f"{path} holds trials of another config, search space or data; delete it to begin anew,"
                " or give this one another --name"
            )
        for trial in study.get_trials(states=(TrialState.RUNNING,)):  # a killed process left it
            study.tell(trial.number, state=TrialState.FAIL)
        if not any(self._is_first(trial) for trial in study.get_trials()):
            study.enqueue_trial(self.first)
        return study

    def _is_first(self, trial: FrozenTrial) -> bool:
        """Is it the config as it stands, waiting, or judged?"""
        if trial.state == TrialState.WAITING:
            return True
        return trial.state != TrialState.FAIL and self.first.items() <= trial.params.items()

    def run(self, study: optuna.Study) -> None:
        """The trials that are still to come."""
        done = [t for t in study.trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        left = self.trials - len(done)
        if left > 0:
            each = None if self.limit is None else self.limit / left
            study.optimize(
                lambda trial: self._trial(trial, study, each),
                n_trials=left,
                timeout=self.limit,
                catch=FAILURES,
            )

    def _trial(self, trial: optuna.Trial, study: optuna.Study, seconds: float | None) -> float:
        values = {one.key: one.suggest(trial) for one in self.ranges}
        try:
            found = self._fitted(trial, study, space.changed(self.config, values), seconds)
        except FAILURES as error:
            trial.set_user_attr("error", _line(error))
            raise
        told = ", ".join(f"{key.split('.')[-1]} {short(value)}" for key, value in values.items())
        _tell(f"trial {trial.number + 1}: {number(found)} with {told}")
        return found

    def _fitted(
        self,
        trial: optuna.Trial,
        study: optuna.Study,
        config: dict[str, Any],
        seconds: float | None,
    ) -> float:
        shorter = config if seconds is None else _shortened(config, seconds)
        cli = _cli(shorter, self.folder)
        self._give(cli.datamodule)
        judge = Judge(trial, cli.datamodule)
        stop = StopOnInterrupt("stopping; finished trials are kept (Ctrl-C again: stop at once)")
        patience = config.get("patience", PATIENCE)
        ending = Cooling(MONITORED, patience=patience, strict=False)
        cli.trainer.callbacks += [judge, stop, ending]  # type: ignore[attr-defined]
        L.seed_everything(int(config.get("seed_everything", 1)), verbose=False)
        cli.trainer.fit(cli.model, cli.datamodule)
        if stop.asked:
            study.stop()
            raise LoopcastError("stopped by hand")
        if judge.pruned:
            raise optuna.TrialPruned
        best = min(judge.best, judged(cli.model, cli.datamodule))  # the last weights have their say
        if not np.isfinite(best):
            raise LoopcastError("no look at the validation part gave a number")
        return best

    def _give(self, data: DataModule) -> None:
        """The data without the test part; read again only where the trial reads otherwise."""
        same = replace(data.reading, history=None, season=None) == replace(
            self.data.reading, history=None, season=None
        )
        if same and data.checks == self.data.checks:
            task = replace(self.task, history=data.reading.history or self.task.history)
            task = replace(task, season=data.reading.season or self.task.season)
            data.use(task, self.panel, self.splits)
            return
        data.setup("plan")
        assert data.panel is not None
        data.use(data.task, data.panel.until(data.splits.validation), data.splits)

    def write(self, best: FrozenTrial) -> Path:
        """The config of the best trial, which trains under a name of its own."""
        config = space.changed(self.config, best.params)
        config["name"] = f"{self.config['name']}_tuned"
        path = self.folder / "tuned.yaml"
        head = (
            f"# {self.config['name']}, trial {best.number + 1} of {self.folder / 'tune.db'}:"
            f" {number(best.value or 0)} on the validation part\n"
        )
        path.write_text(head + yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        return path


def _cli(config: Mapping[str, Any], folder: Path) -> Cli:
    """What train.py would make of the config; nothing of a trial is kept."""
    still = {"enable_checkpointing": False, "enable_progress_bar": False, "logger": False}
    path = folder / "trial.yaml"
    text = yaml.safe_dump({**config, "trainer": {**(config.get("trainer") or {}), **still}})
    path.write_text(text, encoding="utf-8")
    try:
        return parsed(["--config", str(path)], run=False)
    finally:
        path.unlink()


def _chosen(cli: Cli) -> dict[str, Any]:
    """What the rules say of keys that a search may change."""
    data, recipe = cli.datamodule, cli.model.recipe
    derived = data.plan(recipe.members)
    return {
        **{f"data.{name}": derived[name] for name in ("history", "season", "batch_size")},
        **{f"data.{name}": derived[name] for name in ("validation", "test")},
        "data.scaling": data.scaling.kind,
        **{
            f"model.{name}": getattr(recipe, name)
            for name in ("members", "learning_rate", "volume")
        },
    }


def _shortened(config: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """To so many seconds of training at most."""
    trainer = config.get("trainer") or {}
    named = trainer.get("max_time", None if trainer.get("max_steps") else DEFAULTS["max_time"])
    if (most := duration(named)) is not None:
        seconds = min(seconds, most.total_seconds())
    return space.changed(config, {"trainer.max_time": {"seconds": max(int(seconds), 1)}})


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
