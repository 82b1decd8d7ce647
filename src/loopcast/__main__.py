"""The `loopcast` command; loads only the room that was asked for."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from loopcast.core.errors import ConfigError, DataError, LoopcastError, MissingExtra
from loopcast.core.forecast import Forecast, plain
from loopcast.core.tables import read, write
from loopcast.evaluation import commands as judging

TRAINING = {
    "fit": "train, and export the artifact (as train.py fit)",
    "validate": "score the validation part",
    "test": "score the test part beside seasonal naive",
    "check": "look at the data before a fit: findings, and a page with pictures",
    "plan": "show what a config leads to, without training",
    "tune": "search for better settings by many short fits",
    "export": "write the artifact of a checkpoint again",
}
LOOP = {
    "monitor": "one tick: measure what came, test for drift, raise alarms, learn ranges",
    "models": "versions of the served model: list, show, promote, rollback",
    "ledger": "export the ledger as Parquet, or thin it",
    "retrain": "look whether it is time, train, compare, promote only what is better",
}


def main() -> None:
    """Entry point: a LoopcastError is its message and exit status 2."""
    guarded(lambda: command(sys.argv[1:]))


def train() -> None:
    """Entry point of train.py."""
    guarded(lambda: _training(sys.argv[1:]))


def guarded(work: Callable[[], None]) -> None:
    """Run, and show an error that a person can mend without a traceback."""
    try:
        work()
    except LoopcastError as error:
        print(f"loopcast: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a full disk, a folder where a file should be
        where = f"{error.filename}: " if error.filename else ""
        print(f"loopcast: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)


def command(args: Sequence[str]) -> None:
    """Dispatch `loopcast COMMAND ...`."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # classes of the user's own, as beside train.py
    if args and args[0] in TRAINING:
        _training(args)
        return
    if args and args[0] in LOOP:
        _loop(args)
        return
    options = _parser().parse_args(args)
    options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("loopcast", description="Forecasts from one ONNX file.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    predict = commands.add_parser("predict", help="forecast from rows")
    predict.add_argument("model", help="the artifact, export/NAME.onnx")
    predict.add_argument("--data", required=True, help="history: .csv, .csv.gz or .parquet")
    predict.add_argument(
        "--future",
        action="append",
        default=[],
        help="rows of the known-ahead columns over the horizon; twice or more: scenarios",
    )
    predict.add_argument("--origin", help="the last history time (default: the last complete step)")
    predict.add_argument("--out", help="where the forecast goes: .csv or .parquet")
    predict.add_argument(
        "--total-by",
        action="append",
        default=[],
        metavar="COLUMN",
        help="forecast the sums over series with the same text here instead (a key or static"
        " category; A,B: by both; all: over everything); may be repeated",
    )
    predict.add_argument("--picture", help="a .png of some forecasts (needs the report extra)")
    predict.add_argument("--compare", help="a .png of the scenarios (needs the report extra)")
    predict.set_defaults(run=_predict)
    judging.add(commands)
    report = commands.add_parser("report", help="a run's scores, forecasts and losses as one page")
    report.add_argument(
        "which", metavar="run", help="a run's folder, or its name below checkpoints/"
    )
    report.add_argument("--out", help="the HTML page (default: report.html in the run's folder)")
    report.set_defaults(run=_report)
    show = commands.add_parser("show", help="what an artifact says of itself")
    show.add_argument("model")
    show.set_defaults(run=_show)
    _serving_commands(commands)
    for name, text in (TRAINING | LOOP).items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


def _serving_commands(commands: Any) -> None:
    serve = commands.add_parser("serve", help="answer forecasts over HTTP")
    serve.add_argument("artifact", nargs="?", help="the artifact to serve, export/NAME.onnx")
    serve.add_argument("--config", help="the service's YAML, as configs/service/*.yaml")
    serve.add_argument("--host", help="the address to listen at (default: this machine only)")
    serve.add_argument("--port", type=int, help="default: 8080")
    serve.set_defaults(run=_serve)
    key = commands.add_parser("key", help="make a key for a client of the service")
    key.set_defaults(run=_key)


def _training(args: Sequence[str]) -> None:
    try:
        cli = import_module("loopcast.training.cli")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed: pip install 'loopcast[train]'"
        ) from error
    if args and args[0] == "check":
        _check(args[1:], cli)
    elif args and args[0] == "plan":
        cli.plan(args[1:])
    elif args and args[0] == "tune":
        import_module("loopcast.training.tune").tune(args[1:])
    elif args and args[0] == "export":
        import_module("loopcast.training.again").export_again(args[1:])
    else:
        cli.main(args)


