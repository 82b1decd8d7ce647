"""What a person is told when a config or a flag cannot be, and what need not be told."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster


def readable(text: str) -> str:
    """The parser's error with the nearest known key."""
    known = DataModule.__init__.__annotations__ | Forecaster.__init__.__annotations__
    words = [w.strip("'\"`.") for w in text.replace("'", " ").split()]
    keys = [w.split(".")[0] for w in words if "does not accept" in text]
    near = [m for w in keys if w not in known for m in get_close_matches(w, known, n=1, cutoff=0.7)]
    return text + (f"; did you mean {near[0]!r}?" if near else "")


@contextmanager
def quiet() -> Iterator[None]:
    """Without what Lightning says of devices and seeds, where nothing is trained."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
