"""The Open Inference Protocol V2: the artifact's own tensors over REST."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from loopcast.core.errors import WrongTime
from loopcast.core.inputs import names, outputs
from loopcast.core.task import Task
from loopcast.core.text import text
from loopcast.service.body import decode, read
from loopcast.service.champion import Champion
from loopcast.service.forecasting import Asking, Forecasting
from loopcast.service.problem import Problem, invalid
from loopcast.service.result import Result
from loopcast.service.routes import reply
from loopcast.service.served import Served
from loopcast.service.settings import Limits
from loopcast.service.targets import FLOAT
from loopcast.service.wire import InferAsked, Tensor
from loopcast.service.writer import Writer
from loopcast.store.ledger import Ledger

INFER = msgspec.json.Decoder(InferAsked)
NUMBERS = {
    "FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64",
}  # fmt: skip


class Inference:
    """/v2/..."""

    def __init__(
        self,
        champion: Champion,
        forecasting: Forecasting,
        ledger: Ledger,
        writer: Writer,
        limits: Limits,
    ) -> None:
        self._champion, self._forecasting = champion, forecasting
        self._ledger, self._writer, self._limits = ledger, writer, limits
        self.stopping = False

    async def server(self, request: Request) -> Response:
        """What runs here."""
        return reply({"name": "loopcast", "version": "2", "extensions": []})

    async def live(self, request: Request) -> Response:
        """The process answers."""
        return reply({"live": True})

    async def ready(self, request: Request) -> Response:
        """A version serves, the ledger answers, and nobody asked the process to end."""
        if self.stopping:
            raise Problem(503, "The service is ending.")
        self._champion.current  # noqa: B018 - raises where none serves
        self._writer.check()
        await asyncio.to_thread(self._ledger.check)
        return reply({"ready": True})

    async def model(self, request: Request) -> Response:
        """Inputs and outputs of the version that serves."""
        served = self._named(request)
        task = served.task
        return reply(
            {
                "name": served.name,
                "versions": [str(served.version)],
                "platform": "onnxruntime_onnx",
                "inputs": [
                    {"name": name, "datatype": kind, "shape": shape}
                    for name, kind, shape in tensors(task)
                ],
                "outputs": [
                    {"name": name, "datatype": "FP32", "shape": [-1, *shape]}
                    for name, shape in _shapes(task).items()
                ],
            }
        )

    async def model_ready(self, request: Request) -> Response:
        """The model is here and serves."""
        served = self._named(request)
        return reply({"name": served.name, "ready": True})

    async def infer(self, request: Request) -> Response:
        """Run the tensors; the answer is in the ledger like any other."""
        served = self._named(request)
        body = await read(request, self._limits)
        asked = decode(body, INFER)
        for i, output in enumerate(asked.outputs or ()):
            if output.name not in (known := _shapes(served.task)):
                raise invalid(f"/outputs/{i}/name", f"the model has {' and '.join(known)}")
        prepared = prepare(asked.inputs, served, self._limits)
        found = await self._forecasting.threaded(_run, served, prepared)
        result = _result(prepared, found, served.task)
        horizon, every = served.task.horizon, list(range(len(served.task.quantiles)))
        asking = Asking(
            request.state.id,
            request.state.client,
            hashlib.sha256(body).hexdigest(),
            request.state.facts,
        )
        answer = await self._forecasting.keep(result, horizon, every, served, asking)
        wanted = [output.name for output in asked.outputs or ()] or list(found)
        given = [
            {
                "name": name,
                "datatype": "FP32",
                "shape": list(found[name].shape),
                "data": found[name].ravel(),
            }
            for name in wanted
        ]
        shown = {
            "model_name": served.name,
            "model_version": str(served.version),
            "id": asked.id or answer.id,
            "parameters": {"forecast_id": answer.id},
            "outputs": given,
        }
        return reply(orjson.dumps(shown, option=orjson.OPT_SERIALIZE_NUMPY))

    def _named(self, request: Request) -> Served:
        served = self._champion.current
        version = request.path_params.get("version")
        if request.path_params["model"] != served.name:
            raise Problem(404, "There is no such model here.")
        if version is not None and version != str(served.version):
            raise Problem(404, f"Version {served.version} serves, no other.")
        return served


def tensors(task: Task) -> list[tuple[str, str, list[int]]]:
    """Name, datatype and shape of the artifact's inputs; -1 is the batch."""
    steps = {"past": task.history, "future": task.history + task.horizon}
    found = []
    for name in names(task):
        role, _, column = name.partition(".")
        if name == "origin":
            found.append((name, "INT64", [-1]))
        elif name == "target":
            found.append((name, "FP32", [-1, task.history]))
        elif column:
            found.append((name, "BYTES", [-1] if role == "static" else [-1, steps[role]]))
        else:
            width = len(getattr(task, role).numeric)
            shape = [-1, width] if role == "static" else [-1, steps[role], width]
            found.append((name, "FP32", shape))
    return found