def _check(args: Sequence[str], cli: Any) -> None:
    """Exit status 2 where a fit would stop."""
    parser = argparse.ArgumentParser(
        "loopcast check",
        description=f"{TRAINING['check'].capitalize()}. Further flags are those of fit.",
    )
    parser.add_argument("--strict", action="store_true", help="exit status 2 on warnings as well")
    parser.add_argument("--page", help="the HTML page (default: checkpoints/NAME/check.html)")
    options, rest = parser.parse_known_args(args)
    examined, strict, folder = cli.examined(rest)
    page = Path(options.page) if options.page else folder / "check.html"
    checking = import_module("loopcast.training.checking")
    draw = import_module("loopcast.evaluation.check_page").check_page
    report = examined.report
    checking.keep(report, page.with_name(checking.FINDINGS))
    drawn = draw(report, examined.panel, examined.task, examined.splits)
    page.write_text(drawn, encoding="utf-8")
    print(report.table())
    print(f"\nthe page with pictures is {page}, for programs: {page.with_name(checking.FINDINGS)}")
    if report.errors or (report.warnings and (strict or options.strict)):
        sys.exit(2)


def _serve(options: argparse.Namespace) -> None:
    server = _service("server")
    server.serve(server.Start(options.artifact, options.config, options.host, options.port))


def _loop(args: Sequence[str]) -> None:
    load = _service("settings").load
    if args[0] == "monitor":
        import_module("loopcast.monitoring.command").monitor(args[1:], load)
        return
    if args[0] == "ledger":
        print(_service("ledger").ledger(args[1:]))
        return
    if args[0] == "models":
        import_module("loopcast.lifecycle.versions").command(args[1:], load)
        return
    try:
        retrain = import_module("loopcast.lifecycle.command").retrain
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed: pip install 'loopcast[serve,train]'"
        ) from error
    retrain(args[1:], load)


def _key(_: argparse.Namespace) -> None:
    key, digest = _service("keys").new_key()
    print(f"key, for the client, shown once: {key}\nsha256, for the config: {digest}")


def _service(name: str) -> Any:
    try:
        return import_module(f"loopcast.service.{name}")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed: pip install 'loopcast[serve]'"
        ) from error


def _show(options: argparse.Namespace) -> None:
    predictor = import_module("loopcast.serving.predictor").Predictor(options.model)
    print(json.dumps(json.loads(predictor.task.to_json()), indent=2))
    print(json.dumps(predictor.card, indent=2))


def _report(options: argparse.Namespace) -> None:
    try:
        page = import_module("loopcast.evaluation.run_page")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed: pip install 'loopcast[data]'"
        ) from error
    run = import_module("loopcast.evaluation.run").Run.read(options.which)
    print(f"the report is {page.report(run, Path(options.out) if options.out else None)}")


def _predict(options: argparse.Namespace) -> None:
    if not (options.out or options.picture or options.compare):
        raise ConfigError("say where the forecast goes: --out FILE.csv (or --picture, --compare)")
    if options.total_by and (options.compare or len(options.future) > 1):
        raise ConfigError("--total-by is of one forecast: give one --future and no --compare")
    if options.compare or len(options.future) > 1:
        _scenarios(options)
        return
    predictor = import_module("loopcast.serving.predictor").Predictor(options.model)
    history = read(options.data)
    future = read(options.future[0]) if options.future else None
    forecast = predictor.predict(history, future, options.origin)
    if options.total_by:
        _totals(forecast, predictor.card, options)
        return
    if options.out:
        write(forecast.columns(), Path(options.out))
    _summary(forecast, options.out or options.picture)
    if options.picture:
        _plots().picture(forecast, history, predictor.task, Path(options.picture))


