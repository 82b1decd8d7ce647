"""The golden artifact, and graphs made by hand for any task."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from loopcast.core.artifact import Artifact
from loopcast.core.tables import read
from loopcast.serving.predictor import Predictor

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="session")
def predictor():
    return Predictor(GOLDEN / "golden.onnx")


@pytest.fixture
def rows():
    return read(str(GOLDEN / "rows.csv"))


@pytest.fixture
def future():
    return read(str(GOLDEN / "future.csv"))


@pytest.fixture(scope="session")
def last_value():
    """Task -> bytes of an artifact that repeats the last observed target, 0 where it is missing."""
    return repeat_last


def repeat_last(task, metadata=None):
    shape = ["batch", task.history]
    constant = [
        helper.make_tensor("start", TensorProto.INT64, [1], [task.history - 1]),
        helper.make_tensor("end", TensorProto.INT64, [1], [task.history]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("two", TensorProto.INT64, [1], [2]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        onnx.numpy_helper.from_array(
            np.zeros((1, task.horizon, len(task.quantiles)), np.float32), "room"
        ),
    ]
    nodes = [
        helper.make_node("IsNaN", ["target"], ["absent"]),
        helper.make_node("Where", ["absent", "zero", "target"], ["known"]),
        helper.make_node("Slice", ["known", "start", "end", "axis"], ["last"]),
        helper.make_node("Unsqueeze", ["last", "two"], ["wide"]),
        helper.make_node("Add", ["wide", "room"], ["quantiles"]),
    ]
    ins = [
        helper.make_tensor_value_info("target", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("origin", TensorProto.INT64, ["batch"]),
    ]
    out = ["batch", task.horizon, len(task.quantiles)]
    outs = [helper.make_tensor_value_info("quantiles", TensorProto.FLOAT, out)]
    model = helper.make_model(
        helper.make_graph(nodes, "last", ins, outs, constant),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    helper.set_model_props(model, Artifact(task).to_metadata() if metadata is None else metadata)
    return model.SerializeToString()
