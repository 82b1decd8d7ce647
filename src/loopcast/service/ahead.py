"""Known-ahead columns that a request leaves out: looked up, or asked of the operator's service."""

import http.client
import json
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from loopcast.core.errors import ConfigError, LoopcastError
from loopcast.service.instance import Part, fill_rest
from loopcast.service.problem import Problem
from loopcast.service.served import Served
from loopcast.service.settings import Future
from loopcast.store.series import key_text

log = logging.getLogger("loopcast.service")
LARGEST = 16 << 20
"""Bytes of an answer."""
REMEMBERED = 50_000

Columns = dict[str, list[Any]]
"""One series: column -> values, one a step."""
Asked = tuple[str | int, ...]
"""A key, the first time and how many there are, and the columns: another version asks for others."""


class FutureFailed(LoopcastError):
    """The operator's service did not answer, or not as agreed."""


class FutureService:
    """Asks the one address in the config, remembers for a while, tries again, follows no redirect."""

    def __init__(self, facts: Future) -> None:
        self.facts = facts
        self._address = urlsplit(facts.url)
        if self._address.scheme not in {"http", "https"} or not self._address.hostname:
            raise ConfigError(f"future: url is {facts.url!r}; it must be http:// or https://")
        self._known: dict[Asked, tuple[float, Columns]] = {}
        self._lock = threading.Lock()

    def ask(
        self, keys: Sequence[Mapping[str, str]], times: Sequence[list[Any]], names: Sequence[str]
    ) -> list[Columns]:
        """The columns of each series at its times; raises FutureFailed."""
        named: list[Asked] = [
            (key_text(key), str(at[0]), len(at), *names)
            for key, at in zip(keys, times, strict=True)
        ]
        until = time.monotonic()
        with self._lock:
            found = {n: self._known[n][1] for n in named if self._known.get(n, (0,))[0] > until}
        missing = [i for i, one in enumerate(named) if one not in found]
        if missing:
            series = [{"key": dict(keys[i]), "times": times[i]} for i in missing]
            fresh = self._post({"columns": list(names), "series": series})
            checked = _checked(fresh, [len(times[i]) for i in missing], names)
            found |= {named[i]: one for i, one in zip(missing, checked, strict=True)}
            self._remember({named[i]: found[named[i]] for i in missing})
        return [found[one] for one in named]

    def _remember(self, fresh: dict[Asked, Columns]) -> None:
        until = time.monotonic() + self.facts.cache_seconds
        with self._lock:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            self._known |= {name: (until, columns) for name, columns in fresh.items()}

    def _post(self, body: Mapping[str, Any]) -> Any:
        content = json.dumps(body).encode()
        why = ""
        for attempt in range(self.facts.retries + 1):
            if attempt:
                time.sleep(min(0.1 * 2 ** (attempt - 1), 1.0))
            try:
                status, answer = self._once(content)
            except (OSError, http.client.HTTPException) as error:
                why = type(error).__name__
                continue
            if status == 200:
                return _json(answer)
            why = f"status {status}"
            if status < 500 and status != 429:
                break
        raise FutureFailed(f"the service of known-ahead columns failed: {why}")

    def _once(self, content: bytes) -> tuple[int, bytes]:
        place = self._address
        kind = (
            http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(place.hostname or "", place.port, timeout=self.facts.timeout)
        headers = {"Content-Type": "application/json", "Connection": "close"}
        if self.facts.bearer_variable:
            headers["Authorization"] = f"Bearer {os.environ.get(self.facts.bearer_variable, '')}"
        end = time.monotonic() + self.facts.timeout
        path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        try:
            connection.request("POST", path, content, headers)
            response = connection.getresponse()
            return response.status, _read(response, end)
        finally:
            connection.close()


class Ahead:
    """Fills in what is lacking, in the order: sent, looked up, asked; then the fallback."""

    def __init__(self, service: FutureService | None, lookup: Any) -> None:
        self._service, self._lookup = service, lookup

    def complete(self, part: Part, horizon: int, served: Served) -> None:
        """Every series gets its columns over the horizon; raises Problem 422 or 503."""
        if not served.task.future.names:
            return
        if self._lacking(part, horizon) and part.source == "sent" and self._lookup.knows_future:
            self._look_up(part, horizon, served)
        if rows := self._lacking(part, horizon):
            if self._service is None:
                raise _not_sent(part, rows[0], horizon, served)
            self._ask(part, rows, served)

    def _lacking(self, part: Part, horizon: int) -> list[int]:
        return np.flatnonzero(part.covered < horizon).tolist()

    def _look_up(self, part: Part, horizon: int, served: Served) -> None:
        rows = self._lacking(part, horizon)
        try:
            found = self._lookup.future([part.keys[i] for i in rows], part.origins[rows], served)
        except Problem:
            return  # no rows are known; the service may still know
        for row, columns in zip(rows, found, strict=True):
            if columns is not None:
                fill_rest(part, row, columns, served)

    def _ask(self, part: Part, rows: list[int], served: Served) -> None:
        assert self._service is not None
        names, horizon = served.task.future.names, served.task.horizon
        times = [served.times(int(part.origins[row]), horizon)[1] for row in rows]
        try:
            answers = self._service.ask([part.keys[i] for i in rows], times, names)
            for row, columns in zip(rows, answers, strict=True):
                fill_rest(part, row, columns, served)
        except (FutureFailed, Problem) as error:
            log.error("%s", error)
            _fall_back(part, rows, self._service.facts.fallback, served)


def _fall_back(part: Part, rows: list[int], how: str, served: Served) -> None:
    if how == "refuse":
        raise Problem(503, "Known-ahead columns are needed and cannot be had now.")
    task = served.task
    if how == "season":
        _repeat_season(part, rows, served)
    said = "those of a season ago stand in" if how == "season" else "the forecast goes without"
    for row in rows:
        part.covered[row] = task.horizon
        part.warnings[row].append(f"the known-ahead columns could not be had; {said}")


def _repeat_season(part: Part, rows: list[int], served: Served) -> None:
    task = served.task
    season = max(task.season, 1)
    back = task.history + np.arange(task.horizon)
    back = back - (np.arange(task.horizon) // season + 1) * season
    back = np.maximum(back, 0)
    for name in (
        *(["future"] if task.future.numeric else []),
        *(f"future.{c}" for c in task.future.categorical),
    ):
        column = part.prepared[name]
        for row in rows:
            had = int(part.covered[row])
            column[row, task.history + had :] = column[row, back[had:]]


def _not_sent(part: Part, row: int, horizon: int, served: Served) -> Problem:
    names = ", ".join(served.task.future.names)
    detail = f"the known-ahead columns ({names}) are needed for {horizon} steps after the origin"
    return Problem(422, detail, [(f"/series/{part.places[row]}/future", detail)])


def _read(response: http.client.HTTPResponse, end: float) -> bytes:
    """All of it within the time and the size; a server that drips is given up."""
    parts, total = [], 0
    while part := response.read1(65536):
        total += len(part)
        if total > LARGEST:
            raise http.client.HTTPException("the answer is too large")
        if time.monotonic() > end:
            raise TimeoutError
        parts.append(part)
    return b"".join(parts)


def _json(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError as error:
        raise FutureFailed("the service of known-ahead columns did not answer JSON") from error


def _checked(answer: Any, lengths: Sequence[int], names: Sequence[str]) -> list[Columns]:
    series = answer.get("series") if isinstance(answer, dict) else None
    if not isinstance(series, list) or len(series) != len(lengths):
        raise FutureFailed("the service of known-ahead columns did not answer for every series")
    for one, length in zip(series, lengths, strict=True):
        good = isinstance(one, dict) and set(one) >= set(names)
        if not good or any(not isinstance(one[n], list) or len(one[n]) != length for n in names):
            raise FutureFailed("the service of known-ahead columns answered other columns")
    return [{name: one[name] for name in names} for one in series]
