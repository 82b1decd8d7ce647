"""The ledger as Parquet: one row a forecast, step and quantile-wise columns, beside what came."""

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from loopcast.core.errors import MissingExtra
from loopcast.core.frequency import Frequency
from loopcast.store.ledger import Ledger
from loopcast.store.matching import Matched, matched


def export(ledger: Ledger, path: Path, *, repeated: bool = False) -> int:
    """Write every forecast; returns the number of rows. The file is complete or absent.

    Columns: id, given_at, version, the series' keys, origin, horizon, time, one for each quantile
    (q0.1, ...), mean where the model forecasts it, actual and as_of (null where nothing has landed).
    """
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise MissingExtra("Parquet needs pyarrow: pip install 'loopcast[data]'") from error
    tables = [arrow.table(columns(part)) for part in matched(ledger, repeated=repeated)]
    whole = arrow.concat_tables(tables, promote_options="default") if tables else arrow.table({})
    part = path.with_name(path.name + ".part")
    parquet.write_table(whole, part)
    os.replace(part, path)  # noqa: PTH105 - atomic
    return int(whole.num_rows)


OURS = ("id", "given_at", "version", "origin", "horizon", "time", "mean", "actual", "as_of")
"""Columns of the file; a key of such a name gets "_" behind it."""


def columns(part: Matched) -> dict[str, Any]:
    """Flat columns, [forecast * horizon] each."""
    count, horizon, _ = part.quantiles.shape
    owner = np.repeat(np.arange(count), horizon)
    frequency = Frequency.parse(part.task["frequency"])
    ahead = np.arange(1, horizon + 1)
    flat: dict[str, Any] = {
        "id": np.array(part.answers, object)[owner],
        "given_at": part.given_at.astype("M8[us]")[owner],
        "version": np.full(count * horizon, part.version),
    }
    ours = {*OURS, *(f"q{level:g}" for level in part.task["quantiles"])}
    for name, texts in _keys(part):
        flat[f"{name}_" if name in ours else name] = np.array(texts, object)[owner]
    flat["origin"] = frequency.time(part.origin)[owner]
    flat["horizon"] = np.tile(ahead, count)
    flat["time"] = frequency.time(part.origin[:, None] + ahead).ravel()
    for i, level in enumerate(part.task["quantiles"]):
        flat[f"q{level:g}"] = part.quantiles[:, :, i].ravel()
    if part.mean is not None:
        flat["mean"] = part.mean.ravel()
    actual, as_of = part.actual.ravel(), part.as_of.ravel()
    flat["actual"] = [None if np.isnan(value) else value for value in actual]
    flat["as_of"] = np.where(as_of > 0, as_of.astype("M8[us]"), np.datetime64("NaT"))
    return flat


def _keys(part: Matched) -> Iterator[tuple[str, list[str]]]:
    for name in part.task["series"]:
        yield name, [key[name] for key in part.keys]
