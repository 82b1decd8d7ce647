"""Files of rows for the command line: CSV by the standard library, Parquet where pyarrow is."""

import csv
import gzip
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np

from loopcast.core.errors import DataError, MissingExtra
from loopcast.core.forecast import plain
from loopcast.core.text import missing

WRITTEN = (".csv", ".csv.gz", ".parquet")
SEPARATORS = ";\t|"


def read(path: str) -> dict[str, Any]:
    """Columns of text from CSV (.gz too), or what a Parquet file holds; raises DataError."""
    try:
        if path.endswith(".parquet"):
            return _parquet(path)
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            return _csv(lines, path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text ({error.reason}); save it as UTF-8") from error
    except (EOFError, csv.Error, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged ({error}); make it anew") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path") from error


def _csv(lines: IO[Any], path: str) -> dict[str, Any]:
    first = lines.readline()
    if not first.strip():
        raise DataError(f"{path} is empty; it needs a line of column names and rows")
    separator = next((s for s in SEPARATORS if s in first and "," not in first), ",")
    names = next(csv.reader([first], delimiter=separator))
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"{path} has several columns {sorted(twice)}; give each its own name")
    cells = list(_lines(csv.reader(lines, delimiter=separator), len(names), path))
    columns = list(zip(*cells, strict=True)) or [()] * len(names)
    return {n: np.array(c, dtype=object) for n, c in zip(names, columns, strict=True)}


def _lines(rows: Any, width: int, path: str) -> Iterator[list[str]]:
    for row in rows:
        if len(row) == width:
            yield row
        elif row:
            raise DataError(
                f"line {rows.line_num + 1} of {path} has {len(row)} cells, the first line has"
                f" {width}; quote cells that hold separators"
            )


def _parquet(path: str) -> dict[str, Any]:
    arrow = _pyarrow()
    try:
        table = import_module("pyarrow.parquet").read_table(path)
    except arrow.ArrowException as error:
        raise DataError(f"{path} is no Parquet file ({error})") from error
    return {name: _cells_of(table[name], arrow) for name in table.column_names}


def _cells_of(column: Any, arrow: Any) -> Any:
    """As training reads them: times with their zone, categories as what they stand for."""
    kind = column.type
    if arrow.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if arrow.types.is_timestamp(kind) and kind.tz:
        micro = column.cast(arrow.timestamp("us", kind.tz), safe=False)
        return np.array(micro.to_pylist(), dtype=object)
    if arrow.types.is_integer(kind) and column.null_count:  # every digit of a long key
        return np.array(column.to_pylist(), dtype=object)
    return column.to_numpy(zero_copy_only=False)


def _pyarrow() -> Any:
    try:
        return import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise MissingExtra("Parquet needs pyarrow: pip install 'loopcast[data]'") from error


def writable(path: Path) -> None:
    """What can be told before the work is done; raises DataError."""
    if not path.name.endswith(WRITTEN):
        raise DataError(
            f"{path} cannot be written: its name must end in one of {', '.join(WRITTEN)}"
        )
    if not path.parent.is_dir():
        raise DataError(f"{path} cannot be written: there is no folder {path.parent}")


def write(table: Mapping[str, Any], path: Path) -> None:
    """Columns to CSV (.gz too) or Parquet, complete or not at all."""
    writable(path)
    part = path.with_name(path.name + ".part")
    try:
        if path.suffix == ".parquet":
            arrow = _pyarrow()
            cells = {name: _none(column) for name, column in table.items()}
            import_module("pyarrow.parquet").write_table(arrow.table(cells), part)
        else:
            _write_csv(table, part, path.suffix == ".gz")
        os.replace(part, path)  # noqa: PTH105 - atomic
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror})") from error
    except (TypeError, ValueError) as error:  # pyarrow's, for a column of several types
        raise DataError(f"{path} cannot be written ({error})") from error
    finally:
        with suppress(OSError):  # the folder may be none
            part.unlink(missing_ok=True)


def _none(column: Any) -> Any:
    """Missing texts as None: beside a NaN, pyarrow takes them for numbers."""
    cells = np.asarray(column)
    if cells.dtype != object:
        return column
    return [None if missing(cell) else cell for cell in cells.tolist()]


def _write_csv(table: Mapping[str, Any], path: Path, zipped: bool) -> None:
    flat = {name: plain(column) for name, column in table.items()}
    opener = gzip.open if zipped else open
    with opener(path, "wt", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(flat)
        rows.writerows(zip(*flat.values(), strict=True))
