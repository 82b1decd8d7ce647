"""What the peers of the service's figures share: a session around the .onnx, JSON, and checks."""

import json
from typing import Any

import numpy as np
import onnxruntime

FLOAT = 3e38


class Model:
    """A session, and the JSON of a forecast around it."""

    def __init__(self, artifact: str, *, tuned: bool) -> None:
        options = onnxruntime.SessionOptions()
        if tuned:
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(artifact, options)
        self.task = json.loads(self.session.get_modelmeta().custom_metadata_map["loopcast.task"])
        self.levels = [f"{level:g}" for level in self.task["quantiles"]]
        self.history: int = self.task["history"]

    def feed(self, series: list[dict[str, Any]]) -> dict[str, Any]:
        """Series -> tensors; their histories have one length and end."""
        count = len(series)
        target = np.full((count, self.history), np.nan, np.float32)
        origin = np.empty(count, np.int64)
        for i, one in enumerate(series):
            values = np.array(one["target"], np.float32)[-self.history :]
            target[i, self.history - len(values) :] = values
            start = int(np.datetime64(one["start"][:7], "M").astype(int))
            origin[i] = start + len(one["target"]) - 1
        texts = {
            f"static.{name}": np.array([one["key"][name] for one in series], object)
            for name in self.task["series"]
        }
        return {"target": target, "origin": origin, **texts}

    def run(self, feed: dict[str, Any]) -> Any:
        """[series, horizon, quantile]."""
        return self.session.run(["quantiles"], feed)[0]

    def answers(self, series: list[dict[str, Any]], quantiles: Any) -> list[dict[str, Any]]:
        """Tensors -> JSON."""
        found = []
        for one, values in zip(series, quantiles, strict=True):
            origin = np.datetime64(one["start"][:7], "M") + len(one["target"]) - 1
            months = origin + np.arange(1, len(values) + 1)
            found.append(
                {
                    "key": one["key"],
                    "origin": f"{origin}-01",
                    "times": [f"{month}-01" for month in months],
                    "quantiles": dict(zip(self.levels, values.T.tolist(), strict=True)),
                }
            )
        return found


def check(series: list[dict[str, Any]], names: list[str]) -> None:
    """What loopcast checks of such a request, series by series; raises ValueError."""
    for one in series:
        if set(one) != {"key", "start", "target"} or set(one["key"]) != set(names):
            raise ValueError("other fields, or another key")
        if any(type(v) is not str or len(v) > 1000 or "\x00" in v for v in one["key"].values()):
            raise ValueError("a key is a short text")
        values = np.array(one["target"], np.float64)
        if values.ndim != 1 or np.nanmax(np.abs(values), initial=0) > FLOAT:
            raise ValueError("a number is too large")


def check_tensors(feed: dict[str, Any], task: dict[str, Any]) -> None:
    """The same of tensors."""
    count = len(feed["origin"])
    if feed["target"].shape != (count, task["history"]) or feed["origin"].shape != (count,):
        raise ValueError("another shape")
    if np.nanmax(np.abs(feed["target"]), initial=0) > FLOAT:
        raise ValueError("a number is too large")
    for name in task["series"]:
        texts = feed[f"static.{name}"]
        if texts.shape != (count,) or any(len(one) > 1000 or "\x00" in one for one in texts):
            raise ValueError("a key is a short text")
