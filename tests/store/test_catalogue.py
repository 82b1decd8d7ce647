import pytest

from loopcast.store.actuals import Actual, Actuals
from loopcast.store.catalogue import Catalogue
from loopcast.store.clock import now
from loopcast.store.series import key_text

SHOPS = ["ÄSüd", "Nord 100%", "Nord 1000", 'a "quoted" one', "back\\slash"]


@pytest.fixture
def catalogue(database):
    for model in ("sales", "other"):
        values = [Actual(key_text({"shop": shop}), 1, 1.0) for shop in SHOPS]
        Actuals(database, model).add(values)
    return Catalogue(database, "sales")


def found(catalogue, words):
    total, listed = catalogue.search(words, 100)
    assert total == len(listed)
    return {one.key["shop"] for one in listed}


def test_every_word_must_be_in_the_key_and_none_is_a_pattern(catalogue):
    assert found(catalogue, "") == set(SHOPS)
    assert found(catalogue, "nord") == {"Nord 100%", "Nord 1000"}
    assert found(catalogue, "NORD 100%") == {"Nord 100%"}
    assert found(catalogue, "ÄS") == {"ÄSüd"}
    assert found(catalogue, "n_rd") == set()
    assert found(catalogue, '"quoted"') == {'a "quoted" one'}
    assert found(catalogue, "back\\") == {"back\\slash"}


def test_a_list_comes_in_pages(catalogue):
    total, first = catalogue.search("", 2)
    _, second = catalogue.search("", 2, 2)
    assert total == 5 and len(first) == len(second) == 2
    assert not {one.number for one in first} & {one.number for one in second}


def test_one_series_of_the_model_by_its_number(catalogue, database):
    _, (one, *_) = catalogue.search("süd", 1)
    assert catalogue.one(one.number) == one and catalogue.one(10**9) is None
    assert Catalogue(database, "other").one(one.number) is None


def test_activity_counts_what_is_new(catalogue):
    before = catalogue.activity(now() - 10**9)
    assert (before.series, before.answers, before.actuals, before.last_answer) == (5, 0, 5, None)
    assert catalogue.activity(now()).actuals == 0 and before.last_actual <= now()
