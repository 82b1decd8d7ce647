"""Forecasts of sums of series that fit their parts.

The quantile of a sum is not the sum of quantiles: series do not all surprise at once, nor each on
its own. So every step of every series is sampled from its own quantiles, all together by a
Gaussian copula whose correlations the card holds (see dependence), and summed path by path. All
totals come from the same paths. See docs/totals.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopcast.core.dependence import deviates
from loopcast.core.errors import ArtifactError, DataError, MissingColumn
from loopcast.core.forecast import Forecast
from loopcast.core.panel import Texts

Array = NDArray[Any]
PATHS = 2000
CELLS = 4_000_000
"""Sampled values that are held at once."""
ALL = "all"
SEED = 1


@dataclass(frozen=True)
class Level:
    """The groups of one level: texts of its columns [group], and each series' group [series]."""

    columns: tuple[str, ...]
    texts: dict[str, Texts]
    group: NDArray[np.int64]
    count: int

    @property
    def name(self) -> str:
        """As it was asked for."""
        return ",".join(self.columns) or ALL


def totals(
    forecast: Forecast, asked: Sequence[str], card: Mapping[str, Any]
) -> list[tuple[str, Forecast]]:
    """For each of `asked` ("State", "State,Industry" or "all") the forecast of its groups' sums."""
    shares = _shares(forecast, card)
    levels = [grouped(forecast, one) for one in asked]
    _refuse_apart(forecast)
    found = [np.empty((level.count, *forecast.quantiles.shape[1:])) for level in levels]
    for step, sums in enumerate(_sums(forecast, levels, shares)):
        for quantiles, paths in zip(found, sums, strict=True):
            quantiles[:, step] = np.quantile(paths, forecast.levels, axis=1).T
    return [
        (level.name, _forecast(forecast, level, quantiles))
        for level, quantiles in zip(levels, found, strict=True)
    ]


def _shares(forecast: Forecast, card: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
    if len(forecast.levels) < 2:
        raise DataError("this model forecasts one quantile, from which no total can be told")
    told = card.get("monitoring", {}).get("dependence")
    if told is None:
        raise ArtifactError(
            "the artifact's card does not say how the errors of its series go together, which the"
            " ranges of totals rest on: it needs a validation part of several series"
            " (data.validation), and this version's fit or export"
        )
    known = _columns(forecast)
    return told["overall"], {name: share for name, share in told["by"].items() if name in known}


def _columns(forecast: Forecast) -> dict[str, Texts]:
    return {**forecast.static, **forecast.keys}


def grouped(forecast: Forecast, asked: str) -> Level:
    """The groups that "State", "State,Industry" or "all" asks for; raises MissingColumn."""
    known = _columns(forecast)
    alone = asked in known  # a name may hold a comma
    names = (asked,) if alone else tuple(name.strip() for name in asked.split(","))
    if names == (ALL,) and ALL not in known:
        names = ()
    for name in names:
        if name not in known:
            raise MissingColumn(
                f"--total-by {name}: no series key or static category is called so; known:"
                f" {', '.join(known)}, or {ALL}"
            )
    group = np.zeros(len(forecast), dtype=np.int64)
    for name in names:
        code = np.unique(known[name].astype(str), return_inverse=True)[1]
        group = np.unique(group * (code.max() + 1) + code, return_inverse=True)[1]
    first = np.unique(group, return_index=True)[1]
    return Level(names, {name: known[name][first] for name in names}, group, len(first))


def _refuse_apart(forecast: Forecast) -> None:
    if len(np.unique(forecast.origin)) > 1:
        raise DataError(
            "the series end at origins of their own, so that a sum over them is of no one time;"
            " name one origin (--origin), or data.origins: shared"
        )


def _sums(
    forecast: Forecast, levels: Sequence[Level], shares: tuple[float, dict[str, float]]
) -> Iterator[list[Array]]:
    """Step by step, for each level [group, path]."""
    overall, by = shares
    known = _columns(forecast)
    codes = {name: np.unique(known[name].astype(str), return_inverse=True)[1] for name in by}
    generator = np.random.default_rng(SEED)
    even = deviates([(number + 0.5) / PATHS for number in range(PATHS)])
    room = max(1, CELLS // PATHS)
    never_negative = forecast.quantiles.min(initial=0) >= 0
    for step in range(forecast.quantiles.shape[1]):
        common = np.sqrt(overall) * generator.permutation(even)
        shocks = [
            (
                code,
                np.sqrt(by[name]) * generator.permuted(np.tile(even, (code.max() + 1, 1)), axis=1),
            )
            for name, code in codes.items()
        ]
        own = np.sqrt(1 - overall - sum(by.values()))
        sums = [np.zeros((level.count, PATHS)) for level in levels]
        for first in range(0, len(forecast), room):
            part = slice(first, first + room)
            quantiles = forecast.quantiles[part, step].astype(np.float64)
            z = common + own * generator.standard_normal((len(quantiles), PATHS))
            for code, shock in shocks:
                z += shock[code[part]]
            values = sampled(quantiles, z, forecast.levels)
            if never_negative:
                np.maximum(values, 0, out=values)
            for total, level in zip(sums, levels, strict=True):
                _add(total, level.group[part], values)
        yield sums


def sampled(quantiles: Array, z: Array, levels: Sequence[float]) -> Array:
    """[series, quantile] and normal deviates [series, path] -> values [series, path].

    Linear in the deviate between quantiles and beyond them, exact for a normal distribution.
    """
    normal = deviates(levels)
    slopes = np.diff(quantiles) / np.diff(normal)
    values = quantiles[:, :1] + slopes[:, :1] * (z - normal[0])
    for place in range(1, len(normal) - 1):
        bend = slopes[:, place] - slopes[:, place - 1]
        values += bend[:, None] * np.maximum(z - normal[place], 0)
    return values


def _add(total: Array, group: NDArray[np.int64], values: Array) -> None:
    order = np.argsort(group, kind="stable")
    present, first = np.unique(group[order], return_index=True)
    total[present] += np.add.reduceat(values[order], first, axis=0)


def _forecast(forecast: Forecast, level: Level, quantiles: Array) -> Forecast:
    """A group of one series has its forecast as it is."""
    members = np.bincount(level.group, minlength=level.count)
    alone = np.flatnonzero(members[level.group] == 1)
    quantiles[level.group[alone]] = forecast.quantiles[alone]
    first = np.zeros(level.count, dtype=np.int64)
    mean = None
    if forecast.mean is not None:
        mean = np.zeros(quantiles.shape[:2], np.float32)
        np.add.at(mean, level.group, forecast.mean)
    return Forecast(
        level.texts,
        forecast.time,
        forecast.origin[first],
        forecast.times[first],
        quantiles.astype(np.float32),
        forecast.levels,
        mean=mean,
    )
