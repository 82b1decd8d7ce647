"""Charts with axes as SVG text; colours and fonts are the page's CSS."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEFT, RIGHT, TOP, BOTTOM = 50, 12, 10, 24
TICKS = 7
"""Labels below a time axis, at most."""
Values = NDArray[np.floating[Any]]
Span = tuple[float, float]
Unit = tuple[str, int, Callable[[Any], str]]


@dataclass(frozen=True)
class Axis:
    """The span that is shown, and the places in it that are labelled."""

    span: Span
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Chart:
    """Draws in data units; `kind` in all methods is a CSS class."""

    title: str
    x: Axis
    y: Axis
    width: int = 560
    height: int = 250

    def across(self, values: Any) -> Values:
        """Data units to pixels."""
        low, high = self.x.span
        return LEFT + (_floats(values) - low) / (high - low) * (self.width - LEFT - RIGHT)

    def up(self, values: Any) -> Values:
        """Data units to pixels."""
        low, high = self.y.span
        room = self.height - TOP - BOTTOM
        return self.height - BOTTOM - (_floats(values) - low) / (high - low) * room

    def line(self, x: Any, y: Any, kind: str) -> str:
        """Broken where y is NaN; a value alone between two gaps is a dot."""
        across, up = self.across(x), self.up(y)
        known = np.isfinite(up)
        begins = known & ~np.r_[False, known[:-1]]
        path = "".join(
            f"{'M' if begin else 'L'}{a:.1f} {b:.1f}"
            for a, b, begin in zip(across[known], up[known], begins[known], strict=True)
        )
        alone = begins & ~np.r_[known[1:], False]
        return f'<path class="line {kind}" d="{path}"/>' + self._dots(
            across[alone], up[alone], kind
        )

    def dots(self, x: Any, y: Any, kind: str) -> str:
        """A dot each, none where y is NaN."""
        across, up = self.across(x), self.up(y)
        known = np.isfinite(up)
        return self._dots(across[known], up[known], kind)

    def _dots(self, across: Values, up: Values, kind: str) -> str:
        return "".join(
            f'<circle class="{kind}" cx="{a:.1f}" cy="{b:.1f}" r="2.6"/>'
            for a, b in zip(across, up, strict=True)
        )

    def band(self, x: Any, low: Any, high: Any, kind: str = "band") -> str:
        """The area between two lines."""
        across, below, above = self.across(x), self.up(low), self.up(high)
        known = np.isfinite(below) & np.isfinite(above)
        if len(across) == 1 and known[0]:  # an area needs two
            across = across + np.array([-3.0, 3.0])
            below, above, known = below.repeat(2), above.repeat(2), known.repeat(2)
        corners = [*zip(across[known], above[known], strict=True)]
        corners += [*zip(across[known], below[known], strict=True)][::-1]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
        return f'<polygon class="{kind}" points="{points}"/>'

    def level(self, y: float, kind: str) -> str:
        """A line from left to right."""
        return self.line(self.x.span, [y, y], kind)

    def upright(self, x: float, kind: str) -> str:
        """A line from bottom to top."""
        return self.line([x, x], self.y.span, kind)

    def told(self, x: Any, texts: Iterable[str]) -> str:
        """What the pointer is told over each place of x."""
        across = self.across(x)
        wide = np.median(np.diff(across)) if len(across) > 1 else 20.0
        tall = self.height - TOP - BOTTOM
        return "".join(
            f'<rect class="hover" x="{a - wide / 2:.1f}" y="{TOP}" width="{wide:.1f}"'
            f' height="{tall}"><title>{escape(text)}</title></rect>'
            for a, text in zip(across, texts, strict=True)
        )

    def figure(self, parts: Iterable[str], legend: str = "") -> str:
        """The whole chart with its caption."""
        drawn = "".join([*self._grid(), *parts])
        return (
            f"<figure><figcaption><b>{escape(self.title)}</b> {legend}</figcaption>"
            f'<svg class="chart" viewBox="0 0 {self.width} {self.height}" role="img"'
            f' aria-label="{escape(self.title)}">{drawn}</svg></figure>'
        )

    def _grid(self) -> Iterable[str]:
        bottom = self.height - BOTTOM
        for place, label in self.y.ticks:
            y = float(self.up(place))
            yield f'<path class="rule" d="M{LEFT} {y:.1f}H{self.width - RIGHT}"/>'
            yield f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        for place, label in self.x.ticks:
            x = float(self.across(place))
            yield f'<path class="rule" d="M{x:.1f} {bottom}v4"/>'
            yield f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>'


def numbers(values: Iterable[Any], *, zero: bool = False, percent: bool = False) -> Axis:
    """An axis that holds all finite values, ending at labelled places."""
    joined = np.concatenate([np.ravel(_floats(part)) for part in values])
    known = joined[np.isfinite(joined)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-9):
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    step = _step((high - low) / 4)
    first, last = np.floor(low / step), np.ceil(high / step)
    places = np.arange(first, last + 1) * step
    labels = [f"{100 * p:.4g} %" if percent else short(p, step) for p in places.tolist()]
    return Axis(
        (float(places[0]), float(places[-1])), tuple(zip(places.tolist(), labels, strict=True))
    )


def counted(values: Any) -> Axis:
    """An axis of whole numbers, such as steps."""
    low, high = float(np.min(values)), float(np.max(values))
    step = max(_step((high - low) / 6), 1.0)
    places = np.arange(np.ceil(low / step), high / step + 1e-9) * step
    if places[0] != low and places[0] - low > step / 2:
        places = np.r_[low, places]
    pad = 0.5 if high == low else 0.0
    return Axis((low - pad, high + pad), tuple((p, short(p, step)) for p in places.tolist()))


def moments(times: NDArray[Any]) -> Axis:
    """An axis of dates (as seconds) or positions."""
    if times.dtype.kind != "M":
        return counted(times)
    low, high = times.min(), times.max()
    days = bool((times == times.astype("M8[D]")).all())
    places, label = _calendar(low, high, [unit for unit in UNITS if not days or unit[0] != "h"])
    ticks = tuple((float(seconds(place)), label(place)) for place in places)
    return Axis((float(seconds(low)), float(seconds(high))), ticks)


def _calendar(low: Any, high: Any, units: Sequence[Unit]) -> tuple[Any, Callable[[Any], str]]:
    """The finest round dates that are few enough, and how they are written."""
    for unit, count, label in units:
        year = 1970 if unit == "Y" else 0  # years are round by their own count
        first = (low.astype(f"M8[{unit}]").astype(np.int64) + year) // count * count - year
        last = high.astype(f"M8[{unit}]").astype(np.int64)
        places = np.arange(first, last + 1, count).astype(f"M8[{unit}]").astype("M8[s]")
        places = places[(places >= low) & (places <= high)]
        if len(places) <= TICKS:
            return places, label
    return places[:: -(-len(places) // TICKS)], label


def seconds(times: Any) -> Values:
    """Places on an axis of `moments`."""
    values = np.asarray(times)
    exact = values.astype("M8[s]").astype(np.int64) if values.dtype.kind == "M" else values
    return exact.astype(np.float64)


def short(value: float, step: float | None = None) -> str:
    """As an axis shows it: 1,250 or 45k or 1.2M; `step`: the distance of labels that must differ."""
    for least, size, unit in ((1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least and (step is None or step >= size / 1000):
            return (
                f"{value / size:,.4g}{unit}"
                if step is None
                else _digits(value / size, step / size) + unit
            )
    if step is not None:
        return _digits(value, step)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _digits(value: float, step: float) -> str:
    """As many behind the point as tell apart what lies a step from it."""
    if step < 1e-6:
        return f"{value:.4g}"
    text = f"{value:,.{max(int(np.ceil(-np.log10(step) - 1e-9)), 0)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _hour(time: Any) -> str:
    return f"{_day(time)} {str(time.astype('M8[m]'))[11:]}"


def _day(time: Any) -> str:
    return f"{int(str(time)[8:10])} {MONTHS[int(str(time)[5:7]) - 1]}"


def _month(time: Any) -> str:
    return f"{MONTHS[int(str(time)[5:7]) - 1]} {str(time)[:4]}"


def _year(time: Any) -> str:
    return str(time)[:4]


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = (
    ("h", 1, _hour), ("h", 6, _hour), ("h", 12, _hour), ("D", 1, _day), ("D", 2, _day),
    ("D", 7, _day), ("D", 14, _day), ("M", 1, _month), ("M", 3, _month), ("M", 6, _month),
    ("Y", 1, _year), ("Y", 2, _year), ("Y", 5, _year), ("Y", 10, _year), ("Y", 20, _year),
    ("Y", 50, _year),
)  # fmt: skip


def _step(rough: float) -> float:
    size = 10.0 ** np.floor(np.log10(max(rough, 1e-12)))
    return float(size * min((m for m in (1, 2, 5, 10) if m * size >= rough), default=10))


def _floats(values: Any) -> Values:
    return np.asarray(values, dtype=np.float64)
