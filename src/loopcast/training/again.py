"""`loopcast export`: a checkpoint -> the artifact, by the run's own config."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from loopcast.core.errors import ConfigError
from loopcast.training.checkpoint import task_of
from loopcast.training.cli import parsed
from loopcast.training.finish import export_checkpoint
from loopcast.training.messages import quiet
from loopcast.training.refit import NAME, export_refitted, refitted


def export_again(args: Sequence[str]) -> None:
    """Of `CHECKPOINT`, or of the best one of the run that `--config X` names."""
    parser = argparse.ArgumentParser(
        "loopcast export",
        usage="loopcast export [CHECKPOINT] [--config FILE] [--out FILE]",
        description="Write the artifact of a checkpoint, and prove it on the data it was fitted on.",
        epilog="CHECKPOINT is a .ckpt file (default: the config's best). Further flags are those of fit.",
    )
    parser.add_argument(
        "--config", action="append", help="the YAML (default: config.yaml beside the checkpoint)"
    )
    parser.add_argument("--out", type=Path, help="the artifact (default: export/NAME.onnx)")
    place = _positional(args)
    named = None if place is None else Path(args[place])
    options, rest = parser.parse_known_args([one for i, one in enumerate(args) if i != place])
    with quiet():
        flags = [f"--config={one}" for one in options.config or [_beside(named)]]
        cli = parsed([*flags, *rest], run=False)
        checkpoint = named or cli.folder / "best.ckpt"
        if not checkpoint.is_file():
            raise ConfigError(f"there is no {checkpoint}; run fit first, or name another")
        cli.datamodule.known = task_of(checkpoint)
        cli.datamodule.setup("export")
        out = options.out or Path("export") / f"{cli.run_name}.onnx"
        parts = cli.model, cli.datamodule
        if named in (None, checkpoint.with_name(NAME)) and refitted(checkpoint.parent):
            done = export_refitted(*parts, checkpoint.parent, cli.run_name, out)
        else:
            done = export_checkpoint(*parts, checkpoint, cli.run_name, out)
    print(f"the artifact is {done.path}")


def _positional(args: Sequence[str]) -> int | None:
    """The first argument that is neither a flag nor the value of the flag before it."""
    for i, one in enumerate(args):
        before = args[i - 1] if i else ""
        if not one.startswith("-") and not (before.startswith("-") and "=" not in before):
            return i
    return None


def _beside(checkpoint: Path | None) -> Path:
    """The config of the run that a checkpoint is of."""
    if checkpoint is None:
        raise ConfigError("say which: loopcast export CHECKPOINT, or --config FILE for its best")
    if not checkpoint.is_file():
        raise ConfigError(f"there is no checkpoint {checkpoint}; checkpoints/ holds the runs")
    beside = checkpoint.with_name("config.yaml")
    if not beside.is_file():
        raise ConfigError(f"there is no {beside}, which says what data it is of; name --config")
    return beside
