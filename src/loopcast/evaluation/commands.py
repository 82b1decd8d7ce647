"""The commands that judge: what they take, and what they print; each loads what it needs alone."""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from loopcast.core.errors import ConfigError, MissingExtra
from loopcast.core.tables import read, writable, write
from loopcast.core.verdict import table


def add(commands: Any) -> None:
    """Join the `loopcast` command's parser."""
    backtest = commands.add_parser(
        "backtest",
        help="score an artifact at past origins, beside seasonal naive",
        description="Forecast at past origins with what was known there, as a service would have,"
        " and score the forecasts beside seasonal naive. Needs no training libraries.",
    )
    backtest.add_argument("model", help="the artifact, export/NAME.onnx")
    backtest.add_argument(
        "--config", action="append", help="the experiment's YAML: its data.source gives the rows"
    )
    backtest.add_argument("--data", help="rows from a file instead: .csv, .csv.gz or .parquet")
    backtest.add_argument(
        "--windows", type=int, required=True, help="origins of each series, the last a horizon back"
    )
    backtest.add_argument("--stride", type=int, help="steps between them (default: the horizon)")
    backtest.add_argument("--out", help="where the forecasts go: .parquet or .csv")
    backtest.add_argument("--scores", help="where all scores go: .json")
    backtest.set_defaults(run=_backtest)
    _explaining(commands)
    compare = commands.add_parser(
        "compare",
        help="runs side by side: what differs, and their scores",
        description="What differs in the configs and data of runs, and their scores side by side.",
    )
    compare.add_argument(
        "runs", metavar="RUN", nargs="+", help="a run's folder, or its name below checkpoints/"
    )
    compare.add_argument("--out", help="the same as JSON: a .json file")
    compare.set_defaults(run=_compare)


def _explaining(commands: Any) -> None:
    explain = commands.add_parser(
        "explain",
        help="which columns and which part of history moved a forecast",
        description="Which columns and which part of history moved the forecasts of an artifact, or"
        " of a run: its report then shows it. Works on the artifact alone.",
    )
    explain.add_argument("model", help="the artifact, export/NAME.onnx, or a run's folder or name")
    explain.add_argument("--data", help="history: .csv, .csv.gz or .parquet (a run knows its own)")
    explain.add_argument("--future", help="rows of the known-ahead columns over the horizon")
    explain.add_argument("--origin", help="the last history time (default: the last complete step)")
    explain.add_argument(
        "--series", action="append", default=[], metavar="KEY=TEXT", help="one series only"
    )
    explain.add_argument("--out", help="the same as JSON: a .json file")
    explain.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> None:
    artifact, out = Path(options.model), options.out
    run = None if artifact.suffix == ".onnx" else _module("evaluation.run").Run.read(options.model)
    if run is not None:
        artifact = Path("export") / f"{run.name}.onnx"
        out = out or str(run.folder / "explain.json")
    predictor = import_module("loopcast.serving.predictor").Predictor(artifact, chunk=1024)
    if run is not None and not options.data:
        options.config = [str(run.folder / "config.yaml")]
    elif not options.data:
        raise ConfigError("say where the rows are: --data FILE, or name a run, which knows its own")
    rows = _rows(options, predictor.task)
    explain = import_module("loopcast.evaluation.explain")
    origin = options.origin
    if not origin and not options.future and predictor.task.future.names:
        origin = explain.reaching(rows, predictor.task)
    future = read(options.future) if options.future else None
    found = explain.explain(predictor, rows, future, origin, _key(options.series))
    print(explain.table(found))
    if out:
        keep_json(found, out)
        print(f"-> {out}" + (f"; in the page: loopcast report {options.model}" if run else ""))


def _key(pairs: list[str]) -> dict[str, str] | None:
    for pair in pairs:
        if "=" not in pair:
            raise ConfigError(f"--series {pair}: give KEY=TEXT, once for each key column")
    return dict(pair.split("=", 1) for pair in pairs) if pairs else None


def _backtest(options: argparse.Namespace) -> None:
    predictor = import_module("loopcast.serving.predictor").Predictor(options.model, chunk=1024)
    rows = _rows(options, predictor.task)
    if options.out:
        writable(Path(options.out))
    done = import_module("loopcast.evaluation.backtest").backtest(
        predictor, rows, options.windows, options.stride
    )
    print(table(done.board, "backtest"))
    for note in done.notes:
        print(note, flush=True)
    if options.out:
        write(done.forecasts, Path(options.out))
    if options.scores:
        keep_json({**done.board, "notes": list(done.notes)}, options.scores)
    for path in filter(None, (options.out, options.scores)):
        print(f"-> {path}")


def _compare(options: argparse.Namespace) -> None:
    if len(options.runs) < 2:
        raise ConfigError("name two runs or more: loopcast compare RUN RUN")
    compare = _module("evaluation.compare")
    run = _module("evaluation.run").Run
    found = compare.comparison([run.read(name) for name in options.runs])
    print(compare.table(found))
    if options.out:
        keep_json(found, options.out)
        print(f"-> {options.out}")


def _rows(options: argparse.Namespace, task: Any) -> Any:
    """From --data, or from the source of --config."""
    if bool(options.data) == bool(getattr(options, "config", None)):
        raise ConfigError("say where the rows are: --config X.yaml, or --data FILE")
    if options.data:
        return read(options.data)
    config = _module("data.config")
    return config.rows_for(task, config.read(options.config))


def _module(name: str) -> Any:
    """A module that needs the data extra."""
    try:
        return import_module(f"loopcast.{name}")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed: pip install 'loopcast[data]'"
        ) from error


def keep_json(facts: Any, path: str) -> None:
    """Written whole; a person's mistake in the path is a sentence."""
    try:
        Path(path).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})") from error
