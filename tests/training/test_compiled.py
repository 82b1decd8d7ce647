"""`compiled: true` is a matter of speed alone."""

import shutil

import lightning as L
import pytest
import torch
from training.conftest import parts
from training.test_datamodule import QUIET

PLAIN = {"static": [], "future": [], "features": []}  # no draws inside the step
if not any(map(shutil.which, ("g++", "clang++", "c++"))):
    pytest.skip("torch.compile is not tested: no C++ compiler", allow_module_level=True)


def trained(frame, compiled):
    L.seed_everything(3, verbose=False)
    data, model = parts(frame, **PLAIN)
    model.compiled, model.make, model.shorten = compiled, None, 0.0
    L.Trainer(**QUIET, max_steps=6).fit(model, data)
    return dict(model.state_dict())


def test_a_compiled_step_learns_the_same(frame):
    eager, compiled = trained(frame, False), trained(frame, True)
    assert eager.keys() == compiled.keys()
    for name, value in eager.items():
        torch.testing.assert_close(compiled[name], value, rtol=1e-3, atol=1e-4)