def prepare(inputs: list[Tensor], served: Served, limits: Limits) -> dict[str, NDArray[Any]]:
    """Checked arrays by name; raises Problem. `origin` may be ISO dates (BYTES)."""
    wanted = {name: (kind, shape) for name, kind, shape in tensors(served.task)}
    given = {tensor.name for tensor in inputs}
    if given != set(wanted) or len(inputs) != len(wanted):
        raise invalid("/inputs", f"the model's inputs are {', '.join(wanted)}, each once")
    batch = inputs[0].shape[0] if inputs[0].shape else 0
    if not 0 < batch <= limits.series:
        raise invalid("/inputs/0/shape", f"a batch has 1 to {limits.series:,} series")
    found = {}
    for i, tensor in enumerate(inputs):
        kind, shape = wanted[tensor.name]
        right = [batch, *shape[1:]]
        if tensor.shape != right:
            raise invalid(f"/inputs/{i}/shape", f"{tensor.name} has shape {right}")
        found[tensor.name] = _array(tensor, kind, right, served, f"/inputs/{i}")
    return found


def _array(tensor: Tensor, kind: str, shape: list[int], served: Served, where: str) -> NDArray[Any]:
    dates = tensor.name == "origin" and tensor.datatype == "BYTES"
    if not dates and (tensor.datatype == "BYTES") != (kind == "BYTES"):
        raise invalid(f"{where}/datatype", f"{tensor.name} is {kind}")
    if tensor.datatype != "BYTES" and tensor.datatype not in NUMBERS:
        raise invalid(f"{where}/datatype", "this datatype is not known")
    try:
        flat = np.array(tensor.data, object if tensor.datatype == "BYTES" else np.float64).ravel()
        if dates:
            return served.step(flat).reshape(shape)
        if kind == "BYTES":
            return _plain(text(flat), where).reshape(shape)
        if kind == "INT64":
            return _whole(flat, where).reshape(shape)
        if np.abs(flat).max(initial=0, where=flat == flat) > FLOAT:  # noqa: PLR0124 - not NaN
            raise invalid(f"{where}/data", "a number is too large")
        return flat.reshape(shape).astype(np.float32)
    except (TypeError, ValueError, OverflowError, WrongTime) as error:
        raise invalid(f"{where}/data", f"{tensor.name} does not hold {kind} of {shape}") from error


def _plain(texts: NDArray[Any], where: str) -> NDArray[Any]:
    if any("\x00" in one or len(one) > 1000 for one in texts):
        raise invalid(f"{where}/data", "a text has at most 1,000 letters and none is NUL")
    return texts


def _whole(flat: NDArray[np.float64], where: str) -> NDArray[np.int64]:
    if not (np.isfinite(flat) & (flat == np.round(flat)) & (np.abs(flat) < 1 << 52)).all():
        raise invalid(f"{where}/data", "whole numbers are wanted")
    return flat.astype(np.int64)


def _run(served: Served, prepared: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    return served.predictor.outputs(prepared)


def _shapes(task: Task) -> dict[str, list[int]]:
    """Of the outputs, but for the batch."""
    shapes = {"quantiles": [task.horizon, len(task.quantiles)], "mean": [task.horizon]}
    return {name: shapes[name] for name in outputs(task)}


def _result(
    prepared: dict[str, NDArray[Any]], found: Mapping[str, NDArray[np.float32]], task: Task
) -> Result:
    """Keys are told by the static columns of their names; "" where there are none."""
    count = len(found["quantiles"])
    columns = [prepared.get(f"static.{n}", np.full(count, "", object)) for n in task.series]
    rows = zip(*columns, strict=True) if columns else [()] * count
    keys = [dict(zip(task.series, row, strict=True)) for row in rows]
    origins = prepared["origin"]
    none: list[list[str]] = [[] for _ in range(count)]
    return Result(
        keys, origins, found["quantiles"], prepared["target"], ["tensors"] * count, none,
        mean=found.get("mean"),
    )  # fmt: skip
