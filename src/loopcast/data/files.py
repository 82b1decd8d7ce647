"""Tables in CSV and Parquet files."""

import glob
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from loopcast.core.environment import expand
from loopcast.core.errors import DataError
from loopcast.core.rows import BLANK
from loopcast.core.text import text as texts
from loopcast.data.source import Source, require, unreadable
from loopcast.data.where import Condition, filtered, matching, named

CHUNK = 500_000
"""Rows of a table that is larger than memory, read at once."""
BROKEN = (OSError, ValueError, UnicodeError, LookupError, EOFError, zlib.error)
"""What pandas raises for a file that is damaged, cut off, or none."""
MAINLY = 0.5
"""Share of a column's cells that read as numbers, from which on it is one of numbers."""
PER_BYTE, ZIPPED, PER_CELL = 4, 6, 30
"""Bytes in memory of a byte of CSV, how much .gz saves, and of a cell of Parquet; about."""


@dataclass(frozen=True)
class CsvFile(Source):
    """A CSV file, plain or .gz; a list or a glob pattern of files is read one below the other.

    `where` keeps the rows for which every [column, operator, value] holds, see data/where.py.
    `times`: columns of dates that are not ISO, and how they are written, as in strptime.
    """

    path: str | list[str]
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    where: list[Condition] = field(default_factory=list)
    times: dict[str, str] = field(default_factory=dict)

    def columns(self) -> list[str]:
        """See Source."""
        return list(self._frame(paths(self.path)[0], nrows=0).columns)

    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """See Source."""
        options = self._options(columns, text)
        frames = [(path, self._frame(path, **options)) for path in paths(self.path)]
        frames = [(path, one) for path, one in frames if len(one)] or frames[:1]
        words = list(dict.fromkeys(name for _, one in frames for name in _wordy(one, text)))
        parts = [self._worded(path, one, words, text) for path, one in frames]
        frame = self._dated(pd.concat(parts, ignore_index=True))
        return matching(frame, self.where)[list(columns)]

    def _worded(
        self, path: Path, frame: pd.DataFrame, words: Sequence[str], text: Sequence[str]
    ) -> pd.DataFrame:
        """In columns that turn out to be text, in this file or another, NA and 007 are texts too."""
        own = _wordy(frame, text)
        if again := [name for name in words if name not in own or frame[name].hasnans]:
            options = {"usecols": again, "dtype": str, "na_values": [""], "keep_default_na": False}
            frame[again] = self._frame(path, **options)[again]
        return self._plain(frame, text)

    def _plain(self, frame: pd.DataFrame, text: Sequence[str]) -> pd.DataFrame:
        return frame if self.decimal == "." else _pointed(frame, text, self.decimal)

    def _dated(self, frame: pd.DataFrame) -> pd.DataFrame:
        for name in set(self.times) & set(frame.columns):
            try:
                frame[name] = pd.to_datetime(frame[name], format=self.times[name])
            except ValueError as error:
                raise unreadable(self.describe(), error) from error
        return frame

    def chunks(self, columns: Sequence[str], text: Sequence[str] = ()) -> Iterator[pd.DataFrame]:
        """See Source."""
        options = self._options(columns, text)
        begins = (self._frame(path, nrows=CHUNK, **options) for path in paths(self.path))
        first = next((frame for frame in begins if len(frame)), None)
        for name in [] if first is None else _wordy(first, text):
            options["dtype"][name], options["na_values"][name] = str, [""]
        numbers: set[str] = set()
        for path in paths(self.path):
            try:
                with self._frame(path, chunksize=CHUNK, **options) as pieces:
                    for frame in pieces:
                        plain = self._plain(self._dated(frame), text)
                        kept = matching(plain, self.where)[list(columns)]
                        numbers = _numbers(path, kept, numbers, [*text, *options["dtype"]])
                        yield kept
            except BROKEN as error:
                raise unreadable(str(path), error) from error

    def weighs(self, columns: Sequence[str]) -> int:
        """See Source; text takes several times its length in memory."""
        sizes = [(path.stat().st_size, path.suffix == ".gz") for path in paths(self.path)]
        return sum(size * PER_BYTE * (ZIPPED if zipped else 1) for size, zipped in sizes)

    def describe(self) -> str:
        """See Source."""
        return f"CSV {self.path}"

    def _options(self, columns: Sequence[str], text: Sequence[str]) -> dict[str, Any]:
        used = list(dict.fromkeys([*columns, *named(self.where)]))
        require(used, self.columns(), self.describe())
        return {
            "usecols": used,
            "dtype": dict.fromkeys(text, str),
            "keep_default_na": False,
            "na_values": {name: [""] if name in text else list(BLANK) for name in used},
        }

    def _frame(self, path: Path, **options: Any) -> pd.DataFrame:
        try:
            return pd.read_csv(
                path,
                sep=self.separator,
                decimal=self.decimal,
                encoding=self.encoding,
                low_memory=False,
                **options,  # else one text may become two, by pieces
            )
        except BROKEN as error:
            raise unreadable(str(path), error) from error


