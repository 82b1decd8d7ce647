"""What a check found, and the words it is told with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was seen. An error stops a fit, a warning asks for a look, a note informs.

    `series` are the panel's numbers of the example series and `steps` the grid step to look at in
    each, for pictures; both may be empty.
    """

    code: str
    severity: Severity
    count: int
    examples: tuple[str, ...]
    detail: str
    advice: str
    series: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()


def warning_if(grave: bool | np.bool_) -> Severity:
    """A note where it is not grave."""
    return "warning" if grave else "note"


def few(values: Iterable[Any]) -> tuple[str, ...]:
    """The first distinct ones as text."""
    texts: dict[str, None] = {}
    for value in values:
        texts[str(value)] = None
        if len(texts) == EXAMPLES:
            break
    return tuple(texts)


def moment(frequency: Frequency, step: int) -> str:
    """The label of a grid step as people write it."""
    time = frequency.time(np.array([step], dtype=np.int64))[0]
    return spell(time, frequency.unit == "minute")


def spell(time: Any, clock: bool = True) -> str:
    """A time without the parts that say nothing."""
    text = str(time)
    if not clock or text.endswith("T00:00:00"):
        text = text.split("T", maxsplit=1)[0]
    return text.replace("T", " ").removesuffix(":00") if ":" in text else text


def plural(count: int, one: str, many: str | None = None) -> str:
    """'1 row', '1,234 rows', '2 series'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@dataclass(frozen=True)
class Where:
    """Affected series in the order to tell them, [n], and the grid step to look at, [n]."""

    panel: Panel
    series: NDArray[np.int64]
    steps: NDArray[np.int64]

    def finding(
        self, code: str, severity: Severity, detail: str, advice: str, *, count: int | None = None
    ) -> Finding:
        """Counts the series unless told otherwise."""
        shown = self.series[:EXAMPLES].tolist()
        return Finding(
            code,
            severity,
            len(self.series) if count is None else count,
            few(self.panel.name(i) for i in shown),
            detail,
            advice,
            tuple(shown),
            tuple(self.steps[:EXAMPLES].tolist()),
        )


def where(panel: Panel, affected: NDArray[Any], by: NDArray[Any], steps: NDArray[Any]) -> Where:
    """The series of a mask [series], the largest `by` [series] first."""
    series = np.flatnonzero(affected)
    series = series[np.argsort(-by[series].astype(np.float64), kind="stable")]
    return Where(panel, series, np.broadcast_to(steps, len(panel))[series].astype(np.int64))


def listing(names: Sequence[str], most: int = EXAMPLES) -> str:
    """'a, b, c and 4 more'."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")
