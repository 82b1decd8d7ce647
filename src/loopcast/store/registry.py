"""Versions of a model: which file, which status, who promoted it and why.

A version's file never changes: its SHA-256 is compared before it is opened. Two aliases name
versions, `champion` (the status "promoted") and `challenger`; a unique index of the database keeps
each to one version, and moving one is a transaction with the event that tells of it. Events are
only ever added.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from loopcast.core.errors import LoopcastError
from loopcast.store import folders
from loopcast.store.clock import now
from loopcast.store.database import Database
from loopcast.store.folders import digest
from loopcast.store.model_card import model_card
from loopcast.store.schema import events, versions
from loopcast.store.version import (
    ALIASES,
    Alias,
    Event,
    Status,
    UnknownVersion,
    Version,
    read_artifact,
)

CARD = "card.md"
UNDONE = "rolled back"
"""The event of a version that was gone back from."""


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
        config: bytes | None = None,
        why: str = "",
        who: str = "",
    ) -> Version:
        """A new candidate, or the version that these bytes already are.

        Its folder, with `config` (the YAML that trained it), is there complete or not at all;
        without `folder` the file stays where it is.
        """
        content = read_artifact(source)
        known = digest(content)
        row: dict[str, Any] = {
            "model": self.model,
            "digest": known,
            "status": "candidate",
            "task": _json(task),
            "card": _json(card),
            "scores": _json(scores or {}),
            "registered_at": now(),
        }
        part = self._prepare(content, card, config)
        try:
            with self.database.writing() as connection:
                self._lock(connection)
                found = self._same(connection, known)
                number = found or self._next(connection, known)
                row["path"] = self._path(source, number)
                if part is not None and (found is None or not _intact(row["path"], known)):
                    folders.place(part, Path(row["path"]).parent)
                if found is None:
                    connection.execute(sa.insert(versions), {**row, "version": number})
                    self._event(connection, number, "registered", why, who)
                else:
                    mine = sa.and_(self._mine, versions.c.version == number)
                    connection.execute(sa.update(versions).where(mine).values(path=row["path"]))
        finally:
            if part is not None:
                folders.drop(part)
        return self.version(number)

    def promote(
        self, version: int, *, why: str = "", who: str = "", instead_of: int | None = None
    ) -> Version:
        """Make it the champion; the one before retires. Raises UnknownVersion, ArtifactError.

        `instead_of`: the champion that it was compared with; LoopcastError where another one serves.

        The file is verified and the model card written first: whatever ends the process before
        the transaction is through leaves the old champion.
        """
        return self._promoted(version, why, who, instead_of, "retired")

    def _promoted(
        self, version: int, why: str, who: str, instead_of: int | None, left: str
    ) -> Version:
        """`left`: what is said of the champion before it."""
        found = self.version(version)
        found.content()
        if Path(found.path).with_name(folders.SUMS).is_file():  # else a file of the operator's own
            text = model_card(
                self.model, version, found.digest, found.task, found.card, found.scores, now(),
                why, who,
            )  # fmt: skip
            folders.replace_file(Path(found.path).with_name(CARD), text.encode())
        return self._move("champion", version, why, who, instead_of, left)

    def challenge(self, version: int, *, why: str = "", who: str = "") -> Version:
        """Make it the challenger, which is compared and does not serve. Raises UnknownVersion."""
        return self._move("challenger", version, why, who)

    def withdraw(self, version: int, *, why: str = "", who: str = "") -> Version:
        """A version that may not take over retires; the champion cannot. Raises UnknownVersion."""
        with self.database.writing() as connection:
            self._lock(connection)
            self._require(connection, version)
            if self._holder(connection, "champion") == version:
                raise LoopcastError(f"version {version} serves; promote another one instead")
            self._set(connection, version, "retired")
            self._event(connection, version, "withdrawn", why, who)
        return self.version(version)

    def rollback(self, *, why: str = "", who: str = "") -> Version:
        """Promote the version that was promoted before this one. Raises UnknownVersion."""
        found = self.previous()
        if found is None:
            raise UnknownVersion(f"{self.model} has no earlier promoted version to go back to")
        return self.go_back(found, self.promoted(), why=why or "rollback", who=who)

    def go_back(self, version: int, left: Version | None, *, why: str, who: str) -> Version:
        """Promote an earlier version; `left`, the champion, counts as undone: none goes back to it.

        Raises LoopcastError where another one serves by now.
        """
        instead = None if left is None else left.version
        return self._promoted(version, why, who, instead, UNDONE)

    def previous(self) -> int | None:
        """The version that was promoted before the champion, and not undone since."""
        current = self.promoted()
        query = sa.select(events.c.version, events.c.what).where(
            events.c.model == self.model, events.c.what.in_(("promoted", UNDONE))
        )
        with self.database.reading() as connection:
            told = connection.execute(query.order_by(events.c.id.desc())).all()
        passed = set() if current is None else {current.version}
        for version, what in told:  # the newest first; its first word on a version is the last one
            if version not in passed and what == "promoted":
                return int(version)
            passed.add(version)
        return None

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
        """The champion: the one that serves."""
        return self.alias("champion")

    def alias(self, name: Alias) -> Version | None:
        """The version that an alias names."""
        return self._one(versions.c.status == ALIASES[name])

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

    def _move(
        self, alias: Alias, version: int, why: str, who: str, instead_of: int | None = None,
        left: str = "retired",
    ) -> Version:  # fmt: skip
        with self.database.writing() as connection:
            self._lock(connection)
            self._require(connection, version)
            before = self._holder(connection, alias)
            if instead_of is not None and before not in (instead_of, version):
                raise LoopcastError(
                    f"version {before} was promoted meanwhile; version {version} was compared with"
                    f" version {instead_of}, so it does not take over"
                )
            if before != version:
                if before is not None:
                    self._set(connection, before, "retired")
                    self._event(connection, before, left, f"version {version} took over", who)
                self._set(connection, version, ALIASES[alias])
                what = "promoted" if alias == "champion" else alias
                self._event(connection, version, what, why, who)
        return self.version(version)

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

    def _holder(self, connection: sa.Connection, alias: Alias) -> int | None:
        query = sa.select(versions.c.version).where(self._mine)
        return connection.execute(query.where(versions.c.status == ALIASES[alias])).scalar()

    def _same(self, connection: sa.Connection, known: str) -> int | None:
        query = sa.select(versions.c.version).where(self._mine, versions.c.digest == known)
        return connection.execute(query).scalar()

    def _next(self, connection: sa.Connection, known: str) -> int:
        """Not one whose folder holds another artifact: a store of its own may have registered that."""
        query = sa.select(sa.func.max(versions.c.version)).where(self._mine)
        number = int(connection.execute(query).scalar() or 0) + 1
        while self.folder is not None and folders.taken(
            self.folder / self.model / str(number), known
        ):
            number += 1
        return number

    def _prepare(
        self, content: bytes, card: Mapping[str, Any], config: bytes | None
    ) -> Path | None:
        if self.folder is None:
            return None
        files = {f"{self.model}.onnx": content, "card.json": _json(card).encode()}
        if config is not None:
            files["config.yaml"] = config
        return folders.prepare(self.folder / self.model, files)

    def _path(self, source: str | Path, number: int) -> str:
        if self.folder is None:
            return str(Path(source).resolve())
        return str((self.folder / self.model / str(number) / f"{self.model}.onnx").resolve())


def _intact(path: str, known: str) -> bool:
    return Path(path).is_file() and digest(read_artifact(path)) == known


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _version(row: sa.Row[Any]) -> Version:
    task, card, scores = (json.loads(text) for text in (row.task, row.card, row.scores))
    return Version(
        row.model, row.version, row.digest, row.path, row.status, task, card, scores,
        row.registered_at,
    )  # fmt: skip
