import threading
import time

import pytest
import sqlalchemy as sa

from loopcast.store import leases, schema
from loopcast.store.leases import Lease, LeaseLost, held


def test_of_two_at_once_one_gets_it(database):
    with held(database, "retrain/x") as first, held(database, "retrain/x") as second:
        assert first is not None and second is None
        assert leases.holder(database, "retrain/x") == first.holder
        with held(database, "retrain/y") as other:
            assert other is not None
    with held(database, "retrain/x") as again:
        assert again is not None
    assert leases.holder(database, "retrain/x") is None


def test_many_at_once_leave_one(database):
    got = []
    threads = [
        threading.Thread(target=lambda: got.append(Lease(database, "tick").take()))
        for _ in range(8)
    ]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert got.count(True) == 1


def test_a_holder_that_died_loses_it_and_one_that_lives_keeps_it(database):
    dead = Lease(database, "tick", seconds=0.2)
    assert dead.take()
    assert not Lease(database, "tick", seconds=0.2).take()
    time.sleep(0.3)
    with held(database, "tick", seconds=0.4) as alive:
        with pytest.raises(LeaseLost, match="tick"):
            dead.require()
        time.sleep(0.7)
        alive.require()
        assert not Lease(database, "tick", seconds=0.4).take()


def test_a_clock_that_jumped_back_locks_nobody_out(database):
    assert Lease(database, "tick").take()
    with database.writing() as connection:
        connection.execute(sa.update(schema.leases).values(until=2**52))
    assert Lease(database, "tick").take()
