"""Tables in CSV and Parquet files."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from loopcast.core.environment import expand
from loopcast.core.errors import ConfigError, DataError
from loopcast.data.source import Source, require, unreadable

Condition = list[Any]
COMPARE = {
    "==": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    "in": lambda column, value: column.isin(value),
    "not in": lambda column, value: ~column.isin(value),
    "match": lambda column, value: column.astype(str).str.fullmatch(value),
    "not match": lambda column, value: ~column.astype(str).str.fullmatch(value),
}


@dataclass(frozen=True)
class CsvFile(Source):
    """A CSV file, plain or .gz; a list or a glob pattern of files is read one below the other.

    `where` keeps the rows for which every [column, operator, value] holds; operators: == != > >= <
    <= in "not in" match "not match" (regular expression over the whole text).
    """

    path: str | list[str]
    separator: str = ","
    encoding: str = "utf-8"
    where: list[Condition] = field(default_factory=list)

    def columns(self) -> list[str]:
        """See Source."""
        return list(self._frame(paths(self.path)[0], nrows=0).columns)

    def read(self, columns: Sequence[str], text: Sequence[str] = ()) -> pd.DataFrame:
        """See Source."""
        require(columns, self.columns(), self.describe())
        used = list(dict.fromkeys([*columns, *(c[0] for c in self.where)]))
        frames = [
            self._frame(
                path,
                usecols=used,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values={
                    name: [""] if name in text else ["", "NA", "NaN", "null"] for name in used
                },
            )
            for path in paths(self.path)
        ]
        return matching(pd.concat(frames, ignore_index=True), self.where)[list(columns)]

    def describe(self) -> str:
        """See Source."""
        return f"CSV {self.path}"

    def _frame(self, path: Path, **options: Any) -> pd.DataFrame:
        try:
            return pd.read_csv(path, sep=self.separator, encoding=self.encoding, **options)
        except (OSError, ValueError, UnicodeError) as error:
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
        require(columns, self.columns(), self.describe())
        used = list(dict.fromkeys([*columns, *(c[0] for c in self.where)]))
        try:
            table = self._dataset().to_table(columns=used)
            for condition in self.where:
                table = table.filter(_mask(table, condition))
            frame = table.select(list(columns)).to_pandas()
        except (OSError, ValueError) as error:
            raise unreadable(self.describe(), error) from error
        for name in set(text) & set(columns):
            if pd.api.types.is_numeric_dtype(frame[name]) and not frame[name].hasnans:
                frame[name] = frame[name].astype(str)
        return frame

    def describe(self) -> str:
        """See Source."""
        return f"Parquet {self.path}"

    def _dataset(self) -> ds.Dataset:
        found = paths(self.path)
        try:
            single = found[0] if len(found) == 1 else [str(path) for path in found]
            return ds.dataset(single, format="parquet", partitioning="hive")
        except (OSError, ValueError) as error:
            raise unreadable(self.describe(), error) from error


def _mask(table: pa.Table, condition: Condition) -> Any:
    name, operator, value = condition
    column = table.column(name)
    if operator.endswith("match"):
        found = pc.match_substring_regex(column.cast(pa.string()), f"^(?:{value})$")
        return pc.invert(found) if operator.startswith("not") else found
    if operator.endswith("in"):
        found = pc.is_in(column, value_set=pa.array(value, type=column.type))
        return pc.invert(found) if operator.startswith("not") else found
    compare = {
        "==": pc.equal,
        "!=": pc.not_equal,
        ">": pc.greater,
        ">=": pc.greater_equal,
        "<": pc.less,
        "<=": pc.less_equal,
    }
    if operator not in compare:
        raise _unknown(operator)
    return compare[operator](column, pa.scalar(value, type=column.type))


def _unknown(operator: str) -> ConfigError:
    return ConfigError(f"where: unknown operator {operator!r}; use one of {', '.join(COMPARE)}")


def matching(frame: pd.DataFrame, where: Sequence[Condition]) -> pd.DataFrame:
    """The rows for which every condition holds."""
    for name, operator, value in where:
        if operator not in COMPARE:
            raise _unknown(operator)
        frame = frame[COMPARE[operator](frame[name], value)]
    return frame


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
