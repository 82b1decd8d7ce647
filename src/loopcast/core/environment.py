"""Environment variables in paths, addresses and parameters."""

import os
import re

from loopcast.core.errors import ConfigError

PATTERN = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def expand(text: str) -> str:
    """${NAME} and ${NAME:-default}; raises ConfigError for an unset name without default."""
    return PATTERN.sub(_value, text)


def _value(match: re.Match[str]) -> str:
    found = os.environ.get(match[1], match[2])
    if found is None:
        raise ConfigError(f"the environment variable {match[1]} is not set; the config needs it")
    return found
