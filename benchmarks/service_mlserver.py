"""The artifact behind MLServer: python benchmarks/service_mlserver.py ARTIFACT PORT [tuned|alone].

A custom runtime around an onnxruntime session, asked in the Open Inference Protocol V2. As a user
writes it first: MLServer's and onnxruntime's defaults, no checks. Tuned: one onnxruntime thread
that does not spin, the checks of the input that loopcast makes, no access log. Alone: tuned, and
without its worker process and the queue to it.
"""

import asyncio
import sys
from typing import Any

import numpy as np
import uvloop
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse
from service_load import free_port
from service_peer import Model, check_tensors


class OnnxRuntime(MLModel):
    """Tensors in, tensors out."""

    async def load(self) -> bool:
        """In the worker's process, where there is one."""
        facts = self.settings.parameters
        self._tuned = facts.extra["tuned"]
        self._model = Model(facts.uri, tuned=self._tuned)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One batch."""
        feed: dict[str, Any] = {}
        for one in payload.inputs:
            if one.datatype == "BYTES":
                feed[one.name] = np.array(StringCodec.decode_input(one), object)
            else:
                feed[one.name] = NumpyCodec.decode_input(one)
        if self._tuned:
            check_tensors(feed, self._model.task)
        output = NumpyCodec.encode_output("quantiles", self._model.run(feed))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])


async def start(artifact: str, port: int, how: str) -> None:
    """Serve until SIGTERM."""
    more: dict[str, Any] = {"debug": False} if how else {}
    if how == "alone":
        more["parallel_workers"] = 0
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    parameters = ModelParameters(uri=artifact, extra={"tuned": bool(how)})
    model = ModelSettings(
        name="aus_retail", implementation="service_mlserver.OnnxRuntime", parameters=parameters
    )
    await MLServer(Settings(host="127.0.0.1", **ports, **more)).start([model])


if __name__ == "__main__":
    how = "".join(sys.argv[3:])
    (uvloop.run if how else asyncio.run)(start(sys.argv[1], int(sys.argv[2]), how))
