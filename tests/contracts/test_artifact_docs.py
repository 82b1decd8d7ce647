"""What docs/artifact.md says about the inputs is so."""

import re

import numpy as np
import onnxruntime


def test_the_example_by_hand_runs_on_the_golden_artifact(root, golden, monkeypatch):
    text = (root / "docs" / "artifact.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(golden)
    names = {}
    exec(code, names)
    assert names["quantiles"].shape == (1, 6, 5)
    assert (np.diff(names["quantiles"]) >= 0).all()


def test_the_input_table_names_what_artifacts_ask_for(root, golden):
    text = (root / "docs" / "artifact.md").read_text(encoding="utf-8")
    session = onnxruntime.InferenceSession(golden / "golden.onnx")
    for name in (value.name for value in session.get_inputs()):
        shown = re.sub(r"\..*", ".COL", name)
        assert f"| `{shown}` |" in text
