import numpy as np
import pytest

from loopcast.store.actuals import Actual, Actuals
from loopcast.store.clock import now
from loopcast.store.ledger import Answer, Ledger, answer_id
from loopcast.store.matching import matched
from loopcast.store.overrides import Override, Overrides, added
from loopcast.store.registry import Registry
from loopcast.store.reviews import Reviews
from loopcast.store.routing import Policy, route
from loopcast.store.series import key_text

DAY = 86_400_000_000
TASK = {
    "series": ["shop"], "frequency": "MS", "history": 8, "horizon": 3, "season": 4,
    "quantiles": [0.1, 0.5, 0.9],
}  # fmt: skip
WIDTHS = {"narrow": 1.0, "wide": 9.0, "new": 2.0, "alarmed": 2.5, "small": 9.0}


def key(name):
    return key_text({"shop": name})


@pytest.fixture
def ledger(database, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"one")
    Registry(database, "sales").register(tmp_path / "a.onnx", TASK, {})
    found = Ledger(database, "sales")
    for origin in (99, 100):
        found.record([answer(origin)])
    return found


def answer(origin, names=tuple(WIDTHS)):
    history = np.tile(np.arange(8, dtype=np.float32) + 10, (len(names), 1))
    history[[name == "small" for name in names]] /= 100
    quantiles = np.full((len(names), 3, 3), 20, np.float32)
    for i, name in enumerate(names):
        size = 0.01 if name == "small" else 1
        quantiles[i] = size * (20 + WIDTHS[name] * np.array([-0.5, 0, 0.5]))
    warnings = [["shop 'new' was not seen in training"] if n == "new" else [] for n in names]
    return Answer(
        answer_id(), now(), 1, 3, (0.5,), [key(n) for n in names], [origin] * len(names),
        quantiles, history, ["sent"] * len(names), warnings,
    )  # fmt: skip


def newest(ledger):
    return matched(ledger, last_only=True)


def names(ledger, questions):
    part = newest(ledger)[0]
    by = {int(n): k["shop"] for n, k in zip(part.series, part.keys, strict=True)}
    return [(by[q.series], q.why) for q in questions]


def test_the_last_forecast_of_each_series_is_one(ledger):
    (part,) = newest(ledger)
    assert len(part) == 5 and set(part.origin.tolist()) == {100}
    assert matched(ledger, last_only=True, given_after=now()) == []


def test_questions_go_where_width_times_weight_is_largest(ledger):
    alarmed = [{"shop": "alarmed"}, {}]  # the second is the panel's: it concerns no series more
    found = route(newest(ledger), alarmed, set(), 4, Policy(share=0))
    assert names(ledger, found) == [
        ("wide", "wide"), ("alarmed", "alarm"), ("new", "unknown"), ("narrow", "wide"),
    ]  # fmt: skip
    assert found[0].step == 101 and found[0].worth > found[1].worth


def test_a_step_that_has_come_is_not_asked_about_nor_one_that_was_asked(ledger):
    Actuals(ledger.database, "sales").add([Actual(key("wide"), 101, 5.0)])
    (first, *_) = route(newest(ledger), [], set(), 1, Policy(share=0))
    assert first.step == 102
    again = route(newest(ledger), [], {(first.series, first.step)}, 5, Policy(share=0))
    assert ("wide", "wide") not in names(ledger, again) and len(again) == 4


def test_a_share_is_drawn_by_lot_the_same_for_the_same_seed(ledger):
    every = route(newest(ledger), [], set(), 5, Policy(share=1, seed=3))
    assert {why for _, why in names(ledger, every)} == {"random"}
    assert route(newest(ledger), [], set(), 5, Policy(share=1, seed=3)) == every
    orders = {
        tuple(names(ledger, route(newest(ledger), [], set(), 5, Policy(share=1, seed=s))))
        for s in range(8)
    }
    assert len(orders) > 3
    drawn = sum(
        route(newest(ledger), [], set(range(n)), 1, Policy(share=0.2))[0].why == "random"
        for n in range(500)
    )
    assert 60 < drawn < 140


@pytest.fixture
def reviews(ledger):
    found = Reviews(ledger.database, "sales")
    questions = route(newest(ledger), [], set(), 3, Policy(share=0))
    assert found.ask(questions, True, now() + DAY) == 3
    assert found.ask(questions, True, now() + DAY) == 0
    return found


