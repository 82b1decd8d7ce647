"""A client that costs little, and servers as processes: for the service's figures.

The client is one thread over epoll: less than 30 microseconds a request, so that the server is
what is measured. It speaks to 127.0.0.1 only, for a stated number of seconds or requests.
"""

import csv
import gzip
import http.client
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, Self

TICK = os.sysconf("SC_CLK_TCK")
DATA = Path(__file__).parents[1] / "data" / "aus_retail.csv.gz"
START = "2016-01-01"
ORIGIN = "2017-12-01"
HISTORY = 24


@cache
def keys() -> list[dict[str, str]]:
    """The 152 series of the bundled example."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        rows = {(row["State"], row["Industry"]) for row in csv.DictReader(file)}
    return [{"State": state, "Industry": industry} for state, industry in sorted(rows)]


def asked(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Series with two years of made-up monthly values, to a tenth."""
    draw, named = random.Random(seed), keys()
    return [
        {
            "key": named[(seed + i) % len(named)],
            "start": START,
            "target": [round(draw.uniform(700, 900), 1) for _ in range(HISTORY)],
        }
        for i in range(count)
    ]


def message(path: str, body: Any) -> bytes:
    """A whole HTTP request."""
    content = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    body: bytes
    seconds: float


class Connection:
    """One request after the other on one socket that does not block."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read, self._need, self._begin = bytearray(), 0, 0.0

    def send(self, content: bytes) -> None:
        """Begin a request; the last was answered."""
        self._read, self._need, self._begin = bytearray(), 0, time.perf_counter()
        self.socket.sendall(content)

    def receive(self) -> Reply | None:
        """The answer, if it is whole by now; raises OSError where the server is gone."""
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionResetError("the server closed the connection")
        self._read += part
        if not self._need and (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._read[:end]).lower()
            self._need = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if not self._need or len(self._read) < self._need:
            return None
        status, begin = int(self._read[9:12]), self._read.find(b"\r\n\r\n") + 4
        return Reply(status, bytes(self._read[begin:]), time.perf_counter() - self._begin)


def load(
    port: int, messages: Iterable[bytes], clients: int, seconds: float, most: int = 1 << 40
) -> list[Reply]:
    """What `clients` connections get answered, each sending as soon as it has its answer."""
    replies, feed, end = [], cycle(messages), time.perf_counter() + seconds
    with selectors.DefaultSelector() as waiting:
        for _ in range(clients):
            one = Connection(port)
            one.send(next(feed))
            waiting.register(one.socket, selectors.EVENT_READ, one)
        sent = clients
        while waiting.get_map():
            for found, _ in waiting.select(timeout=30):
                reply = found.data.receive()
                if reply is None:
                    continue
                replies.append(reply)
                if time.perf_counter() < end and sent < most:
                    found.data.send(next(feed))
                    sent += 1
                else:
                    waiting.unregister(found.data.socket)
                    found.data.socket.close()
    return replies


def paced(
    port: int, messages: Iterable[bytes], clients: int, rate: float, seconds: float
) -> list[Reply]:
    """The answers to `rate` requests a second, until the time is over or the server is gone."""
    replies, feed, begin, sent = [], cycle(messages), time.perf_counter(), 0
    idle = [Connection(port) for _ in range(clients)]
    with selectors.DefaultSelector() as waiting:
        while (at := time.perf_counter() - begin) < seconds:
            try:
                while idle and sent < at * rate:
                    one = idle.pop()
                    one.send(next(feed))
                    waiting.register(one.socket, selectors.EVENT_READ, one)
                    sent += 1
                for found, _ in waiting.select(timeout=0.002):
                    if (reply := found.data.receive()) is not None:
                        replies.append(reply)
                        waiting.unregister(found.data.socket)
                        idle.append(found.data)
            except OSError:
                break
    return replies


class Server:
    """A server's process and those it starts, until the block ends."""

    def __init__(
        self, command: Sequence[str], port: int, ready: str, *, folder: Path | None = None
    ) -> None:
        self._command, self.port, self._ready, self._folder = command, port, ready, folder

    def __enter__(self) -> Self:
        begin = time.perf_counter()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.run = subprocess.Popen(
            self._command,
            env={**os.environ, "LOOPCAST_LOG": "warning"},
            cwd=self._folder,
            start_new_session=True,
            **(quiet if not os.environ.get("SHOW") else {}),  # type: ignore[call-overload]
        )
        while not self.ready():
            if self.run.poll() is not None or time.perf_counter() - begin > 60:
                raise SystemExit(f"{' '.join(self._command)} does not start; SHOW=1 says why")
            time.sleep(0.002)
        self.start = time.perf_counter() - begin
        return self

    def __exit__(self, *_: object) -> None:
        self.run.terminate()
        try:
            self.run.wait(10)
        except subprocess.TimeoutExpired:
            pass
        finally:
            for number in self._members():
                os.kill(number, signal.SIGKILL)

    def ready(self) -> bool:
        """Readiness is 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self._ready)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def cpu(self) -> float:
        """Seconds of CPU so far, of all its processes that live."""
        ticks = [fields[11:13] for fields in self._fields()]
        return sum(int(user) + int(system) for user, system in ticks) / TICK

    def memory(self) -> float:
        """Resident MB of all its processes."""
        page = os.sysconf("SC_PAGE_SIZE")
        return sum(int(fields[21]) for fields in self._fields()) * page / 1e6

    def _members(self) -> list[int]:
        return [int(path.parent.name) for path, _ in self._stats()]

    def _fields(self) -> list[list[str]]:
        return [fields for _, fields in self._stats()]

    def _stats(self) -> list[tuple[Path, list[str]]]:
        """/proc/PID/stat behind the name, of every process of the session."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            if int(fields[3]) == self.run.pid:
                found.append((path, fields))
        return found


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
