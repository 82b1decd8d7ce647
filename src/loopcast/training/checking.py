"""Before anything is fitted: rows to the panel and its parts, looked at on the way."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from lightning.pytorch.utilities import rank_zero_only

from loopcast.core.errors import DataError, MissingColumn, NoRows
from loopcast.core.panel import Panel
from loopcast.core.season import detect, worth
from loopcast.core.task import Task
from loopcast.data.checks.columns import presence
from loopcast.data.checks.finding import Finding
from loopcast.data.checks.panel import check_panel
from loopcast.data.checks.report import Report
from loopcast.data.checks.rows import check_rows
from loopcast.data.reading import Reading
from loopcast.data.splits import Splits, split
from loopcast.data.spool import Spool
from loopcast.training import defaults
from loopcast.training.checkpoint import agreed

FINDINGS = "findings.json"
SHORT = 20
"""A season is short where so many of them fit into the median series."""


@dataclass(frozen=True)
class Examined:
    """The data as a fit would get them; `panel` is None where rows could not be put on the grid."""

    report: Report
    task: Task
    panel: Panel | None = None
    splits: Splits | None = None


@dataclass(frozen=True)
class Checks:
    """The part of the `data:` section that says how the data are cut and judged."""

    parts: tuple[int | None, int | None] = (None, None)  # validation, test
    non_negative: bool | None = None
    strict: bool = False
    wanted: frozenset[str] = frozenset()  # static columns that the config names

    def kept(self, known: Task | None) -> frozenset[str]:
        """Static columns that stay: those that are wanted, and those of a checkpoint's task."""
        return self.wanted | frozenset(known.static.categorical if known else ())

    def examine(self, reading: Reading, known: Task | None = None) -> Examined:
        """Everything that is found, errors included; raises only where nothing can be said."""
        if reading.large:
            return self._sampled(reading, known)
        try:
            rows = reading.rows()
        except (MissingColumn, NoRows) as error:
            return self._rowless(reading, known, error)
        task, count = asked(reading, rows, known), len(rows[reading.time])
        found = check_rows(rows, task, self.non_negative, reading.weight)
        try:
            panel = reading.panel(rows, task)
        except DataError:
            if not _stops(found):
                raise
            return Examined(Report.about(found, task, rows=count), task)
        splits = split(panel, task.horizon, *self.parts)
        task = derived(task, panel.until(splits.train), self.kept(known))
        found += check_panel(panel, task, splits)
        report = Report.about(found, task, rows=count, panel=panel, splits=splits)
        return Examined(report, task, panel, splits)

    def _rowless(self, reading: Reading, known: Task | None, error: DataError) -> Examined:
        """What a source that gives no rows lacks; raises `error` where the config is not why."""
        nothing = {name: np.zeros(0) for name in reading.wanted}
        task = known or reading.task(nothing)
        if isinstance(error, NoRows):
            found = check_rows(nothing, task, self.non_negative, reading.weight)
        else:
            found, _ = presence(dict.fromkeys(reading.source.columns()), task, reading.weight)
        if not found:  # the source itself looks at such a column: `where`, the `by` of a join
            raise error
        return Examined(Report.about(found, task), task)

    def _sampled(self, reading: Reading, known: Task | None) -> Examined:
        """More than memory holds: some neighbouring series are looked at."""
        spool = Spool.of(reading)
        task = spool.task if known is None else agreed(spool.task, known)
        panel, rows = spool.panel(task)
        found = check_rows(rows, task, self.non_negative, reading.weight)
        splits = split(panel, task.horizon, *self.parts)
        task = derived(task, panel.until(splits.train), self.kept(known))
        first, some = next(panel.blocks())
        found += check_panel(some, task, Splits(splits.train[first], splits.validation[first]))
        note = (
            f"{spool.survey.rows:,} rows stay on disk (data.memory); the checks looked at the first"
            f" {len(rows[reading.time]):,} rows and {len(some):,} series"
        )
        splits = replace(splits, notes=(*splits.notes, note))
        report = Report.about(found, task, rows=spool.survey.rows, panel=panel, splits=splits)
        return Examined(report, task, panel, splits)

    def heed(self, examined: Examined, folder: Path | None) -> tuple[Task, Panel, Splits]:
        """Keep the findings in `folder`, tell the warnings, raise DataError for the errors."""
        kept = _keep(examined.report, folder)
        examined.report.raise_for_errors(self.strict)
        assert examined.panel is not None
        assert examined.splits is not None
        _tell([*examined.report.brief(kept), *examined.splits.notes])
        return examined.task, examined.panel, examined.splits


