"""The exception tree. Every message says what was seen, what was wanted and what to do.

LoopcastError
├── ConfigError            a setting that cannot be
├── MissingExtra           a package that this install leaves out
├── ArtifactError          a file that is not an artifact, or not one this version reads
└── DataError              rows that cannot be used
    ├── MissingColumn
    ├── WrongType          a target or numeric column that is not numeric
    ├── WrongTime          a time that cannot be read, or rows of another frequency
    ├── DuplicateRows
    ├── NoRows
    └── MissingFuture      known-ahead columns without their future rows
"""


class LoopcastError(Exception):
    """Whatever a caller can mend; its text is meant to be shown to a person."""


class ConfigError(LoopcastError):
    """A setting that is unknown, contradicts another or cannot be."""


class MissingExtra(LoopcastError):
    """A package that belongs to an extra which is not installed."""


class ArtifactError(LoopcastError):
    """A file that is not an artifact, is not safe, or has a format this version does not read."""


class DataError(LoopcastError):
    """Rows that cannot be used as they are."""


class MissingColumn(DataError):
    """A column the task names is not in the rows."""


class WrongType(DataError):
    """A column that should hold numbers holds something else."""


class WrongTime(DataError):
    """A time that cannot be read, or rows that lie on another grid than the task's."""


class DuplicateRows(DataError):
    """Two rows of one series fall into one step, and the task does not say what that means."""


class NoRows(DataError):
    """Nothing is left to learn or forecast from."""


class MissingFuture(DataError):
    """A known-ahead column is not given for the horizon."""
