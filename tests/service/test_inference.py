import numpy as np
import pytest
from tiny_service import one, problem

from loopcast.store.matching import matched

PATHS = ["/v2/models/tiny", "/v2/models/tiny/versions/1"]


def inputs(**changes):
    tensors = {
        "target": {"datatype": "FP32", "shape": [2, 8], "data": [1, 2, 3, 4, 5, 6, 7, 8] * 2},
        "origin": {"datatype": "INT64", "shape": [2], "data": [583, 583]},
        "static.shop": {"datatype": "BYTES", "shape": [2], "data": ["a", "b"]},
        "static.item": {"datatype": "BYTES", "shape": [2], "data": ["x", "x"]},
    }
    for name, change in changes.items():
        tensors[name.replace("_", ".")] |= change
    return {"inputs": [{"name": name, **tensor} for name, tensor in tensors.items()]}


def test_health_and_the_server(service):
    assert service.client.get("/v2/health/live").status_code == 200
    assert service.client.get("/v2/health/ready").status_code == 200
    assert service.client.get("/v2").json()["name"] == "loopcast"


@pytest.mark.parametrize("path", PATHS)
def test_the_models_tensors_are_told_and_can_be_run(service, path):
    told = service.client.get(path).json()
    assert told["name"] == "tiny" and told["platform"] == "onnxruntime_onnx"
    assert [t["name"] for t in told["inputs"]] == ["target", "origin", "static.shop", "static.item"]
    assert told["outputs"] == [{"name": "quantiles", "datatype": "FP32", "shape": [-1, 3, 3]}]
    assert service.client.get(f"{path}/ready").json() == {"name": "tiny", "ready": True}
    answer = service.client.post(f"{path}/infer", json={"id": "mine", **inputs()}).json()
    (out,) = answer["outputs"]
    assert answer["id"] == "mine" and answer["model_version"] == "1" and out["shape"] == [2, 3, 3]
    native = service.forecast({"series": [one()]})["forecasts"][0]["quantiles"]
    got = np.reshape(out["data"], out["shape"])[0]
    assert np.allclose(got.T, [native["0.1"], native["0.5"], native["0.9"]])


def test_what_was_inferred_is_in_the_ledger_under_its_key(service):
    body = inputs(static_shop={"data": ["a", "v2"]})
    given = service.client.post(f"{PATHS[0]}/infer", json=body).json()["parameters"]["forecast_id"]
    (found,) = matched(service.parts.ledger, repeated=True)
    keys = [key["shop"] for key, i in zip(found.keys, found.answers, strict=True) if i == given]
    assert sorted(keys) == ["a", "v2"]


def test_dates_stand_for_origins_and_nested_data_for_flat(service):
    plain = service.client.post(f"{PATHS[0]}/infer", json=inputs()).json()["outputs"]
    dates = inputs(
        origin={"datatype": "BYTES", "data": ["2018-08-01"] * 2},
        target={"data": [[1, 2, 3, 4, 5, 6, 7, 8]] * 2},
    )
    assert service.client.post(f"{PATHS[0]}/infer", json=dates).json()["outputs"] == plain


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"inputs": []}, "/inputs"),
        ({"inputs": inputs()["inputs"][:3]}, "/inputs"),
        (inputs(target={"shape": [2, 9]}), "/inputs/0/shape"),
        (inputs(target={"shape": [0, 8], "data": []}), "/inputs/0/shape"),
        (inputs(target={"data": [1] * 15}), "/inputs/0/data"),
        (inputs(target={"data": ["x"] * 16}), "/inputs/0/data"),
        (inputs(target={"data": [1e300] * 16}), "/inputs/0/data"),
        (inputs(target={"datatype": "BYTES"}), "/inputs/0/datatype"),
        (inputs(origin={"data": [1.5, 2]}), "/inputs/1/data"),
        (inputs(origin={"shape": [10**12]}), "/inputs/1/shape"),
        (inputs(static_shop={"data": ["a", "\x00"]}), "/inputs/2/data"),
        ({**inputs(), "outputs": [{"name": "hidden"}]}, "/outputs/0/name"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_with_a_pointer(service, body, pointer):
    problem(service.client.post(f"{PATHS[0]}/infer", json=body), 422, pointer)


def test_other_models_and_versions_are_not_found(service):
    for path in ("/v2/models/other", "/v2/models/tiny/versions/2", "/v2/models/other/ready"):
        problem(service.client.get(path), 404)
    problem(service.client.post("/v2/models/other/infer", json=inputs()), 404)


def test_metrics_speak_of_the_model_and_never_of_a_series(service):
    service.forecast({"series": [one("secret-shop")]})
    text = service.client.get("/metrics").text
    assert 'loopcast_model_info{model="tiny"' in text and "secret-shop" not in text
    assert "http_server_request_duration_seconds_bucket" in text and "loopcast_series_total" in text
    assert 'http_route="/v1/forecast"' in text
