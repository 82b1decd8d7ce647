"""All findings of one data set: for the terminal, as JSON, and as a stop."""

import json
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from loopcast.core.errors import (
    DataError,
    DuplicateRows,
    MissingColumn,
    NoRows,
    WrongTime,
    WrongType,
)
from loopcast.core.frequency import Frequency
from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks.finding import SEVERITIES, Finding, moment, plural
from loopcast.data.splits import Splits

WIDTH = 100
BRIEF = 7
"""Warnings shown before a fit."""
KINDS: Mapping[str, type[DataError]] = {
    "missing-column": MissingColumn,
    "not-numeric": WrongType,
    "unreadable-time": WrongTime,
    "duplicates": DuplicateRows,
    "no-rows": NoRows,
}


@dataclass(frozen=True)
class Report:
    """Findings, errors first, and the shape of the data (rows, series, steps, span, ...)."""

    findings: tuple[Finding, ...]
    facts: Mapping[str, Any]

    @classmethod
    def about(
        cls,
        findings: Iterable[Finding],
        task: Task,
        *,
        rows: int | None = None,
        panel: Panel | None = None,
        splits: Splits | None = None,
    ) -> Self:
        """`rows`: how many were read; `panel`: where the rows could be put on the grid."""
        order = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
        shape = {} if panel is None or not len(panel) else _shape(panel, task, splits)
        return cls(tuple(order), {**({} if rows is None else {"rows": rows}), **shape})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        content = json.loads(text)
        return cls(tuple(_finding(facts) for facts in content["findings"]), content["facts"])

    def to_json(self) -> str:
        """Text that `from_json` reads back to an equal report."""
        content = {"facts": dict(self.facts), "findings": [asdict(f) for f in self.findings]}
        return json.dumps(content, ensure_ascii=False, indent=1)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What stops a fit."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What stops a fit only under `--strict`."""
        return tuple(f for f in self.findings if f.severity == "warning")

    def raise_for_errors(self, strict: bool = False) -> None:
        """Raise DataError (of the first one's kind) naming every error, and warnings if `strict`."""
        stops = self.errors + (self.warnings if strict else ())
        if not stops:
            return
        told = "\n".join(f"- {_sentence(f)}" for f in stops)
        hint = "\nwithout --strict (data.strict: true) these are warnings and do not stop"
        hint = "" if self.errors else hint
        kind = KINDS.get(stops[0].code, DataError)
        raise kind(f"the data cannot be used as it is:\n{told}{hint}")

    def table(self) -> str:
        """At most 100 columns wide, errors first."""
        lines = [*textwrap.wrap(self.shape(), WIDTH), self.verdict()]
        code = max((len(f.code) for f in self.findings), default=0)
        count = max((len(f"{f.count:,}") for f in self.findings), default=0)
        for finding in self.findings:
            head = f"{finding.severity:<7}  {finding.code:<{code}}  {finding.count:>{count},}  "
            lines += ["", *_told(finding, head)]
        return "\n".join(lines)

    def brief(self, more: str) -> list[str]:
        """A few lines for the begin of a fit; `more` says where all findings are."""
        shown = [_shortened(f) for f in self.warnings[:BRIEF]]
        rest = len(self.warnings) - len(shown)
        lines = [f"data: {self.shape()}", *shown]
        lines += [f"         and {plural(rest, 'more warning')}"] if rest else []
        return [*lines, f"{self.verdict()}; all of them: {more}"] if self.findings else lines

    def shape(self) -> str:
        """The facts in one line."""
        words = [
            plural(self.facts[name], one, many)
            for name, one, many in (("rows", "row", "rows"), ("series", "series", "series"))
            if name in self.facts
        ]
        if "steps" in self.facts:
            steps = plural(self.facts["steps"], "step")
            words.append(f"{steps} of {self.facts['frequency']}")
            words.append(f"{self.facts['first']} to {self.facts['last']}")
        if "train" in self.facts:
            parts = ("train", "validation", "test")
            words.append(" + ".join(f"{self.facts[p]:,} {p}" for p in parts))
        return " · ".join(words)

    def verdict(self) -> str:
        """How many findings of which severity."""
        if not self.findings:
            return "nothing was found"
        counts = {s: sum(f.severity == s for f in self.findings) for s in SEVERITIES}
        return ", ".join(plural(number, severity) for severity, number in counts.items() if number)


def _finding(facts: dict[str, Any]) -> Finding:
    lists = {name: tuple(facts[name]) for name in ("examples", "series", "steps")}
    return Finding(**(facts | lists))


def _shape(panel: Panel, task: Task, splits: Splits | None) -> dict[str, Any]:
    frequency = Frequency.parse(task.frequency)
    first, last = int(panel.start.min()), int(panel.origin.max())
    known = panel.target[~np.isnan(panel.target)]
    facts = {
        "series": len(panel),
        "steps": last - first + 1,
        "first": moment(frequency, first),
        "last": moment(frequency, last),
        "frequency": task.frequency,
        "season": task.season,
        "history": task.history,
        "horizon": task.horizon,
        "observed": len(known),
        "zeros": int((known == 0).sum()),
    }
    if splits is None:
        return facts
    return facts | {
        "train": max(int((splits.train - panel.start).max()) + 1, 0),
        "validation": int((splits.validation - splits.train).max()),
        "test": int((panel.origin - splits.validation).max()),
    }


def _sentence(finding: Finding) -> str:
    examples = f" (e.g. {'; '.join(finding.examples)})" if finding.examples else ""
    return f"{finding.code}: {finding.detail}{examples}; {finding.advice}"


def _shortened(finding: Finding) -> str:
    return textwrap.shorten(f"{finding.severity}: {finding.code}: {finding.detail}", WIDTH)


def _told(finding: Finding, head: str) -> list[str]:
    room, margin = WIDTH - len(head), " " * len(head)
    texts = [finding.detail]
    if finding.examples:
        texts.append("e.g. " + "; ".join(finding.examples))
    texts.append("-> " + finding.advice)
    lines = [line for text in texts for line in textwrap.wrap(text, max(room, 30))]
    return [(head if i == 0 else margin) + line for i, line in enumerate(lines)]
