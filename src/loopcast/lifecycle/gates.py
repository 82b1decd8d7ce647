"""What a challenger must show before it may serve, each a number with what was wanted of it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from loopcast.lifecycle import settings
from loopcast.lifecycle.paired import Paired, paired
from loopcast.lifecycle.replay import Floats, Replayed, common

FEWEST = 30
"""Windows of which a category must have this many to be judged alone."""


@dataclass(frozen=True)
class Gate:
    """`seen` and `wanted` are texts for people, `value` is the number."""

    name: str
    seen: str
    wanted: str
    passed: bool
    value: float | None = None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """All gates, and the comparison they rest on."""

    compared: Paired
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Every gate."""
        return all(gate.passed for gate in self.gates)

    def why(self) -> str:
        """A sentence."""
        gain = f"loss {self.compared.second:.3g} against {self.compared.first:.3g}"
        if self.passed:
            return f"better by {self.compared.gain:.1%} ({gain}, p {self.compared.p:.2g}), all gates passed"
        failed = ", ".join(
            f"{gate.name} {gate.seen} ({gate.wanted} wanted)"
            for gate in self.gates
            if not gate.passed
        )
        return f"not promoted: {failed}; {gain}"


def compare(champion: Replayed, challenger: Replayed) -> Paired:
    """Of the challenger's loss with the champion's, point by point."""
    levels = common(champion, challenger)
    first, second = champion.loss(levels), challenger.beside(champion).loss(levels)
    return paired(first.ravel(), second.ravel(), champion.step.ravel())


def judge(
    champion: Replayed, challenger: Replayed, wanted: settings.Gates, tried: int = 1
) -> Verdict:
    """`tried`: recipes among which this one was the best, which chance had as many throws for."""
    found = compare(champion, challenger)
    challenger = challenger.beside(champion)
    gates = (
        _gain(found, wanted),
        _significance(found, wanted, tried),
        _naive(champion, challenger, wanted),
        _coverage(champion, challenger, wanted),
        _category(champion, challenger, wanted),
        _stability(champion, challenger, wanted),
    )
    return Verdict(found, gates)


def _gain(found: Paired, wanted: settings.Gates) -> Gate:
    passed = math.isfinite(found.gain) and found.gain >= wanted.gain
    return Gate(
        "gain", _percent(found.gain), f"at least {wanted.gain:.1%}", passed, _number(found.gain)
    )


def _significance(found: Paired, wanted: settings.Gates, tried: int) -> Gate:
    p = min(found.p * max(tried, 1), 1.0)
    text = f"p {p:.2g} over {found.steps} steps"
    return Gate(
        "significance", text, f"at most {wanted.significance:g}", p <= wanted.significance, p
    )


def _naive(champion: Replayed, challenger: Replayed, wanted: settings.Gates) -> Gate:
    """A champion that loses to seasonal naive is no reason to wait for a perfect challenger."""
    levels = common(champion, challenger)
    naive = champion.naive_loss(levels)
    ratio, before = (_ratio(one.loss(levels), naive) for one in (challenger, champion))
    most = max(wanted.naive, wanted.losing) if before > wanted.naive else wanted.naive
    seen = f"{ratio:.2f} of its loss (the champion {before:.2f})"
    return Gate("seasonal naive", seen, f"at most {most:.2f}", ratio <= most, _number(ratio))


def _ratio(ours: Floats, naive: Floats) -> float:
    seen = np.isfinite(ours) & np.isfinite(naive)
    return float(ours[seen].mean() / naive[seen].mean()) if seen.any() else math.nan


def _coverage(champion: Replayed, challenger: Replayed, wanted: settings.Gates) -> Gate:
    """Near its level, or at least no worse than what serves now."""
    ours, nominal = challenger.coverage()
    before, _ = champion.coverage()
    if not math.isfinite(ours):
        return Gate("coverage", "there is no range", "", passed=True)
    least = min(nominal - wanted.coverage, before if math.isfinite(before) else 1.0)
    text = f"{nominal:.0%} range: at least {least:.1%}"
    return Gate("coverage", _percent(ours), text, ours >= least, _number(ours))


def _category(champion: Replayed, challenger: Replayed, wanted: settings.Gates) -> Gate:
    """Few steps say little of a category: one counts as worse where the paired test says so too."""
    levels = common(champion, challenger)
    first, second, step = champion.loss(levels), challenger.loss(levels), champion.step
    worst, where = -math.inf, ""
    for column, texts in champion.by.items():
        for text in np.unique(texts.astype(str)):
            rows = texts.astype(str) == text
            back = paired(second[rows].ravel(), first[rows].ravel(), step[rows].ravel())
            change = back.first / back.second - 1 if back.second > 0 else 0.0
            if back.p <= wanted.significance and rows.sum() >= FEWEST and change > worst:
                worst, where = change, f"{column} {text}"
    seen = f"{where} {worst:+.1%}" if where else "none is clearly worse"
    most = f"no category clearly worse, by more than {wanted.category:.0%}"
    return Gate("categories", seen, most, worst <= wanted.category, _number(worst))


def _stability(champion: Replayed, challenger: Replayed, wanted: settings.Gates) -> Gate:
    ours, before = challenger.restlessness(), champion.restlessness()
    ratio = ours / before if before > 0 else math.nan
    passed = not math.isfinite(ratio) or ratio <= wanted.stability
    seen = f"{ratio:.2f} of the champion's changes" if math.isfinite(ratio) else "not known"
    return Gate("stability", seen, f"at most {wanted.stability:.2f}", passed, _number(ratio))


def churn(champion: Replayed, challenger: Replayed) -> float | None:
    """How far forecasts move when the one takes over from the other, in naive scales."""
    apart = np.abs(champion.error() - challenger.beside(champion).error())
    return _number(float(np.nanmean(apart))) if np.isfinite(apart).any() else None


def best(found: Sequence[Paired]) -> int:
    """The place of the lowest loss."""
    losses = [one.second if math.isfinite(one.second) else math.inf for one in found]
    return int(np.argmin(losses))


def _percent(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "not known"


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