def test_open_questions_come_by_worth_with_their_key(reviews):
    found = reviews.read()
    assert [one.key["shop"] for one in found] == ["wide", "new", "alarmed"]
    assert reviews.open_count() == 3 and reviews.one(found[0].id) == found[0]
    assert reviews.one(10**6) is None and Reviews(reviews.database, "other").read() == []


def test_an_answer_is_a_vintage_with_an_author_and_closes_the_question(reviews, ledger):
    review = reviews.read()[0]
    assert reviews.give_actual(review, "ann", 17.5)
    found = reviews.one(review.id)
    assert (found.closed, found.events[-1].author, found.events[-1].hidden) == (
        "answered", "ann", True,
    )  # fmt: skip
    assert not reviews.give_actual(found, "ann", 17.5)
    assert reviews.open_count() == 2
    import sqlalchemy as sa

    with ledger.database.reading() as connection:
        rows = connection.execute(sa.text("select step, value, source, author from actuals")).all()
    assert [tuple(row) for row in rows] == [(101, 17.5, "review", "ann")]


def test_who_has_seen_the_forecast_is_kept_by_person(reviews):
    review = reviews.read()[0]
    assert not review.seen_by("ann")
    reviews.show(review, "ann")
    review = reviews.one(review.id)
    reviews.show(review, "ann")
    assert review.seen_by("ann") and not review.seen_by("bob")
    reviews.close(review, "ann", "override", 3.0, "a fair")
    reviews.close(reviews.one(review.id), "bob", "skipped")
    said = reviews.one(review.id).events
    assert [(e.author, e.what, e.hidden) for e in said] == [
        ("ann", "shown", False), ("ann", "override", False), ("bob", "skipped", True),
    ]  # fmt: skip
    assert reviews.one(review.id).closed == "answered"


def test_time_and_values_that_come_close_questions(reviews):
    Actuals(reviews.database, "sales").add([Actual(key("wide"), 101, 5.0)])
    assert reviews.sweep() == 2
    assert reviews.sweep(now() + 2 * DAY) == 0
    assert {one.closed for one in reviews.read(open_only=False)} == {"landed", "expired"}


def test_a_value_that_was_withdrawn_closes_no_question(reviews):
    actuals = Actuals(reviews.database, "sales")
    actuals.add([Actual(key("wide"), 101, 5.0)])
    actuals.add([Actual(key("wide"), 101, None)])
    assert reviews.sweep() == 3
    actuals.add([Actual(key("wide"), 101, 6.0)])
    assert reviews.sweep() == 2


def override(ledger, name="wide", value=18.0, author="ann", **more):
    part = newest(ledger)[0]
    row = [k["shop"] for k in part.keys].index(name)
    return Override(
        int(part.series[row]), 101, part.answers[row], 1, 100, value, 20.0, "a fair", author, **more
    )


def test_overrides_are_only_added_and_the_newest_word_counts(ledger):
    overrides = Overrides(ledger.database, "sales")
    assert overrides.add(override(ledger)) and not overrides.add(override(ledger))
    assert overrides.add(override(ledger, value=17.0))
    assert overrides.add(override(ledger, author="bob"))
    found = overrides.read()
    assert [(o.author, o.value, o.key["shop"], o.ahead) for o in found] == [
        ("bob", 18.0, "wide", 1), ("ann", 17.0, "wide", 1),
    ]  # fmt: skip
    assert overrides.read(since=now()) == [] and Overrides(ledger.database, "x").read() == []


def test_the_value_added_compares_people_and_model_on_the_same_points(ledger):
    overrides = Overrides(ledger.database, "sales")
    overrides.add(override(ledger, "wide", 18.0))
    overrides.add(override(ledger, "new", 30.0))
    overrides.add(override(ledger, "narrow", 1.0))
    none = added(overrides.read())
    assert (none.count, none.landed) == (3, 0) and np.isnan(none.gain)
    values = [Actual(key("wide"), 101, 16.0), Actual(key("new"), 101, 24.0)]
    Actuals(ledger.database, "sales").add(values)
    found = added(overrides.read())
    assert (found.count, found.landed, found.better) == (3, 2, 1)
    assert found.people == pytest.approx((2 + 6) / 40) and found.model == pytest.approx(8 / 40)
    assert found.gain == pytest.approx(0)
