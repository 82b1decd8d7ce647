"""What a person is told when a config or a flag cannot be, and what need not be told."""

import inspect
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

import lightning as L

from loopcast.training.datamodule import DataModule
from loopcast.training.forecaster import Forecaster

SECTIONS = {"data": DataModule, "model": Forecaster, "trainer": L.Trainer}
TOP = (
    "name",
    "patience",
    "refit",
    "replay",
    "tune",
    "seed_everything",
    "config",
    "ckpt_path",
    "weights_only",
)
TYPES = {
    "<class 'int'>": "a whole number",
    "<class 'float'>": "a number",
    "<class 'bool'>": "true or false",
    "<class 'str'>": "text",
    "<class 'NoneType'>": "null",
}
NOISE = (
    "LightningCLI's args parameter",
    "The .* does not have many workers",
    "Total length of `.*` across ranks is zero",
    "The number of training batches .* is smaller than the logging interval",
    "predict returned None",
    "The dirpath has changed from",
    "Checkpoint directory .* exists and is not empty",
    "Experiment logs directory .* exists and is not empty",
    ".*isinstance\\(treespec, LeafSpec\\).*",
    ".*will be ignored because .*checkpoint.*callbacks used to create",
    "Be aware that when using `ckpt_path`",
    ".*You are using `weights_only`",
    "No device id is provided via `init_process_group`",
    "The `srun` command is available",
)
"""Warnings of Lightning and torch that tell a user of loopcast nothing they could act on."""


def readable(text: str) -> str:
    """The parser's error in one plain sentence, with the nearest known key."""
    place = key[1] if (key := re.search(r'Parser key "([\w.]+)"', text)) else ""
    inner = re.findall(r'Parser key "([\w.]+)"', text)[1:]
    name = ".".join([place, *(["init_args"] if inner else []), *inner])
    for told in (_unknown(text, place), _class_path(text, place), _missing(text, place)):
        if told:
            return told
    if "File does not exist" in text or "Unable to read config" in text:
        return f"there is no config file {_quoted(text)}; check the path"
    if "Problems parsing config" in text:
        return f"the config is not valid YAML: {_flat(text.split(':', 1)[1])}"
    if "Unexpected config" in text:
        return "the config is no list of keys and values; begin it with data:, see docs/configuration.md"
    wrong = re.search(r"Given value: (.*?)\s*$|Got value: ([^.]*)", text, re.S)
    if place and wrong:
        seen = (wrong[1] or wrong[2]).strip()
        return f"{name} is {seen!r}; it must be {_wanted(text)}"
    return text


def nearest(word: str, known: list[str]) -> str:
    """A hint: the nearest of the known words, or all of them."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"


def _unknown(text: str, place: str) -> str | None:
    """A key or flag that nothing takes."""
    if found := re.search(r"Option '([\w.]+)' is not accepted", text):
        path = re.search(r"class_path[ =]'([\w.]+)'", text)
        known = _parameters(path[1]) if path else []
        return f"unknown key {place}.init_args.{found[1]}; {nearest(found[1], known)}"
    if found := re.search(r"does not accept option '([\w.]+)'", text):
        return f"unknown key {found[1]}; {nearest(found[1], _known(found[1]))}"
    if found := re.search(r"unrecognized arguments: --([\w.+-]+)", text):
        return f"unknown flag --{found[1]}; {nearest(found[1], _known(found[1]))}"
    if found := re.search(r"invalid choice: '(\w+)' \(choose from (.*?)\)", text):
        commands = re.findall(r"\w+", found[2])
        return f"there is no command {found[1]!r}; {nearest(found[1], commands)}"
    return None


def _missing(text: str, place: str) -> str | None:
    """A required key that is not there."""
    if not (found := re.search(r"arguments are required: ([\w., ]+)", text)):
        return None
    names = [name.strip().split(".", 1)[-1] for name in found[1].split(",")]
    if place:
        names = [f"{place}.init_args.{name}" for name in names]
    return f"the config lacks {', '.join(names)}; every experiment needs {'it' if len(names) == 1 else 'them'}"


def _class_path(text: str, place: str) -> str | None:
    """A class_path that leads nowhere, or to something else."""
    path = re.search(r"class_path[ =]'([\w.]+)'", text)
    if place and not path:  # named without class_path, as a flag may
        path = re.search(r"Expected a path but ([\w.]+) ", text)
    if found := re.search(r"'([\w.]+)' to be a subclass of <class '([\w.]+)'>", text):
        return f"{place}.class_path: {found[1]} is no {found[2].split('.')[-1]}"
    if not path or not re.search("has no attribute|No module named|Unexpected import|import", text):
        return None
    return f"{place}.class_path: there is no {path[1]}; {_nearest_path(path[1])}"


def _nearest_path(path: str) -> str:
    module, _, name = path.rpartition(".")
    while module and not _exists(module):
        module, _, name = module.rpartition(".")
    if not module:
        return "is its package installed, and on the PYTHONPATH?"
    found = import_module(module)
    inside = [n for n, thing in vars(found).items() if inspect.isclass(thing)]
    inside += [part.name for part in iter_modules(getattr(found, "__path__", []))]
    return nearest(f"{module}.{name}", [f"{module}.{known}" for known in inside])


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _known(key: str) -> list[str]:
    """What could stand where the unknown key stands, dotted like it."""
    section, dot, _ = key.partition(".")
    if dot and section in SECTIONS:
        return [f"{section}.{name}" for name in parameters(SECTIONS[section])]
    every = [f"{s}.{name}" for s, kind in SECTIONS.items() for name in parameters(kind)]
    return every if dot else [*TOP, *SECTIONS]


def parameters(kind: type) -> list[str]:
    """The keys of a section or of `init_args`."""
    return [name for name in inspect.signature(kind).parameters if name != "self"]


def _parameters(path: str) -> list[str]:
    module, _, name = path.rpartition(".")
    known = parameters(getattr(import_module(module), name))
    return [key for key in known if key not in ("task", "widths")]


def _wanted(text: str) -> str:
    """The type in words, of one expectation or of each of a union."""
    if union := re.search(r"Subtypes: \[(.*)\]\n", text):
        kinds = re.split(r", (?![^\[]*\])", union[1])
    else:
        kinds = re.findall(r"Expected a (.*?)\. Got value", text) or ["another type"]
    return " or ".join(_word(kind) for kind in kinds)


def _word(kind: str) -> str:
    kind = kind.replace("typing.", "")
    if kind.startswith("Literal["):
        return " or ".join(part.strip(" '") for part in kind[8:-1].split(","))
    if kind.lower().startswith(("list", "<class 'list", "sequence")):
        inner = re.search(r"\[(.*)\]", kind)
        return "a list" + (" of text" if inner and "str" in inner[1] else "")
    return TYPES.get(kind, TYPES.get(f"<class '{kind}'>", kind))


def _quoted(text: str) -> str:
    found = re.search(r"'([^']+)'", text)
    return found[1] if found else _flat(text)


def _flat(text: str) -> str:
    return " ".join(text.replace('"<unicode string>", ', "").split())


def hush() -> None:
    """For the whole process: without Lightning's tips and what it says of devices and seeds."""
    for name in ("lightning.pytorch", "lightning.fabric", "torch.onnx", "torch.distributed"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message in NOISE:
        warnings.filterwarnings("ignore", message=message)


@contextmanager
def quiet() -> Iterator[None]:
    """The same for a while."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            hush()
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
