"""Artifact + rows -> forecast, with numpy and onnxruntime alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from loopcast.core.artifact import Artifact
from loopcast.core.errors import ArtifactError, MissingFuture
from loopcast.core.forecast import Forecast
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid, missing_future
from loopcast.core.inputs import inputs
from loopcast.core.panel import Panel
from loopcast.core.task import Task


class Predictor:
    """Opens an artifact from a path or its bytes; raises ArtifactError where it is not one.

    `threads`: of the session; one is fastest for small networks. `chunk`: series run at once.
    External data is refused: the session is opened from bytes, which admits none.
    """

    def __init__(
        self,
        source: str | Path | bytes,
        *,
        threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        chunk: int = 128,
    ) -> None:
        self._session = _open(_content(source), threads, list(providers))
        artifact = Artifact.from_metadata(self._session.get_modelmeta().custom_metadata_map)
        self.task: Task = artifact.task
        self.card: Mapping[str, Any] = artifact.card
        self._chunk = chunk
        self._names = [value.name for value in self._session.get_inputs()]

    def predict(
        self, history: Any, future: Any = None, origin: Any = None, *, series: Any = None
    ) -> Forecast:
        """Forecast every series in `history` (and keys in `future` or `series`) after the origin.

        Rows: a mapping of column to values, a list of records, or a data frame; any order.
        `future`: rows of the known-ahead columns over the horizon. `origin`: the last history
        time; default: the last complete step. Raises the DataError tree.
        """
        panel = grid(history, self.task, future=future, series=series, origin=origin)
        self._require_future(panel)
        count = len(panel)
        prepared = inputs(panel, self.task, np.arange(count), panel.origin)
        quantiles = self.run(prepared)
        frequency = Frequency.parse(self.task.frequency)
        ahead = panel.origin[:, None] + np.arange(1, self.task.horizon + 1)
        return Forecast(
            panel.keys,
            self.task.time,
            frequency.time(panel.origin),
            frequency.time(ahead),
            quantiles,
            self.task.quantiles,
            self._warnings(prepared["target"]),
        )

    def run(self, prepared: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The artifact's inputs by name, any batch -> [batch, horizon, quantile]."""
        count = len(prepared["origin"])
        parts = [
            self._session.run(
                ["quantiles"], {n: prepared[n][i : i + self._chunk] for n in self._names}
            )[0]
            for i in range(0, count, self._chunk)
        ]
        return np.concatenate(parts) if len(parts) != 1 else parts[0]

    def _require_future(self, panel: Panel) -> None:
        lacking = np.flatnonzero(missing_future(panel, self.task))
        if len(lacking):
            names = ", ".join(self.task.future.names)
            raise MissingFuture(
                f"{len(lacking)} series, e.g. {panel.name(int(lacking[0]))!r}, have no rows of the"
                f" known-ahead columns ({names}) for all {self.task.horizon} steps after the"
                " origin; give them as `future` (--future FILE)"
            )

    def _warnings(self, target: NDArray[np.float32]) -> list[list[str]]:
        seen = (~np.isnan(target)).sum(1)
        first = np.where(seen > 0, np.argmax(~np.isnan(target), 1), 0)
        short = target.shape[1] - first
        return [
            _remarks(int(n), int(span), max(self.task.season, 1))
            for n, span in zip(seen, short, strict=True)
        ]


def _remarks(seen: int, span: int, season: int) -> list[str]:
    if not seen:
        return ["no history: the forecast rests on the static and future columns"]
    found = []
    if span < season:
        found.append(f"short history: {span} steps, less than a season of {season}")
    if seen < span:
        found.append(f"gaps: {span - seen} of the last {span} steps are missing")
    return found


def _content(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{source} cannot be read ({error.strerror}); check the path"
        ) from error


def _open(content: bytes, threads: int, providers: list[str]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    known = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
    wanted = [known.get(provider, provider) for provider in providers]
    if absent := set(wanted) - set(onnxruntime.get_available_providers()):
        raise ArtifactError(
            f"this onnxruntime has no {', '.join(sorted(absent))};"
            f" it has {', '.join(onnxruntime.get_available_providers())}"
        )
    try:
        return onnxruntime.InferenceSession(content, options, providers=wanted)
    except Exception as error:  # onnxruntime raises many types of its own
        raise ArtifactError(
            f"this is no ONNX file that can be opened safely ({str(error).splitlines()[0][:120]})"
        ) from error
