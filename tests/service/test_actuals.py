import numpy as np
import pytest
from tiny_service import one, problem, running

from loopcast.store.matching import matched


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("actuals")
    url = f"sqlite:///{folder}/ledger.db"
    if request.param == "postgresql":
        import uuid

        import private_postgres

        server = request.getfixturevalue("postgres_server")
        url = private_postgres.create(server, f"t{uuid.uuid4().hex[:12]}")
    with running(folder, store={"url": url}) as found:
        yield found


def value(shop="a", time="2018-09-01", number=5.0, **more):
    return {"key": {"shop": shop, "item": "x"}, "time": time, "value": number, **more}


def send(service, *values):
    return service.client.post("/v1/actuals", json={"actuals": list(values)})


def test_values_land_once_and_match_the_forecast(service):
    service.forecast({"series": [one("m")]})
    first = value("m", as_of="2018-10-03T00:00:00Z")
    assert send(service, first, value("m", "2018-11-01", 7.0)).json() == {"received": 2, "new": 2}
    assert send(service, first, value("m", "2018-11-01", 7.0)).json() == {"received": 2, "new": 0}
    revised = value("m", number=6.0, as_of="2018-12-01T00:00:00+01:00")
    assert send(service, revised).json()["new"] == 1
    (found,) = matched(service.parts.ledger)
    row = [key["shop"] for key in found.keys].index("m")
    assert np.array_equal(found.actual[row], [6, np.nan, 7], equal_nan=True)


def test_a_contradiction_is_refused_whole_with_pointers(service):
    send(service, value("c", as_of="2018-10-03"))
    answer = send(service, value("c2"), value("c", number=9, as_of="2018-10-03"))
    problem(answer, 409, "/actuals/1/value")
    assert send(service, value("c2")).json()["new"] == 1


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"time": "soon"}, "/actuals/1/time"), ({"as_of": "soon"}, "/actuals/1/as_of"),
        ({"value": "much"}, "/actuals/1/value"), ({"key": {"shop": "a"}}, "/actuals/1/key"),
        ({"value": 1e301}, "/actuals/1"), ({"note": "x"}, "/actuals/1"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(service, wrong, pointer):
    problem(send(service, value("w"), {**value("w2"), **wrong}), 422, pointer)


def test_history_that_is_left_out_comes_from_the_actual_values(service):
    months = [f"2018-{m:02}-01" for m in range(1, 9)]
    send(
        service,
        *[value("h", m, v, as_of="2018-09-01") for m, v in zip(months, range(1, 9), strict=True)],
    )
    sent = service.forecast({"series": [one("h")]})["forecasts"]
    looked_up = service.forecast({"series": [{"key": {"shop": "h", "item": "x"}}]})
    assert looked_up["forecasts"] == sent
    kept = service.client.get(f"/v1/forecasts/{looked_up['id']}").json()
    assert kept["forecasts"][0]["source"] == "looked up"
    mixed = service.forecast(
        {"series": [one("i", start="2018-01-01"), {"key": {"shop": "h", "item": "x"}}, one("j")]}
    )
    assert [f["key"]["shop"] for f in mixed["forecasts"]] == ["i", "h", "j"]
    assert mixed["forecasts"][1]["quantiles"] == sent[0]["quantiles"]


def test_series_of_which_nothing_is_known_are_refused(service):
    answer = service.client.post(
        "/v1/forecast", json={"series": [{"key": {"shop": "never", "item": ""}}]}
    )
    problem(answer, 422)
