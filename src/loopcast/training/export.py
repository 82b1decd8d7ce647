"""The forecaster -> one .onnx file from raw rows to quantiles, proven against torch before it is kept."""

import os
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, compose, helper
from torch import Tensor, nn

from loopcast.core.artifact import Artifact
from loopcast.core.errors import ArtifactError
from loopcast.core.inputs import inputs as cut
from loopcast.core.inputs import outputs
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.training.forecaster import Forecaster

OPSET = 18
TOLERANCE = 1e-4
"""Of the larger of the value and the window's scale."""
BATCHES = (1, 2, 257)


class Graph(nn.Module):
    """The forecaster with its inputs in the artifact's order."""

    def __init__(self, forecaster: Forecaster, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self.encoder, self.network = forecaster.encoder, forecaster.network
        self.predict = forecaster.outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """See Forecaster.outputs."""
        return self.predict(dict(zip(self.names, tensors, strict=True)))


def export(forecaster: Forecaster, panel: Panel, path: Path, card: dict[str, Any]) -> Path:
    """Write the artifact; raises ArtifactError where the file and torch differ.

    `panel` gives the real windows on which both are run.
    """
    assert forecaster.task is not None
    task = forecaster.task
    forecaster = forecaster.cpu().eval()
    raw = probe(panel, task, 2)
    coded = codes(raw, forecaster)
    core = _core(Graph(forecaster, list(coded)), coded, list(outputs(task)))
    model = _with_vocabularies(core, raw, forecaster.encoder.vocabularies)
    artifact = Artifact(
        task,
        {
            **card,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "libraries": libraries(),
        },
    )
    helper.set_model_props(model, artifact.to_metadata())
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    _prove(content, forecaster, panel, task)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, path)  # noqa: PTH105 - atomic
    return path


def probe(panel: Panel, task: Task, batch: int) -> dict[str, np.ndarray]:
    """Real windows with planted trouble: short, gappy, all missing, unknown keys."""
    generator = np.random.default_rng(batch)
    series = generator.integers(0, len(panel), batch)
    span = np.maximum(panel.origin - panel.start, 0)[series]
    origin = panel.origin[series] - (generator.random(batch) * span).astype(np.int64)
    found = cut(panel, task, series, origin)
    if batch > 2:
        found["target"][0] = np.nan
        found["target"][1, :-1] = np.nan
        found["target"][2:20][generator.random((18, task.history)) < 0.5] = np.nan
        for name, column in found.items():
            if "." in name:
                column[20:24] = "never seen"
    return found


def codes(raw: dict[str, np.ndarray], forecaster: Forecaster) -> dict[str, Tensor]:
    """Text -> fitted codes, as the graph's LabelEncoders do."""
    tables = {
        name: {text: i + 1 for i, text in enumerate(texts)}
        for name, texts in forecaster.encoder.vocabularies.items()
    }
    result = {}
    for name, values in raw.items():
        if "." not in name:
            result[name] = torch.from_numpy(values)
        elif name in tables:
            numbers = [tables[name].get(text, 0) for text in values.ravel()]
            result[name] = torch.tensor(numbers, dtype=torch.int64).reshape(values.shape)
    return result


def _core(graph: Graph, coded: dict[str, Tensor], names: list[str]) -> onnx.ModelProto:
    batch = torch.export.Dim.DYNAMIC
    shapes = tuple({0: batch} for _ in coded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            tuple(coded.values()),
            dynamo=True,
            dynamic_shapes=(shapes,),
            input_names=list(coded),
            output_names=[f"{name}.out" for name in names],
            opset_version=OPSET,
            verbose=False,
        )
    stream = BytesIO()
    program.save(stream)  # type: ignore[union-attr,arg-type]
    return _named(_bare(onnx.load_from_string(stream.getvalue())), names)


