"""Small charts as text: SVG that stretches with the page, labels in HTML beside it, colours in CSS."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, MARGIN = 600, 120, 6
POINTS = 400
"""A longer line is drawn by the lowest and the highest value of each of so many pieces."""


@dataclass(frozen=True)
class Axis:
    """What is written at both ends of the x axis, and the shaded parts (name, first, last + 1)."""

    first: str
    last: str
    parts: tuple[tuple[str, int, int], ...] = ()


def line(
    title: str, values: NDArray, axis: Axis, *, mark: int | None = None, zero: bool = False
) -> str:
    """A line over steps, broken where values are NaN; `mark`: a step to point at."""
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low = min(low, 0.0) if zero else low
    spread = high - low or 1.0
    x = _places(len(values))
    y = HEIGHT - MARGIN - (values.astype(np.float64) - low) / spread * (HEIGHT - 2 * MARGIN)
    drawn = [_part(name, x, first, last) for name, first, last in axis.parts]
    path, dots = _paths(*_thin(x, y))
    drawn.append(f'<path class="line" d="{path}"/><path class="dot" d="{dots}"/>')
    if mark is not None and 0 <= mark < len(values):
        drawn.append(f'<path class="mark" d="M{x[mark]:.1f} 0V{HEIGHT}"/>')
    return _figure(title, "".join(drawn), (number(low), number(high)), axis)


def bars(title: str, heights: NDArray, axis: Axis) -> str:
    """Bars side by side, from zero."""
    top = float(heights.max(initial=0)) or 1.0
    wide = WIDTH / max(len(heights), 1)
    tall = heights / top * (HEIGHT - 2 * MARGIN)
    drawn = "".join(
        f'<rect class="bar" x="{i * wide:.1f}" y="{HEIGHT - MARGIN - h:.1f}"'
        f' width="{wide * 0.9:.1f}" height="{h:.1f}"/>'
        for i, h in enumerate(tall.tolist())
        if h
    )
    return _figure(title, drawn, ("0", number(top)), axis)


def shares(title: str, names: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Bars to the right, one for each of `names` in every row; values in [0, 1]."""
    key = " ".join(f'<span class="key k{i}">{escape(name)}</span>' for i, name in enumerate(names))
    body = "".join(
        f"<dt>{escape(label)}</dt><dd>"
        + "".join(
            f'<span class="share k{i}" style="width:{100 * value:.1f}%"></span><b>{value:.1%}</b>'
            for i, value in enumerate(values)
        )
        + "</dd>"
        for label, values in rows
    )
    return f"<figure><figcaption>{escape(title)} {key}</figcaption><dl>{body}</dl></figure>"


def number(value: float) -> str:
    """Short enough for an axis."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def _places(count: int) -> NDArray[np.float64]:
    return np.linspace(0, WIDTH, count) if count > 1 else np.full(count, WIDTH / 2)


def _part(name: str, x: NDArray, first: int, last: int) -> str:
    if not len(x) or last <= first:
        return ""
    half = (x[1] - x[0]) / 2 if len(x) > 1 else WIDTH / 2
    begin, end = x[max(first, 0)] - half, x[min(last, len(x)) - 1] + half
    return (
        f'<rect class="{escape(name)}" x="{begin:.1f}" y="0" width="{end - begin:.1f}"'
        f' height="{HEIGHT}"><title>{escape(name)}</title></rect>'
    )


def _thin(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    """Extremes of pieces in their order; a piece without any value stays a gap."""
    size = -(-len(y) // POINTS)
    if size <= 1:
        return x, y
    y = np.r_[y, np.full(-len(y) % size, np.nan)].reshape(-1, size)
    lowest = np.where(np.isnan(y), np.inf, y).argmin(1)
    highest = np.where(np.isnan(y), -np.inf, y).argmax(1)
    columns = np.sort(np.stack([lowest, highest], 1), axis=1)
    at = np.arange(len(y))[:, None] * size + columns
    return x[np.minimum(at, len(x) - 1).ravel()], np.take_along_axis(y, columns, 1).ravel()


def _paths(x: NDArray, y: NDArray) -> tuple[str, str]:
    """The line, and the values between two gaps: lines of no length, round ends make them dots."""
    known = ~np.isnan(y)
    begins = known & ~np.r_[False, known[:-1]]
    alone = begins & ~np.r_[known[1:], False]
    points = [f"{a:.1f} {b:.1f}" for a, b in zip(x, np.where(known, y, 0), strict=True)]
    letters = np.where(begins, "M", "L")
    path = "".join(f"{letters[i]}{points[i]}" for i in np.flatnonzero(known & ~alone))
    return path, "".join(f"M{points[i]}h0" for i in np.flatnonzero(alone))


def _figure(title: str, drawn: str, span: tuple[str, str], axis: Axis) -> str:
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<div class="plot"><span class="high">{span[1]}</span><span class="low">{span[0]}</span>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(title)}">{drawn}</svg></div>'
        f'<div class="ends"><span>{escape(axis.first)}</span><span>{escape(axis.last)}</span></div>'
        "</figure>"
    )
