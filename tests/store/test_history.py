import pytest
import sqlalchemy as sa

from loopcast.store.database import StoreError
from loopcast.store.history import SqlHistory

ROWS = [("Vic", "Food", m, 10.5 * m) for m in (1, 2, 3)] + [("Tas", "Food", 1, 1.0)]


@pytest.fixture
def sales(database, url):
    with database.writing() as connection:
        connection.execute(
            sa.text('CREATE TABLE sales ("State" text, "Industry" text, month integer, v numeric)')
        )
        for row in ROWS:
            values = dict(zip("abcd", row, strict=True))
            connection.execute(sa.text("INSERT INTO sales VALUES (:a, :b, :c, :d)"), values)
    return url


class Question:  # closed after it was asked
    def __init__(self, url, query, **options):
        self.source = SqlHistory.open(url, query, ("State", "Industry"), {"since": 2}, **options)

    def read(self, keys):
        try:
            return self.source.read(keys)
        finally:
            self.source.database.close()


KEYS = [{"State": "Vic", "Industry": "Food"}, {"State": "Tas", "Industry": "Food"}]


def test_one_question_for_all_series(sales):
    query = 'select * from sales where ("State", "Industry") in :keys order by month'
    rows = Question(sales, query).read(KEYS)
    assert sorted(rows["v"]) == [1.0, 10.5, 21.0, 31.5] and type(rows["v"][0]) is float


def test_one_question_for_each_series_with_the_operators_own_parameters(sales):
    query = (
        'select * from sales where "State" = :State and "Industry" = :Industry and month >= :since'
    )
    rows = Question(sales, query).read(KEYS)
    assert rows["month"] == [2, 3] and set(rows["State"]) == {"Vic"}
    query = 'select month from sales where "State" = :key_1 and "Industry" = :key_2'
    assert Question(sales, query).read(KEYS[1:]) == {"month": [1]}


def test_a_keys_text_is_never_sql(sales):
    query = 'select * from sales where "State" = :State'
    rows = Question(sales, query).read([{"State": "x' or '1'='1", "Industry": ""}])
    assert rows.get("v", []) == []


def test_too_many_rows_and_a_wrong_query_are_errors(sales):
    with pytest.raises(StoreError, match="more than 2"):
        Question(sales, 'select * from sales where "State" = :State', max_rows=2).read(KEYS)
    with pytest.raises(StoreError):
        Question(sales, "select * from nowhere").read(KEYS)


def test_a_key_that_the_column_cannot_hold_is_the_key_of_no_row(sales):
    for query in (
        "select * from sales where month in :keys",
        "select * from sales where month = :month",
    ):
        source = SqlHistory.open(sales, query, ("month",), {})
        try:
            assert source.read([{"month": "abc"}]).get("v", []) == []
            many = source.read([*({"month": f"x{n}"} for n in range(30)), {"month": "1"}])
            assert "postgresql" not in sales or sorted(many["v"]) == [1.0, 10.5]
            mixed = source.read([{"month": "2"}, {"month": "abc"}, {"month": "3"}])
            if "postgresql" in sales:
                assert sorted(mixed["v"]) == [21.0, 31.5]
            with pytest.raises(StoreError):
                broken = SqlHistory(
                    source.database, "select v / 0 from sale where 1 in :keys", ("month",)
                )
                broken.read([{"month": "1"}])
        finally:
            source.database.close()
