"""Checks of the series on their grid: course, values, balance, covariates, leaks, shifts."""

from dataclasses import replace

import numpy as np

from loopcast.core.panel import Panel
from loopcast.core.task import Task
from loopcast.data.checks import balance, covariates, gaps, leak, series, shift, values
from loopcast.data.checks.finding import Finding
from loopcast.data.checks.life import lives
from loopcast.data.splits import Splits


def check_panel(panel: Panel, task: Task, splits: Splits | None = None) -> list[Finding]:
    """`task` with its season and history; without `splits` shifts are not looked for."""
    if not len(panel) or not len(panel.target):
        advice = "check the file, the query and the source's `where`"
        return [Finding("no-rows", "error", 0, (), "no series has a row", advice)]
    panel = replace(panel, target=np.where(np.isfinite(panel.target), panel.target, np.nan))
    life = lives(panel)
    course = series.check(panel, task, life, splits)
    if not life.observed.any():
        return course
    return [
        *course,
        *gaps.check(panel, task, life),
        *values.check(panel, task),
        *balance.check(panel, task, life),
        *covariates.check(panel, task, splits),
        *leak.check(panel, task),
        *([] if splits is None else shift.check(panel, task, splits)),
    ]
