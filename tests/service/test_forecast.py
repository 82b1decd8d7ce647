import json
import uuid
from dataclasses import replace

import numpy as np
import pytest
from tiny_service import TASK, artifact, one, problem, running

from loopcast.serving.predictor import Predictor
from loopcast.store.matching import matched
from loopcast.store.parquet import columns

MONTHS = [f"2018-{m:02}-01" for m in range(1, 9)]


def rows(shop="a", values=range(1, 9), months=MONTHS):
    return [
        {"shop": shop, "item": "x", "month": m, "sales": v}
        for m, v in zip(months, values, strict=True)
    ]


def post(service, body, **headers):
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return service.client.post(
        "/v1/forecast", content=content, headers={"content-type": "application/json", **headers}
    )


def test_the_wire_is_the_one_that_is_promised(service):
    body = {
        "series": [one(target=[1, None, 3, 4, 5, 6, 7, 8])],
        "quantiles": [0.5, 0.1],
        "horizon": 2,
    }
    answer = service.forecast(body)
    assert set(answer) == {"id", "model", "forecasts"}
    assert answer["model"] == {"name": "tiny", "version": 1}
    mean = 34 / 7
    (forecast,) = answer["forecasts"]
    assert forecast["key"] == {"shop": "a", "item": "x"}
    assert forecast["origin"] == "2018-08-01"
    assert forecast["times"] == ["2018-09-01", "2018-10-01"]
    assert list(forecast["quantiles"]) == ["0.5", "0.1"]
    assert np.allclose(forecast["quantiles"]["0.5"], [mean + 1, mean + 2], atol=1e-5)
    assert forecast["warnings"] and "gaps" in forecast["warnings"][0]


def test_the_mean_is_answered_kept_and_read_again(tmp_path):
    with running(tmp_path, replace(TASK, mean=True)) as service:
        answer = service.forecast({"series": [one(), one("b")], "horizon": 2})
        again = service.client.get(f"/v1/forecasts/{answer['id']}").json()
        (part,) = matched(service.parts.ledger)
    for found in (answer, again):
        means = [forecast["mean"] for forecast in found["forecasts"]]
        assert np.allclose(means, [[5.6, 6.6]] * 2)
    assert np.allclose(part.mean, [[5.6, 6.6, 7.6]] * 2)
    assert np.allclose(columns(part)["mean"], [5.6, 6.6, 7.6] * 2)


def test_without_a_mean_nothing_is_said_of_one(service):
    answer = service.forecast({"series": [one()]})
    again = service.client.get(f"/v1/forecasts/{answer['id']}").json()
    assert "mean" not in answer["forecasts"][0] and "mean" not in again["forecasts"][0]


def test_rows_and_series_give_what_the_predictor_gives(service):
    values = [3, 1, 4, 1, 5, 9, 2, 6]
    by_series = service.forecast({"series": [one(target=values), one("b", values)]})
    by_rows = service.forecast({"rows": [*rows("b", values), *rows("a", values)]})
    assert by_series["forecasts"] == by_rows["forecasts"]
    expected = Predictor(artifact()).predict(rows("a", values))
    got = [by_rows["forecasts"][0]["quantiles"][q] for q in ("0.1", "0.5", "0.9")]
    assert np.allclose(np.array(got).T, expected.quantiles[0])


def test_every_answer_is_in_the_ledger_and_can_be_read_again(service):
    answer = service.forecast({"series": [one("a"), one("b")], "quantiles": [0.9], "horizon": 1})
    assert uuid.UUID(answer["id"]).version == 7
    again = service.client.get(f"/v1/forecasts/{answer['id']}").json()
    assert again["model"] == answer["model"]
    for seen, kept in zip(answer["forecasts"], again["forecasts"], strict=True):
        assert {k: kept[k] for k in seen} == seen and kept["source"] == "sent"
    ids = [i for part in matched(service.parts.ledger, repeated=True) for i in part.answers]
    assert ids.count(answer["id"]) == 2


def test_an_answer_that_was_never_given_is_not_found(service):
    problem(service.client.get(f"/v1/forecasts/{uuid.uuid4()}"), 404)
    problem(service.client.get("/v1/forecasts/..%2f..%2fetc"), 404)
    problem(service.client.get("/v1/forecasts/nothing"), 404)


def test_series_share_the_origin_and_an_earlier_end_is_said(service):
    longer = one("a", target=range(1, 11))
    answer = service.forecast({"series": [one("b"), longer]})
    assert [f["origin"] for f in answer["forecasts"]] == ["2018-10-01"] * 2
    assert [f["key"]["shop"] for f in answer["forecasts"]] == ["b", "a"]
    assert any("last 2 steps" in w or "ended" in w for w in answer["forecasts"][0]["warnings"])


