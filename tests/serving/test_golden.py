"""What was exported once keeps giving the same numbers."""

import json

import numpy as np
import pytest


def test_an_old_artifact_gives_the_numbers_it_gave(predictor, golden, rows, future):
    expected = json.loads((golden / "expected.json").read_text(encoding="utf-8"))
    forecast = predictor.predict(rows, future)
    assert len(forecast.to_records()) == len(expected["records"])
    for ours, theirs in zip(forecast.to_records(), expected["records"], strict=True):
        assert list(ours) == list(theirs)
        assert ours == {
            name: pytest.approx(value, rel=1e-4) if isinstance(value, float) else value
            for name, value in theirs.items()
        }
    assert [list(remarks) for remarks in forecast.warnings] == expected["warnings"]


def test_an_old_artifact_still_says_what_it_is(predictor):
    assert predictor.task.future.numeric == ("Price",)
    assert predictor.task.future.categorical == ("Promotion",)
    assert {"created", "libraries"} <= set(predictor.card)
    assert predictor.vocabularies["static.Shop"] == {"007", "Nord", "Süd"}


def test_an_artifact_holds_no_path_and_no_stack_trace_of_where_it_was_made(golden):
    content = (golden / "golden.onnx").read_bytes()
    assert b"stack_trace" not in content
    assert b".py" not in content


def test_batches_of_any_size_give_each_series_the_same_forecast(golden, rows, future):
    from loopcast.serving.predictor import Predictor

    whole = Predictor(golden / "golden.onnx").predict(rows, future)
    parts = Predictor(golden / "golden.onnx", chunk=4, threads=2).predict(rows, future)
    np.testing.assert_allclose(whole.quantiles, parts.quantiles, rtol=1e-5)
