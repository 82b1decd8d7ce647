"""An artifact is opened safely: nothing but its bytes is read, and what is no artifact is refused."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from loopcast.core.artifact import Artifact
from loopcast.core.errors import ArtifactError
from loopcast.core.task import Task
from loopcast.serving.predictor import Predictor

TASK = Task(target="y", time="t", series=(), frequency="MS", horizon=3, season=12, history=24)
ROWS = {"t": ["2024-01-01", "2024-02-01"], "y": [1, 2]}


def external(tensor, location):
    """Move a tensor's numbers into another file, as `onnx.save(save_as_external_data=True)` does."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location


@pytest.fixture
def model(last_value):
    return onnx.load_from_string(last_value(TASK))


def room(model):
    return next(tensor for tensor in model.graph.initializer if tensor.name == "room")


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_weights_in_another_file_are_refused_also_behind_links(model, link, tmp_path, monkeypatch):
    """Onnxruntime itself would read weights.bin here, though it gets bytes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(np.zeros(9, np.float32).tobytes())
    if link:
        link(tmp_path / "secret", tmp_path / "weights.bin")
    external(room(model), "weights.bin" if link else "secret")
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    for source in ("x.onnx", (tmp_path / "x.onnx").read_bytes()):
        with pytest.raises(ArtifactError, match="another file"):
            Predictor(source)


@pytest.mark.parametrize("location", ["/etc/passwd", "../../secret", "*/_ORT_MEM_ADDR_/*"])
def test_weights_anywhere_else_are_refused_too(model, location):
    external(room(model), location)
    with pytest.raises(ArtifactError, match="another file"):
        Predictor(model.SerializeToString())


def test_weights_hidden_in_nodes_branches_and_functions_are_refused(model):
    tensor = helper.make_tensor("c", TensorProto.FLOAT, [9], np.zeros(9, np.float32))
    external(tensor, "secret")
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    branch = helper.make_graph([constant], "branch", [], [])
    wrapped = helper.make_node("If", ["d"], ["e"], then_branch=branch, else_branch=branch)
    function = helper.make_function("own", "f", [], ["c"], [constant], model.opset_import)
    hidden = [onnx.ModelProto.FromString(model.SerializeToString()) for _ in range(4)]
    hidden[0].graph.node.append(constant)
    hidden[1].graph.node.append(wrapped)
    hidden[2].functions.append(function)
    hidden[3].graph.sparse_initializer.append(onnx.SparseTensorProto(values=tensor, dims=[9]))
    for one in hidden:
        with pytest.raises(ArtifactError, match="another file"):
            Predictor(one.SerializeToString())


def test_a_field_number_that_other_readers_would_cut_is_refused(model):
    """2**32 + 112 is cut to 112, the tag of data_location, by readers of 32 bits."""
    external(room(model), "secret")
    content = model.SerializeToString()
    tag, cut = bytes([112, 1]), bytes([0xF0, 0x80, 0x80, 0x80, 0x10, 1])
    assert tag in content
    with pytest.raises(ArtifactError):
        Predictor(content.replace(tag, cut))


@pytest.mark.parametrize(
    "content",
    [b"", b"no model", b"PK\x03\x04" * 50, bytes(1000), b"\xff" * 100, b"\x3a" * 5000, b"[1, 2]"],
)
def test_what_is_no_onnx_file_is_refused(content):
    with pytest.raises(ArtifactError):
        Predictor(content)


def test_a_damaged_artifact_is_refused_wherever_it_was_cut(last_value):
    content = last_value(TASK)
    for size in range(0, len(content) - 1, 97):
        with pytest.raises(ArtifactError):
            Predictor(content[:size])


def test_an_onnx_file_of_another_kind_is_refused(last_value):
    with pytest.raises(ArtifactError, match=r"no loopcast\.format; export it"):
        Predictor(last_value(TASK, {}))


@pytest.mark.parametrize("number", ["2", "99", "1.5", "", "one"])
def test_a_format_that_this_version_does_not_know_is_refused(last_value, number):
    metadata = Artifact(TASK).to_metadata() | {"loopcast.format": number}
    with pytest.raises(ArtifactError, match="this version reads 1"):
        Predictor(last_value(TASK, metadata))


@pytest.mark.parametrize(
    "broken",
    [
        {"loopcast.task": "{"},
        {"loopcast.task": "[]"},
        {"loopcast.task": "{}"},
        {"loopcast.card": "no"},
        {"loopcast.task": TASK.to_json().replace('"horizon"', '"horizn"')},
    ],
)
def test_a_description_that_cannot_be_read_is_refused(last_value, broken):
    with pytest.raises(ArtifactError, match="description cannot be read"):
        Predictor(last_value(TASK, Artifact(TASK).to_metadata() | broken))


def test_a_graph_with_inputs_that_its_task_does_not_name_is_refused(model):
    extra = helper.make_tensor_value_info("weather", TensorProto.FLOAT, ["batch"])
    model.graph.input.append(extra)
    with pytest.raises(ArtifactError, match="weather"):
        Predictor(model.SerializeToString())


def test_a_graph_that_fails_while_it_runs_is_told(last_value):
    metadata = Artifact(replace(TASK, history=36)).to_metadata()
    with pytest.raises(ArtifactError, match=r"cannot be run.*export it again"):
        Predictor(last_value(TASK, metadata)).predict(ROWS)


def test_a_path_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"No such file.*check the path"):
        Predictor(tmp_path / "absent.onnx")
    with pytest.raises(ArtifactError, match="is no file"):
        Predictor(tmp_path)
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ArtifactError, match="is no file"):
        Predictor(tmp_path / "pipe.onnx")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "huge.onnx").open("wb") as sparse:
        sparse.truncate(2**33)
    with pytest.raises(ArtifactError, match="8,589,934,592 bytes"):
        Predictor(tmp_path / "huge.onnx")


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="cuda is here"
)
def test_an_absent_provider_is_told(last_value):
    with pytest.raises(ArtifactError, match=r"cannot run on cuda here.*it can on:.*cpu"):
        Predictor(last_value(TASK), providers=["cuda"])
    assert len(Predictor(last_value(TASK), providers=["cpu"]).predict(ROWS)) == 1


def test_opening_and_predicting_read_no_file_but_the_artifact(golden, tmp_path):
    """Python's audit hook sees every file that Python opens after the imports."""
    code = (
        "import sys, numpy; from loopcast.serving.predictor import Predictor; opened = [];"
        "sys.addaudithook(lambda e, a: opened.append(str(a[0])) if e == 'open' else None);"
        "Predictor(sys.argv[1]);"
        "print([p for p in opened if not p.endswith(('.py', '.pyc', '.so', '.onnx'))])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(golden / "golden.onnx")],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert out.stdout.strip() == "[]"