def _totals(forecast: Forecast, card: Mapping[str, Any], options: argparse.Namespace) -> None:
    """Sums over series, one level below the other; the series' own forecasts are left out."""
    if not options.out or options.picture:
        raise ConfigError("--total-by writes a file of sums: name --out FILE.csv, no --picture")
    if len(set(options.total_by)) < len(options.total_by):
        raise ConfigError(f"--total-by names a level twice: {' '.join(options.total_by)}")
    found = import_module("loopcast.core.totals").totals(forecast, options.total_by, card)
    columns = dict.fromkeys(name for _, total in found for name in total.keys)
    tables = []
    for _, total in found:
        count = total.quantiles.shape[0] * total.quantiles.shape[1]
        blank = dict.fromkeys(columns, np.full(count, "", dtype=object))
        tables.append({**blank, **total.columns()})
    write(stacked("total_by", dict(zip(options.total_by, tables, strict=True))), Path(options.out))
    for name, total in found:
        _summary(total, f"{name}: {options.out}", "totals")


def _scenarios(options: argparse.Namespace) -> None:
    """One forecast for each --future file, named by it."""
    if len(options.future) < 2 or options.picture:
        raise ConfigError(
            "--compare draws scenarios: give --future FILE for each of two or more"
            if len(options.future) < 2
            else "--picture is of one forecast; for two or more --future files use --compare"
        )
    predictor = import_module("loopcast.serving.predictor").Predictor(options.model)
    if not predictor.task.future.names:
        raise DataError(
            "this model has no known-ahead columns, so scenarios cannot differ;"
            " name some in data.future and train again"
        )
    history = read(options.data)
    forecasts: dict[str, Forecast] = {}
    for name, path in zip(_names(options.future), options.future, strict=True):
        try:
            forecasts[name] = predictor.predict(history, read(path), options.origin)
        except DataError as error:
            raise type(error)(f"with --future {path}: {error}") from error
    if options.out:
        tables = {name: forecast.columns() for name, forecast in forecasts.items()}
        write(stacked("scenario", tables), Path(options.out))
    for name, forecast in forecasts.items():
        _summary(forecast, f"{name}: {options.out or options.compare}")
    if options.compare:
        _plots().compare(forecasts, history, predictor.task, Path(options.compare))


def _names(paths: Sequence[str]) -> list[str]:
    """The files' stems, or the paths where two stems are the same."""
    if len(set(paths)) < len(paths):
        raise ConfigError(f"a --future file is named twice: {', '.join(paths)}")
    stems = [Path(path).name.split(".")[0] for path in paths]
    return stems if len(set(stems)) == len(stems) else list(paths)


def stacked(title: str, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The tables' columns one below the other, and before them the table of each row."""
    lengths = [len(next(iter(table.values()))) for table in tables.values()]
    named = np.repeat(np.array(list(tables), dtype=object), lengths)
    first = next(iter(tables.values()))
    return {title: named} | {
        column: np.concatenate([table[column] for table in tables.values()]) for column in first
    }


def _plots() -> Any:
    try:
        return import_module("loopcast.evaluation.plots")
    except ModuleNotFoundError as error:
        raise MissingExtra("pictures need: pip install 'loopcast[report]'") from error


def _summary(forecast: Forecast, out: str, what: str = "series") -> None:
    steps = forecast.quantiles.shape[1]
    origin = plain(np.sort(forecast.origin)[-1:])[0]
    print(f"{len(forecast):,} {what}, {steps} steps after {origin} -> {out}", file=sys.stderr)
    warned = [i for i, remarks in enumerate(forecast.warnings) if remarks]
    if warned:
        key = ", ".join(str(texts[warned[0]]) for texts in forecast.keys.values())
        remark = forecast.warnings[warned[0]][0]
        print(f"{len(warned):,} series have warnings, e.g. {key}: {remark}", file=sys.stderr)


if __name__ == "__main__":
    main()