def gridded(reading: Reading, known: Task | None) -> tuple[Task, Panel]:
    """The task and the panel, from disk where the rows are larger than memory."""
    if reading.large:
        spool = Spool.of(reading)
        task = spool.task if known is None else agreed(spool.task, known)
        return task, spool.panel(task)[0]
    rows = reading.rows()
    task = asked(reading, rows, known)
    return task, reading.panel(rows, task)


def asked(reading: Reading, rows: dict[str, np.ndarray], known: Task | None) -> Task:
    """The config's task; where a checkpoint is resumed or judged, shaped as it knows."""
    task = reading.task(rows)
    return task if known is None else agreed(task, known)


def derived(task: Task, train: Panel, wanted: Collection[str] = ()) -> Task:
    """With the season and the history that the train part suggests, unless they are named.

    `wanted`: static columns that are named, see `told`.
    """
    season = task.season or detect(train)
    task = replace(task, season=season)
    if not task.history:
        longest = int((train.origin - train.start).max()) + 1
        about = train.typical_length, tells(task, train)
        task = replace(task, history=defaults.history(season, task.horizon, longest, *about))
    return told(task, train, wanted)


def told(task: Task, train: Panel, wanted: Collection[str]) -> Task:
    """Without the static keys of whose texts the train part says too little to learn them apart.

    What is `wanted` stays.
    """
    kept = [
        name
        for name in task.static.categorical
        if name not in task.series or name in wanted or defaults.learnable(*shown(train, name))
    ]
    return replace(task, static=replace(task.static, categorical=tuple(kept)))


def shown(train: Panel, name: str) -> tuple[int, int]:
    """Texts of a static column in the train part, and the steps of all its series."""
    column, begun = train.categories[f"static.{name}"], train.lengths > 0
    return len(np.unique(column.codes[begun])), int(train.lengths.sum())


def zeros(train: Panel) -> float:
    """Their share among the known targets."""
    parts = [part.target for _, part in train.blocks()]
    known = sum(int(np.isfinite(part).sum()) for part in parts)
    return sum(int((part == 0).sum()) for part in parts) / max(known, 1)


def tells(task: Task, train: Panel) -> bool:
    """Is the season worth a place in the history? A short one costs nothing.

    Where the train part is too short to say, it is if the train part holds a whole one.
    """
    if task.season <= 1 or SHORT * task.season <= train.typical_length:
        return task.season > 1
    said = worth(train, task.season, task.horizon)
    return train.typical_length >= task.season if said is None else said


def once(task: Task, train: Panel) -> bool:
    """Has the median series of the train part gone but once through a season that tells something?"""
    return tells(task, train) and defaults.once(task.season, train.typical_length)


def _stops(found: Sequence[Finding]) -> bool:
    return any(finding.severity == "error" for finding in found)


def _keep(report: Report, folder: Path | None) -> str:
    """Where all findings can be read."""
    if folder is None:
        return "loopcast check"
    keep(report, folder / FINDINGS)
    return f"loopcast check, or {folder / FINDINGS}"


@rank_zero_only
def keep(report: Report, path: Path) -> None:
    """As JSON, for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.to_json(), encoding="utf-8")


@rank_zero_only
def _tell(lines: Sequence[str]) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
