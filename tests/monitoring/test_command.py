"""`loopcast monitor` as an operator runs it."""

import json
import signal
import subprocess
import sys
import time

import pytest
import yaml
from monitoring_shop import Shop

from loopcast.core.errors import ConfigError
from loopcast.monitoring.command import seconds
from loopcast.store import ticks


def run(*args, **more):
    command = [sys.executable, "-m", "loopcast", "monitor", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def config(folder, url, **more):
    path = folder / "service.yaml"
    path.write_text(yaml.safe_dump({"model": "sales", "store": {"url": url}, **more}))
    return str(path)


def test_a_tick_from_the_command_line(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path)
    shop.months(3)
    path = config(tmp_path, sqlite)
    done = run("--config", path)
    assert done.returncode == 0, done.stderr
    assert "tick: done" in done.stderr and "0 of 12 looks" in done.stderr
    assert "tick: nothing" in run("--config", path).stderr


def test_a_database_that_is_away_is_said_and_the_loop_goes_on(tmp_path):
    path = config(tmp_path, "postgresql://x:secret@127.0.0.1:1/none")
    away = run("--config", path)
    assert away.returncode == 2 and "127.0.0.1" in away.stderr
    assert "secret" not in away.stderr and "Traceback" not in away.stderr
    wrong = run("--config", config(tmp_path, "sqlite:///x.db", monitoring={"alfa": 1}))
    assert wrong.returncode == 2 and "alfa" in wrong.stderr


def test_the_loop_ticks_catches_up_and_ends(sqlite, tmp_path):
    shop = Shop(sqlite, tmp_path)
    shop.months(1)
    command = [sys.executable, "-m", "loopcast", "monitor", "--config"]
    loop = subprocess.Popen([*command, config(tmp_path, sqlite), "--every", "0.2s"], stderr=-1)
    try:
        _wait(lambda: ticks.last(shop.database, "sales", "done"))
        shop.months(1, 601)
        _wait(lambda: ticks.last(shop.database, "sales", "done").facts["rows"] == 40)
    finally:
        loop.send_signal(signal.SIGTERM)
        _, said = loop.communicate(timeout=20)
    assert loop.returncode == 0, said


def test_the_command_loads_nothing_heavy():
    code = (
        "import sys, json, loopcast.monitoring.command;"
        "print(json.dumps([m for m in ('torch', 'lightning', 'pandas') if m in sys.modules]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == []


def test_pauses_are_read():
    assert [seconds(text) for text in ("1h", "30m", "90s", "1d", "0.5s")] == [
        3600,
        1800,
        90,
        86400,
        0.5,
    ]
    with pytest.raises(ConfigError, match="--every"):
        seconds("soon")


def _wait(until):
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)
