"""How numbers, instants and keys read on the page."""

import math
from collections.abc import Mapping
from typing import Any

from loopcast.store.clock import iso, now

NOTHING = "\N{EN DASH}"
SECOND = 1_000_000
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
WHYS = {
    "wide": "wide range",
    "unknown": "unknown key",
    "alarm": "alarm",
    "random": "drawn by lot",
}


def number(value: float | None) -> str:
    """Four digits that matter, with thin spaces between thousands."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", "\N{MINUS SIGN}")


def percent(value: float | None, digits: int = 1) -> str:
    """A share as percent."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{100 * value:.{digits}f}\u202f%".replace("-", "\N{MINUS SIGN}")


def ago(at: int | None) -> str:
    """How long since, or until, an instant."""
    if at is None:
        return "never"
    seconds = (now() - at) / SECOND
    size = abs(seconds)
    text = "now"
    for length, unit in UNITS:
        if size >= length:
            text = f"{size / length:.0f} {unit}"
            break
    else:
        if size >= 1:
            text = f"{size:.0f} s"
    if text == "now":
        return text
    return f"{text} ago" if seconds > 0 else f"in {text}"


def when(at: int) -> str:
    """An instant, to the minute, UTC."""
    return iso(at)[:16].replace("T", " ")


def name(key: Mapping[str, Any]) -> str:
    """A series' key as its texts."""
    return " · ".join(str(text) for text in key.values()) or "the series"


FILTERS = {
    "number": number, "percent": percent, "ago": ago, "when": when, "iso": iso, "name": name,
    "why": lambda text: WHYS.get(text, text),
}  # fmt: skip
