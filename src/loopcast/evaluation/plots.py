"""Pictures of forecasts: the past, the median and the ranges."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from loopcast.core.forecast import Forecast
from loopcast.core.frequency import Frequency
from loopcast.core.grid import grid
from loopcast.core.scores import median
from loopcast.core.task import Task

SHOWN = 6
PAST = 4  # horizons of history


def picture(forecast: Forecast, history: Any, task: Task, path: Path) -> None:
    """A PNG of up to six series spread over the keys, as fan charts after their history."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    panel = grid(history, task)
    chosen = np.unique(np.linspace(0, len(panel) - 1, SHOWN).astype(int))
    figure, axes = plt.subplots(-(-len(chosen) // 2), 2, figsize=(12, 9), squeeze=False)
    for ax in axes.ravel()[len(chosen) :]:
        ax.set_axis_off()
    for ax, i in zip(axes.ravel(), chosen, strict=False):
        rows = panel.target[panel.offsets[i] : panel.offsets[i + 1]]
        times = Frequency.parse(task.frequency).time(panel.start[i] + np.arange(len(rows)))
        keep = slice(-PAST * task.horizon, None)
        ax.plot(times[keep], rows[keep], color="#555", lw=1)
        _fan(ax, forecast.times[i], forecast.quantiles[i], forecast.levels)
        ax.set_title(panel.name(int(i)), fontsize=9)
        ax.grid(alpha=0.2)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _fan(ax: Any, times: Any, quantiles: Any, levels: tuple[float, ...]) -> None:
    """Symmetric pairs of quantiles as bands, the median as a line."""
    for i in range(len(levels) // 2):
        ax.fill_between(
            times, quantiles[:, i], quantiles[:, -1 - i], color="#1769aa", alpha=0.2, lw=0
        )
    ax.plot(times, median(quantiles, levels), color="#1769aa", lw=1.5)
