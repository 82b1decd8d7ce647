"""What the log says of a request."""

import json
import signal

from tiny_service import artifact, one, process


def test_the_log_has_a_line_of_json_for_each_request(tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(artifact())
    with process(tmp_path, "tiny.onnx", log="info") as (run, client):
        given = client.post("/v1/forecast", json={"series": [one()], "horizon": 2}).json()["id"]
        client.post("/v1/forecast", json={"series": []}, headers={"x-request-id": "mine"})
        run.send_signal(signal.SIGTERM)
        run.wait(10)
        lines = [json.loads(x) for x in run.stderr.read().splitlines() if x.startswith("{")]
    good, bad = [x for x in lines if x["route"] == "/v1/forecast"]
    assert good["at"].endswith("Z") and good["status"] == 200 and good["bytes_in"] > 100
    assert (good["forecast"], good["version"], good["series"], good["horizon"]) == (given, 1, 1, 2)
    assert bad["request_id"] == "mine" and bad["status"] == 422 and "series" not in bad
    assert not any("sales" in json.dumps(x) for x in lines)  # never what was sent
