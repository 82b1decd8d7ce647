"""What an operator sets, in one YAML file. Unknown names are refused; every limit has a default."""

import ipaddress
import re
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from loopcast.core.environment import expand
from loopcast.core.errors import ConfigError
from loopcast.store.database import Durability

Scope = Literal["predict", "actuals", "review", "admin"]
SCOPES: tuple[Scope, ...] = ("predict", "actuals", "review", "admin")


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of the file."""


class Limits(Section, frozen=True, kw_only=True):
    """What a client may ask of the service."""

    body_bytes: int = 16 << 20
    decompressed_bytes: int = 64 << 20
    series: int = 5_000
    rows: int = 1_000_000
    actuals: int = 100_000
    horizon: int | None = None  # the model's own where None
    seconds: float = 30.0  # from the first byte to the answer
    concurrency: int = 64  # requests at work at one time; more are sent away with 429


class Key(Section, frozen=True, kw_only=True):
    """One client. `sha256` is the hex digest of its key, as `loopcast key` prints it."""

    name: str
    sha256: str
    scopes: tuple[Scope, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ConfigError(
                f"key {self.name!r}: sha256 must be 64 hex digits, never the key itself;"
                " `loopcast key` makes both"
            )


class Listen(Section, frozen=True, kw_only=True):
    """`open`: serve other machines without keys (never admin routes)."""

    host: str = "127.0.0.1"
    port: int = 8080
    open: bool = False
    grace_seconds: float = 20.0  # for requests in flight after SIGTERM
    notice_seconds: float = 0.0  # between readiness 503 and the listener's end: for load balancers


class Store(Section, frozen=True, kw_only=True):
    """Where the ledger and the registry are."""

    url: str
    durability: Durability = "process"


class History(Section, frozen=True, kw_only=True):
    """The operator's own query, by series key; see loopcast.store.history.

    `actuals`: values that clients sent replace and continue what the query gives.
    """

    url: str
    query: str
    parameters: dict[str, Any] = {}
    max_rows: int = 2_000_000
    actuals: bool = True


class Future(Section, frozen=True, kw_only=True):
    """An HTTP service that knows the known-ahead columns; see docs/service.md for what it is sent.

    `fallback`, when it fails: "missing" (the forecast goes on without, with a warning), "season"
    (the values of a season ago, with a warning) or "refuse" (503).
    """

    url: str
    timeout: float = 2.0
    retries: int = 2
    cache_seconds: float = 300.0
    fallback: Literal["missing", "season", "refuse"] = "missing"
    bearer_variable: str | None = None  # the environment variable that holds its key


class Retention(Section, frozen=True, kw_only=True):
    """Ages in days; see loopcast.store.retention."""

    repeats: int | None = None
    histories: int | None = None
    forecasts: int | None = None

    def __post_init__(self) -> None:
        for name in ("repeats", "histories", "forecasts"):
            if (days := getattr(self, name)) is not None and days < 0:
                raise ConfigError(f"retention: {name} is {days}; it is an age in days, 0 or more")


class Reviews(Section, frozen=True, kw_only=True):
    """What people are asked; see loopcast.store.routing for what is worth it."""

    size: int = 20  # questions open at one time; 0: nobody is asked
    share: float = 0.1  # of them drawn at random, for honesty
    days: float = 14.0  # a question stays open
    blind: bool = True  # the forecast is hidden until a person asks for it
    seed: int = 1  # of the draw
    seconds: float = 60.0  # between two fillings

    def __post_init__(self) -> None:
        if self.size < 0 or not 0 <= self.share <= 1 or self.days <= 0 or self.seconds <= 0:
            raise ConfigError(
                f"reviews: size {self.size}, share {self.share:g}, days {self.days:g}, seconds"
                f" {self.seconds:g}; share lies from 0 to 1, size is 0 or more, the others above 0"
            )


class Settings(Section, frozen=True, kw_only=True):
    """The whole file. `monitoring` and `retrain` are read by their own commands."""

    model: str
    store: Store
    artifact: str | None = None  # promoted at the start where nothing is promoted yet
    models: str = "models"  # the folder of the versions' files
    listen: Listen = Listen()
    keys: tuple[Key, ...] = ()
    limits: Limits = Limits()
    history: History | None = None
    future: Future | None = None
    retention: Retention = Retention()
    reviews: Reviews = Reviews()
    poll_seconds: float = 2.0  # how often the registry is asked for a promotion
    threads: int = 1  # of onnxruntime, for one run
    recalibrate: bool = False  # ranges are moved by what monitoring learnt of late
    monitoring: dict[str, Any] = {}
    retrain: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", self.model):
            raise ConfigError(
                f"model is {self.model!r}; a name has letters, digits, _ and -, 64 at most"
            )
        if not self.keys and not self.listen.open and not self.local:
            raise ConfigError(
                f"host {self.listen.host!r} is reached from other machines, and no keys are set;"
                " set keys (`loopcast key`), or listen.open to serve everybody"
            )

    @property
    def local(self) -> bool:
        """Only this machine reaches the address."""
        if self.listen.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.listen.host).is_loopback
        except ValueError:
            return False


def load(path: str | Path) -> Settings:
    """Read a file; ${NAME} and ${NAME:-default} expand in every text. Raises ConfigError."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    return settings(raw if isinstance(raw, dict) else {}, str(path))


def settings(raw: dict[str, Any], name: str = "the config") -> Settings:
    """Plain values -> Settings; raises ConfigError that names the field."""
    history = raw.get("history") if isinstance(raw, dict) else None
    query = history.get("query") if isinstance(history, dict) else None
    expanded = _expand(raw)
    if query is not None:
        expanded["history"]["query"] = query  # a query is never put together from texts
    try:
        return msgspec.convert(expanded, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {error}") from error


def _expand(value: Any) -> Any:
    if isinstance(value, str):
        return expand(value)
    if isinstance(value, dict):
        return {name: _expand(one) for name, one in value.items()}
    return [_expand(one) for one in value] if isinstance(value, list) else value
