"""The commands that judge: what they take, and what they print; each loads what it needs alone."""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from loopcast.core.errors import ConfigError, MissingExtra
from loopcast.core.tables import read, write
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


def _backtest(options: argparse.Namespace) -> None:
    predictor = import_module("loopcast.serving.predictor").Predictor(options.model, chunk=1024)
    rows = _rows(options, predictor.task)
    done = import_module("loopcast.evaluation.backtest").backtest(
        predictor, rows, options.windows, options.stride
    )
    if options.out:
        write(done.forecasts, Path(options.out))
    if options.scores:
        keep_json({**done.board, "notes": list(done.notes)}, options.scores)
    print(table(done.board, "backtest"))
    for note in done.notes:
        print(note)
    for path in filter(None, (options.out, options.scores)):
        print(f"-> {path}")


def _rows(options: argparse.Namespace, task: Any) -> Any:
    """From --data, or from the source of --config."""
    if bool(options.data) == bool(options.config):
        raise ConfigError("say where the rows are: --config X.yaml, or --data FILE")
    if options.data:
        return read(options.data)
    config = _data("config")
    return config.rows_for(task, config.read(options.config))


def _data(name: str) -> Any:
    """A module of the data room, which has an extra of its own."""
    try:
        return import_module(f"loopcast.data.{name}")
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