def _named(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    """With its outputs' own names, which values inside the graph may bear by chance."""
    new = {name: f"{name}.within" for name in names} | {f"{name}.out": name for name in names}
    for node in model.graph.node:
        for values in (node.input, node.output):
            for place, name in enumerate(values):
                values[place] = new.get(name, name)
    for value in (*model.graph.initializer, *model.graph.output):
        value.name = new.get(value.name, value.name)
    return model


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes, which hold stack traces of this machine in each node."""
    for node in model.graph.node:
        del node.metadata_props[:]
    del model.graph.value_info[:]
    return model


def _with_vocabularies(
    core: onnx.ModelProto, raw: dict[str, np.ndarray], vocabularies: dict[str, tuple[str, ...]]
) -> onnx.ModelProto:
    """Join a LabelEncoder in front of each coded input, which then takes text under its own name."""
    present = {value.name for value in core.graph.input}
    named = {name: texts for name, texts in vocabularies.items() if name in present}
    if not named:
        return core
    nodes, ins, outs = [], [], []
    for name, texts in named.items():
        shape = ["batch", *raw[name].shape[1:]]
        numbers = list(range(1, len(texts) + 1))
        nodes.append(
            helper.make_node(
                "LabelEncoder",
                [f"{name}.text"],
                [f"{name}.code"],
                domain="ai.onnx.ml",
                keys_strings=list(texts) or [""],
                values_int64s=numbers or [0],
                default_int64=0,
            )
        )
        ins.append(helper.make_tensor_value_info(f"{name}.text", TensorProto.STRING, shape))
        outs.append(helper.make_tensor_value_info(f"{name}.code", TensorProto.INT64, shape))
    opsets = [*core.opset_import, helper.make_opsetid("ai.onnx.ml", 2)]
    front = helper.make_model(
        helper.make_graph(nodes, "vocabularies", ins, outs),
        opset_imports=opsets,
        ir_version=core.ir_version,
    )
    core.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    joined = compose.merge_models(front, core, io_map=[(f"{n}.code", n) for n in named])
    return _renamed(joined, {f"{name}.text": name for name in named}, core.ir_version)


def _renamed(model: onnx.ModelProto, names: dict[str, str], ir: int) -> onnx.ModelProto:
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)
    for value in model.graph.input:
        value.name = names.get(value.name, value.name)
    model.ir_version = ir
    return model


def _prove(content: bytes, forecaster: Forecaster, panel: Panel, task: Task) -> None:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    taken = {value.name for value in session.get_inputs()}
    for batch in BATCHES:
        raw = probe(panel, task, batch)
        feed = {name: values for name, values in raw.items() if name in taken}
        found = dict(zip(outputs(task), session.run(list(outputs(task)), feed), strict=True))
        with torch.no_grad():
            coded = codes(raw, forecaster)
            expected = [values.numpy() for values in forecaster.outputs(coded)]
            scale = forecaster.encoder(coded)["scale"].numpy()
        for (name, served), wanted in zip(found.items(), expected, strict=True):
            _compare(name, served, wanted, scale.reshape(-1, *[1] * (wanted.ndim - 1)))


def _compare(name: str, served: np.ndarray, expected: np.ndarray, scale: np.ndarray) -> None:
    batch = len(expected)
    if served.shape != expected.shape or not np.isfinite(served).all():
        raise ArtifactError(
            f"the exported graph gives {name} {served.shape} at batch {batch}, torch"
            f" {expected.shape}, or a value that is not finite; the file was not written"
        )
    room = TOLERANCE * np.maximum(np.abs(expected), np.maximum(scale, 1e-12))
    if (worst := float((np.abs(served - expected) / room).max())) > 1:
        raise ArtifactError(
            f"the exported graph differs from torch in {name} by {worst:.1f} times the tolerance"
            f" at batch {batch}; the file was not written"
        )


def libraries() -> dict[str, str]:
    """Versions of what made a run."""
    names = ("loopcast", "torch", "lightning", "onnx", "onnxruntime", "numpy")
    return {name: version(name) for name in names}
