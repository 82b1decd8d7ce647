"""One artifact of a model as the registry knows it, and what happened to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loopcast.core.errors import ArtifactError, LoopcastError
from loopcast.store.folders import digest

Status = Literal["candidate", "challenger", "promoted", "retired"]
Alias = Literal["champion", "challenger"]
ALIASES: dict[Alias, Status] = {"champion": "promoted", "challenger": "challenger"}
MAX_BYTES = 1 << 30


class UnknownVersion(LoopcastError):
    """The registry holds no such version."""


@dataclass(frozen=True)
class Version:
    """One artifact of a model."""

    model: str
    version: int
    digest: str
    path: str
    status: Status
    task: Mapping[str, Any]
    card: Mapping[str, Any]
    scores: Mapping[str, Any]
    registered_at: int

    def content(self) -> bytes:
        """The artifact; raises ArtifactError where it is gone or no longer what was registered."""
        content = read_artifact(self.path)
        if digest(content) != self.digest:
            raise ArtifactError(
                f"{self.path} is not what was registered as version {self.version} (its SHA-256"
                " differs); restore it, or register the new file as a version of its own"
            )
        return content

    @property
    def seen_until(self) -> int | None:
        """The last step of the data that chose its weights; None where its card does not say."""
        data = self.card.get("data") or {}
        parts = [data[name] for name in ("train", "validation") if isinstance(data.get(name), int)]
        if parts:
            return max(parts)
        return data["last"] if isinstance(data.get("last"), int) else None


@dataclass(frozen=True)
class Event:
    """Something that happened to a version."""

    at: int
    version: int
    what: str
    why: str
    who: str


def read_artifact(path: str | Path) -> bytes:
    """The bytes of a file that is not absurdly large; raises ArtifactError."""
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise ArtifactError(f"{path} has more than {MAX_BYTES >> 20} MiB")
        return Path(path).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}); check the path") from error
