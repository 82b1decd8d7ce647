"""The artifact behind LitServe: python benchmarks/service_litserve.py ARTIFACT PORT [tuned].

As a user writes it first: LitServe's and onnxruntime's defaults, no checks. Tuned: one onnxruntime
thread that does not spin, the checks of the input that loopcast makes, the faster queue.
"""

import sys
from typing import Any

import litserve
from service_peer import Model, check


class Api(litserve.LitAPI):
    """Takes loopcast's own JSON."""

    def __init__(self, artifact: str, *, tuned: bool) -> None:
        super().__init__(api_path="/v1/forecast")
        self.artifact, self.tuned = artifact, tuned

    def setup(self, device: str) -> None:
        """In the worker's process."""
        self.model = Model(self.artifact, tuned=self.tuned)

    def decode_request(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The series."""
        if self.tuned:
            check(request["series"], self.model.task["series"])
        return request["series"]

    def predict(self, x: list[dict[str, Any]]) -> tuple[Any, Any]:
        """Series and their quantiles."""
        return x, self.model.run(self.model.feed(x))

    def encode_response(self, output: tuple[Any, Any]) -> dict[str, Any]:
        """JSON."""
        return {"forecasts": self.model.answers(*output)}


if __name__ == "__main__":
    tuned = sys.argv[3:] == ["tuned"]
    api = Api(sys.argv[1], tuned=tuned)
    server = litserve.LitServer(api, accelerator="cpu", fast_queue=tuned)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)
