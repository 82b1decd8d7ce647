"""Artifact + rows -> forecast, with numpy and onnxruntime alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.artifact import Artifact
from loopcast.core.errors import ArtifactError, WrongTime
from loopcast.core.forecast import Forecast
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid, require_future
from loopcast.core.inputs import inputs, names, outputs
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.serving.protobuf import messages, refuse_external_data, vocabularies
from loopcast.serving.remarks import remarks
from loopcast.serving.session import content, session

BLOCK = 8192
"""Series whose windows are cut at once."""
ENOUGH = 8
"""Distances between rows from which their frequency is told."""


class Predictor:
    """Opens an artifact from a path or its bytes; raises ArtifactError where it is not one.

    `threads`: of the session; one is fastest for small networks. `providers`: "cpu", "cuda" or
    onnxruntime's names. `chunk`: series run at once. Nothing but the artifact's bytes is read.
    """

    task: Task
    card: Mapping[str, Any]
    vocabularies: Mapping[str, frozenset[str]]
    """The texts that the graph tells apart, by input name; all others are unknown."""

    def __init__(
        self,
        source: str | Path | bytes,
        *,
        threads: int = 1,
        providers: Sequence[str] = ("cpu",),
        chunk: int = 128,
    ) -> None:
        graph = content(source)
        found = list(messages(graph))
        refuse_external_data(found)
        self.vocabularies = vocabularies(found)
        self._session = session(graph, threads, providers)
        artifact = Artifact.from_metadata(self._session.get_modelmeta().custom_metadata_map)
        self.task, self.card = artifact.task, artifact.card
        self._chunk = chunk
        self._names = [value.name for value in self._session.get_inputs()]
        self._refuse_other_graphs()

    def predict(
        self, history: Any, future: Any = None, origin: Any = None, *, series: Any = None
    ) -> Forecast:
        """Forecast every series in `history` (and keys in `future` or `series`) after the origin.

        Rows: a mapping of column to values, a list of records, or a data frame; any order.
        `future`: rows of the known-ahead columns over the horizon. `origin`: the last history
        time; default: the last complete step. Raises the DataError tree.
        """
        task, frequency = self.task, Frequency.parse(self.task.frequency)
        panel = grid(history, task, future=future, series=series, origin=origin)
        require_future(panel, task)
        self._require_frequency(panel)
        ahead = panel.origin[:, None] + np.arange(1, task.horizon + 1)
        prepared, found = self._blocks(panel)
        return Forecast(
            panel.keys,
            task.time,
            frequency.time(panel.origin),
            frequency.time(ahead),
            found["quantiles"],
            task.quantiles,
            remarks(panel, task, prepared["target"], self.vocabularies),
            {name: prepared[f"static.{name}"] for name in task.static.categorical},
            mean=found.get("mean"),
        )

    def _blocks(self, panel: Panel) -> tuple[Mapping[str, NDArray[Any]], dict[str, Any]]:
        """Target and static texts of all series, and what the graph gives; never all windows at once."""
        kept = ["target", *(f"static.{name}" for name in self.task.static.categorical)]
        prepared: list[list[NDArray[Any]]] = []
        found: list[dict[str, NDArray[np.float32]]] = []
        for first in range(0, max(len(panel), 1), BLOCK):
            chosen = np.arange(first, min(first + BLOCK, len(panel)))
            cut = inputs(panel, self.task, chosen, panel.origin[chosen])
            found.append(self.outputs(cut))
            prepared.append([cut[name] for name in kept])
        if len(found) == 1:
            return dict(zip(kept, prepared[0], strict=True)), found[0]
        whole = [np.concatenate(part) for part in zip(*prepared, strict=True)]
        return dict(zip(kept, whole, strict=True)), {
            name: np.concatenate([one[name] for one in found]) for name in found[0]
        }

    def run(self, prepared: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The artifact's inputs by name, any batch -> [batch, horizon, quantile]."""
        return self.outputs(prepared)["quantiles"]

    def outputs(self, prepared: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """All that the graph gives: "quantiles", and where the task asks "mean" [batch, horizon]."""
        feed = {name: prepared[name] for name in self._names}
        count = len(prepared["origin"])
        names = outputs(self.task)
        if count <= self._chunk:
            return dict(zip(names, self._ran(feed), strict=True))
        parts = [
            self._ran({name: values[i : i + self._chunk] for name, values in feed.items()})
            for i in range(0, count, self._chunk)
        ]
        whole = (np.concatenate(part) for part in zip(*parts, strict=True))
        return dict(zip(names, whole, strict=True))

    def _ran(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        try:
            return self._session.run(list(outputs(self.task)), feed)
        except Exception as error:  # onnxruntime raises many types of its own
            raise ArtifactError(
                f"the graph cannot be run ({str(error).splitlines()[0][:200]}); export it again"
            ) from error

    def _refuse_other_graphs(self) -> None:
        others = sorted(set(self._names) - set(names(self.task)))
        given = [value.name for value in self._session.get_outputs()]
        if others or not set(outputs(self.task)) <= set(given):
            raise ArtifactError(
                f"the graph does not fit its task (inputs {others}, outputs {given});"
                " export it again with loopcast"
            )

    def _require_frequency(self, panel: Panel) -> None:
        """Rows that are nowhere next to each other are rows of a coarser frequency.

        Not so transactions, which may come once a week.
        """
        if self.task.aggregate:
            return
        seen = ~np.isnan(panel.target)
        near = seen[1:] & seen[:-1]
        ends = panel.offsets[1:-1]  # the last step of one series and the next one's first
        near[ends[(ends > 0) & (ends < len(seen))] - 1] = False
        if near.any():
            return
        steps, owners = panel.indices[seen], panel.owners[seen]
        apart = np.diff(steps)[owners[1:] == owners[:-1]]
        if len(apart) >= ENOUGH and (wide := int(np.gcd.reduce(apart))) > 1:
            raise WrongTime(
                f"all rows lie {wide} steps or multiples of it apart, but the task's frequency is"
                f" {self.task.frequency}: give one row a step, or use an artifact of that frequency"
            )
