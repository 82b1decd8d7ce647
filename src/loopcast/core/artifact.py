"""What stands in an artifact's `metadata_props`, and how it is read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from loopcast.core.errors import ArtifactError, ConfigError
from loopcast.core.task import Task

FORMAT = 1


@dataclass(frozen=True)
class Artifact:
    """The self-description of one exported graph.

    `card` holds name, version, when and from what it was trained, scores, statistics for
    monitoring and library versions; plain JSON values.
    """

    task: Task
    card: Mapping[str, Any] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """The `metadata_props` to write."""
        return {
            "loopcast.format": str(FORMAT),
            "loopcast.task": self.task.to_json(),
            "loopcast.card": json.dumps(self.card, ensure_ascii=False, allow_nan=False),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Raises ArtifactError where the format is absent or newer than this version."""
        written = metadata.get("loopcast.format")
        if written is None:
            raise ArtifactError(
                "this .onnx file carries no loopcast.format; export it with loopcast"
            )
        if written != str(FORMAT):
            raise ArtifactError(
                f"the artifact has format {written!r}; this version reads {FORMAT}: "
                "install the loopcast version that wrote it, or export it again"
            )
        try:
            task = Task.from_json(metadata["loopcast.task"])
            return cls(task, json.loads(metadata["loopcast.card"]))
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise ArtifactError(
                f"the artifact's own description cannot be read ({error}); export it again"
            ) from error
