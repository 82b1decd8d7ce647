from loopcast.store.retrains import KILLED, TOOK_OVER, Retrains


def test_an_attempt_is_written_state_by_state_and_read_back(database):
    retrains = Retrains(database, "sales")
    number = retrains.begin("alarm", "an alarm is open", 1, 600)
    retrains.at(number, "train again", snapshot="abc")
    under_way = retrains.one(number)
    assert (under_way.outcome, under_way.state, under_way.ended_at) == (
        "running",
        "train again",
        None,
    )
    gates = [{"name": "gain", "seen": "8 %", "wanted": "2 %", "passed": True}]
    retrains.end(
        number, "promoted", "better", gates=gates, facts={"gain": 0.08}, card="# x", challenger=2
    )
    done = retrains.recent()[0]
    assert (done.outcome, done.challenger, done.snapshot, done.gates) == (
        "promoted",
        2,
        "abc",
        gates,
    )
    assert done.facts == {"gain": 0.08} and done.ended_at >= done.began_at
    assert retrains.one(number + 1) is None
    assert (
        Retrains(database, "other").recent() == []
        and Retrains(database, "other").one(number) is None
    )


def test_what_a_killed_process_left_open_is_closed_as_what_it_was(database):
    retrains = Retrains(database, "sales")
    done = retrains.begin("hand", "", 1, 600)
    retrains.end(done, "kept", "no better")
    early = retrains.begin("hand", "", 1, 601)
    late = retrains.begin("hand", "", 1, 602)
    retrains.at(late, "promote", challenger=2)
    other = Retrains(database, "other").begin("hand", "", 1, 600)
    retrains.settle(champion=2)
    assert [retrains.one(n).why for n in (done, early, late)] == ["no better", KILLED, TOOK_OVER]
    assert [retrains.one(n).outcome for n in (done, early, late)] == ["kept", "failed", "promoted"]
    assert Retrains(database, "other").one(other).outcome == "running"