@dataclass(frozen=True)
class ParquetFile(Source):
    """A Parquet file, folder, partitioned folder, or a list of files; `where` as in CsvFile."""

    path: str | list[str]
    where: list[Condition] = field(default_factory=list)

    def columns(self) -> list[str]:
        """See Source."""
        return list(self._dataset().schema.names)

    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """See Source."""
        used = list(dict.fromkeys([*columns, *named(self.where)]))
        require(used, self.columns(), self.describe())
        try:
            return self._frame(self._dataset(text).to_table(columns=used), columns, text)
        except (OSError, ValueError) as error:
            raise unreadable(self.describe(), error) from error

    def chunks(self, columns: Sequence[str], text: Sequence[str] = ()) -> Iterator[pd.DataFrame]:
        """See Source."""
        used = list(dict.fromkeys([*columns, *named(self.where)]))
        require(used, self.columns(), self.describe())
        dataset = self._dataset(text)
        try:
            for fragment in dataset.get_fragments():
                for piece in fragment.split_by_row_group():  # a scanner would read far ahead
                    table = piece.to_table(schema=dataset.schema, columns=used)
                    for first in range(0, len(table), CHUNK):
                        yield self._frame(table.slice(first, CHUNK), columns, text)
        except (OSError, ValueError) as error:
            raise unreadable(self.describe(), error) from error

    def weighs(self, columns: Sequence[str]) -> int:
        """See Source."""
        return int(self._dataset().count_rows()) * len(columns) * PER_CELL

    def _frame(self, table: pa.Table, columns: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
        table, told = filtered(table, self.where).select(list(columns)), False
        for name in set(text) & set(columns):
            place = table.schema.get_field_index(name)
            if pa.types.is_integer(
                table.schema.field(place).type
            ):  # every digit, beside a null too
                table = table.set_column(place, name, table.column(place).cast(pa.string()))
                told = True
        frame = table.to_pandas(ignore_metadata=told)  # which would have it a number again
        for name in set(text) & set(columns):
            if pd.api.types.is_numeric_dtype(frame[name]):
                known = frame[name].notna().to_numpy()
                cells = np.full(len(frame), None, dtype=object)
                cells[known] = texts(frame[name].to_numpy()[known])
                frame[name] = cells
        return frame

    def describe(self) -> str:
        """See Source."""
        return f"Parquet {self.path}"

    def _dataset(self, text: Sequence[str] = ()) -> ds.Dataset:
        """Folder names such as store=007 are text where they are to be read so."""
        found = paths(self.path)
        single = found[0] if len(found) == 1 else [str(path) for path in found]
        try:
            dataset = ds.dataset(single, format="parquet", partitioning="hive")
            first = next(iter(dataset.get_fragments()), None)
            parts = ds.get_partition_keys(first.partition_expression) if first else {}
            if not set(parts) & set(text):
                return dataset
            kinds = [(n, pa.string() if n in text else dataset.schema.field(n).type) for n in parts]
            hive = ds.partitioning(pa.schema(kinds), flavor="hive")
            return ds.dataset(single, format="parquet", partitioning=hive)
        except (OSError, ValueError) as error:
            raise unreadable(self.describe(), error) from error


def _numbers(path: Path, frame: pd.DataFrame, before: set[str], text: Sequence[str]) -> set[str]:
    """Columns with numbers so far; raises DataError where one of them holds a word later on."""
    words = _wordy(frame, text)
    for name in before.intersection(words):
        cells = frame[name].dropna()
        odd = cells[pd.to_numeric(cells, errors="coerce").isna()]
        if len(odd):
            raise DataError(
                f"{path}: {name!r} holds numbers at first and {odd.iloc[0]!r} in row"
                f" {odd.index[0] + 2:,}; clean it, or list it under data.categorical"
            )
    return before | {n for n in frame.columns if n not in words and frame[n].notna().any()}


def _pointed(frame: pd.DataFrame, text: Sequence[str], decimal: str) -> pd.DataFrame:
    """Columns of numbers with a word among them: all cells are text, and the word alone is wrong."""
    for name in _wordy(frame, text):
        swapped = frame[name].astype("str").str.replace(decimal, ".", regex=False)
        reads = pd.to_numeric(swapped, errors="coerce").notna()
        if reads.mean() > MAINLY:
            frame[name] = frame[name].where(~reads, swapped)
    return frame


def _wordy(frame: pd.DataFrame, text: Sequence[str]) -> list[str]:
    """Columns that turn out to be text, though they are not asked for as such."""
    if not len(frame):
        return []
    return [
        name
        for name in frame.columns
        if name not in text
        and not pd.api.types.is_numeric_dtype(frame[name])
        and pd.api.types.infer_dtype(frame[name], skipna=True) != "boolean"
    ]


def paths(path: str | list[str]) -> list[Path]:
    """Environment and glob patterns expanded; raises DataError where nothing is there."""
    found = []
    for one in [path] if isinstance(path, str) else path:
        name = expand(one)
        matches = sorted(glob.glob(name)) if any(c in name for c in "*?[") else [name]  # noqa: PTH207
        if not matches or not Path(matches[0]).exists():
            raise DataError(f"there is no file {name} (from {Path.cwd()}); check the path")
        found += [Path(match) for match in matches]
    return found
