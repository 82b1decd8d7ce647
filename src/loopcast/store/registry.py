"""Versions of a model: which file, which status, who promoted it and why.

A version's file never changes: its SHA-256 is compared before it is opened. One version at most
is promoted, a unique index of the database sees to it; promoting retires the one before in the
same transaction. Events are only ever added.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from loopcast.core.errors import ArtifactError, LoopcastError
from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.schema import events, versions

Status = Literal["candidate", "promoted", "retired"]
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


@dataclass(frozen=True)
class Event:
    """Something that happened to a version."""

    at: int
    version: int
    what: str
    why: str
    who: str


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def read_artifact(path: str | Path) -> bytes:
    """The bytes of a file that is not absurdly large; raises ArtifactError."""
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise ArtifactError(f"{path} has more than {MAX_BYTES >> 20} MiB")
        return Path(path).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}); check the path") from error


class Registry:
    """One model's versions in a database; `folder`: where their files are kept, if copied."""

    def __init__(self, database: Database, model: str, folder: Path | None = None) -> None:
        self.database, self.model, self.folder = database, model, folder

    def register(
        self,
        source: str | Path,
        task: Mapping[str, Any],
        card: Mapping[str, Any],
        *,
        scores: Mapping[str, Any] | None = None,
        why: str = "",
        who: str = "",
    ) -> Version:
        """A new candidate, or the version that these bytes already are.

        The file is copied into the folder, complete or not at all; without a folder it stays
        where it is.
        """
        content = read_artifact(source)
        known = digest(content)
        path = str(Path(source).resolve()) if self.folder is None else self._keep(content, known)
        with self.database.writing() as connection:
            self._lock(connection)
            found = connection.execute(
                sa.select(versions).where(self._mine, versions.c.digest == known)
            ).one_or_none()
            if found is not None:
                connection.execute(
                    sa.update(versions)
                    .where(self._mine, versions.c.digest == known)
                    .values(path=path)
                )
                return _version(found, path)
            highest = connection.execute(
                sa.select(sa.func.max(versions.c.version)).where(self._mine)
            ).scalar()
            number = int(highest or 0) + 1
            row = {
                "model": self.model,
                "version": number,
                "digest": known,
                "path": path,
                "status": "candidate",
                "task": json.dumps(task, ensure_ascii=False),
                "card": json.dumps(card, ensure_ascii=False),
                "scores": json.dumps(scores or {}, ensure_ascii=False),
                "registered_at": now(),
            }
            connection.execute(sa.insert(versions), row)
            self._event(connection, number, "registered", why, who)
        return self.version(number)

    def promote(self, version: int, *, why: str = "", who: str = "") -> Version:
        """Make it the one that serves; the one before retires. Raises UnknownVersion."""
        with self.database.writing() as connection:
            self._lock(connection)
            self._require(connection, version)
            before = connection.execute(
                sa.select(versions.c.version).where(self._mine, versions.c.status == "promoted")
            ).scalar()
            if before != version:
                if before is not None:
                    self._set(connection, before, "retired")
                    self._event(connection, before, "retired", f"version {version} took over", who)
                self._set(connection, version, "promoted")
                self._event(connection, version, "promoted", why, who)
        return self.version(version)

    def rollback(self, *, why: str = "", who: str = "") -> Version:
        """Promote the version that was promoted before this one. Raises UnknownVersion."""
        current = self.promoted()
        with self.database.reading() as connection:
            earlier = sa.select(events.c.version).where(
                events.c.model == self.model, events.c.what == "promoted"
            )
            if current is not None:
                earlier = earlier.where(events.c.version != current.version)
            found = connection.execute(earlier.order_by(events.c.id.desc()).limit(1)).scalar()
        if found is None:
            raise UnknownVersion(f"{self.model} has no earlier promoted version to go back to")
        return self.promote(found, why=why or "rollback", who=who)

    def note(self, version: int, what: str, why: str, who: str = "") -> None:
        """Add an event, e.g. that a version was refused by its self-test."""
        with self.database.writing() as connection:
            self._event(connection, version, what, why, who)

    def set_scores(self, version: int, scores: Mapping[str, Any]) -> None:
        """What a comparison found; raises UnknownVersion."""
        with self.database.writing() as connection:
            self._require(connection, version)
            connection.execute(
                sa.update(versions)
                .where(self._mine, versions.c.version == version)
                .values(scores=json.dumps(scores, ensure_ascii=False))
            )

    def promoted(self) -> Version | None:
        """The one that serves."""
        return self._one(versions.c.status == "promoted")

    def version(self, version: int) -> Version:
        """Raises UnknownVersion."""
        found = self._one(versions.c.version == version)
        if found is None:
            raise UnknownVersion(f"{self.model} has no version {version}")
        return found

    def versions(self) -> list[Version]:
        """All of them, oldest first."""
        with self.database.reading() as connection:
            query = sa.select(versions).where(self._mine).order_by(versions.c.version)
            return [_version(row) for row in connection.execute(query)]

    def events(self, limit: int = 100) -> list[Event]:
        """The newest first."""
        query = sa.select(
            events.c.at, events.c.version, events.c.what, events.c.why, events.c.who
        ).where(events.c.model == self.model)
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(events.c.id.desc()).limit(limit))
            return [Event(*row) for row in rows]

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return versions.c.model == self.model

    def _lock(self, connection: sa.Connection) -> None:
        """One change at a time; on SQLite the transaction is that already."""
        if connection.dialect.name == "postgresql":
            connection.execute(
                sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(self.model)))
            )

    def _one(self, where: sa.ColumnElement[bool]) -> Version | None:
        with self.database.reading() as connection:
            row = connection.execute(sa.select(versions).where(self._mine, where)).one_or_none()
        return None if row is None else _version(row)

    def _require(self, connection: sa.Connection, version: int) -> None:
        query = sa.select(versions.c.version).where(self._mine, versions.c.version == version)
        if connection.execute(query).scalar() is None:
            raise UnknownVersion(f"{self.model} has no version {version}")

    def _set(self, connection: sa.Connection, version: int, status: Status) -> None:
        change = sa.update(versions).where(self._mine, versions.c.version == version)
        connection.execute(change.values(status=status))

    def _event(
        self, connection: sa.Connection, version: int, what: str, why: str, who: str
    ) -> None:
        row = {"at": now(), "model": self.model, "version": version}
        connection.execute(sa.insert(events), row | {"what": what, "why": why, "who": who})

    def _keep(self, content: bytes, known: str) -> str:
        """Content-addressed, so that a kill leaves a complete file or a .part that nobody reads."""
        assert self.folder is not None
        folder = self.folder / self.model
        path = folder / f"{known[:16]}.onnx"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
                    part.write(content)
                    part.flush()
                    os.fsync(part.fileno())
                os.replace(part.name, path)  # noqa: PTH105 - atomic
        except OSError as error:
            raise ArtifactError(f"{path} cannot be written ({error.strerror})") from error
        return str(path.resolve())


def _version(row: sa.Row[Any], path: str | None = None) -> Version:
    task, card, scores = (json.loads(text) for text in (row.task, row.card, row.scores))
    place = path or row.path
    return Version(
        row.model, row.version, row.digest, place, row.status, task, card, scores, row.registered_at
    )