def test_values_of_long_ago_and_trailing_nulls_do_not_move_the_forecast(service):
    plain = service.forecast({"series": [one()]})["forecasts"]
    long = one(target=[900] * 120 + list(range(1, 9)) + [None, None], start="2008-01-01")
    assert service.forecast({"series": [long]})["forecasts"] == plain


def test_a_named_origin_hides_what_came_after_it(service):
    answer = service.forecast({"series": [one()], "origin": "2018-04-01"})["forecasts"][0]
    assert answer["origin"] == "2018-04-01" and answer["quantiles"]["0.5"][0] == pytest.approx(3.5)
    by_rows = service.forecast({"rows": rows(), "origin": "2018-04-01"})["forecasts"][0]
    assert by_rows["quantiles"] == answer["quantiles"]


def test_keys_are_texts_whatever_json_makes_of_them(service):
    keys = [{"shop": 1, "item": "x"}, {"shop": 1.0, "item": "x"}, {"shop": "1", "item": "x"}]
    answer = service.forecast({"series": [{**one(), "key": key} for key in keys]})
    assert [f["key"]["shop"] for f in answer["forecasts"]] == ["1"] * 3
    assert any("'1'" in warning for warning in answer["forecasts"][0]["warnings"])


def test_short_and_empty_histories_are_answered_with_a_warning(service):
    answer = service.forecast({"series": [one(target=[5, 6]), one("b", [])]})
    assert any("short history" in w for w in answer["forecasts"][0]["warnings"])
    assert any("no history" in w for w in answer["forecasts"][1]["warnings"])


def test_a_thousand_series_in_one_request(service):
    answer = service.forecast({"series": [one(f"s{i}", [i] * 8) for i in range(1000)]})
    medians = [f["quantiles"]["0.5"][0] for f in answer["forecasts"]]
    assert medians == [i + 1 for i in range(1000)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"series": []}, "/series"),
        ({"rows": []}, "/rows"),
        ({"series": [one()], "rows": rows()}, ""),
        ({"series": [one()], "horizon": 4}, "/horizon"),
        ({"series": [one()], "horizon": 0}, "/horizon"),
        ({"series": [one()], "quantiles": [0.5, 0.3]}, "/quantiles/1"),
        ({"series": [one()], "quantiles": [1.5]}, "/quantiles/0"),
        ({"series": [one()], "quantiles": []}, "/quantiles"),
        ({"series": [{**one(), "key": {"shop": "a"}}]}, "/series/0/key"),
        ({"series": [{**one(), "key": {"shop": "a\x00", "item": ""}}]}, "/series/0/key"),
        ({"series": [one(), {**one(), "start": None}]}, "/series/1/start"),
        ({"series": [one(), one(start="last May")]}, "/series/1/start"),
        ({"series": [one(start="99999-01-01")]}, "/series/0/start"),
        ({"series": [one(target=["much"])]}, "/series/0/target/0"),
        ({"series": [one(target=[1, 1e300])]}, "/series/0/target"),
        ({"series": [one(past={"price": [1] * 8})]}, "/series/0/past"),
        ({"series": [one(future={"price": [1] * 3})]}, "/series/0/future"),
        ({"series": [one(static={"size": 1})]}, "/series/0/static"),
        ({"series": [{**one(), "color": 1}]}, "/series/0"),
        ({"series": [one()], "origin": "x"}, "/origin"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_a_pointer(service, body, pointer):
    problem(post(service, body), 422, pointer)


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b'{"series": [NaN]}', b"[" * 100_000])
def test_what_is_not_json_is_refused(service, body):
    assert post(service, body).status_code in (400, 422)


def test_rows_that_cannot_be_used_are_explained(service):
    missing = problem(
        post(service, {"rows": [{"shop": "a", "item": "x", "month": "2018-01-01"}]}), 422
    )
    assert "sales" in missing["detail"]
    twice = problem(post(service, {"rows": [*rows(), *rows()]}), 422)
    assert "Traceback" not in json.dumps(twice)


def test_dates_of_the_tasks_own_format_are_read_too(tmp_path):
    from dataclasses import replace

    task = replace(TASK, time_format="%Y %b")
    with running(tmp_path, task) as service:
        own = service.forecast(
            {
                "rows": rows(
                    months=[
                        f"2018 {m}"
                        for m in ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug"]
                    ]
                )
            }
        )
        iso = service.forecast({"rows": rows()})
        assert own["forecasts"] == iso["forecasts"]


def test_a_request_keeps_its_own_id(service):
    assert (
        post(service, {"series": [one()]}, **{"x-request-id": "mine-7"}).headers["x-request-id"]
        == "mine-7"
    )
    evil = post(service, {"series": [one()]}, **{"x-request-id": "a b\tc"}).headers["x-request-id"]
    assert uuid.UUID(evil)


def test_unknown_paths_and_methods_are_problems_too(service):
    problem(service.client.get("/v1/nothing"), 404)
    problem(service.client.get("/v1/forecast"), 405)
