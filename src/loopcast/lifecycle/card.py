"""A decision as Markdown: what was tried, what was seen, and why it ended as it did."""

from collections.abc import Mapping, Sequence
from typing import Any

from loopcast.store.model_card import gate_table, rows_of


def decision_card(
    model: str, outcome: str, why: str, facts: Mapping[str, Any], gates: Sequence[Mapping[str, Any]]
) -> str:
    """`facts` as in the store: shown as they are, one a line."""
    told = [(name, _text(value)) for name, value in facts.items() if not isinstance(value, list)]
    parts = [f"# {model}: {outcome}", why[:1].upper() + why[1:] + ".", rows_of(("", ""), told)]
    if tried := facts.get("recipes"):
        rows = [
            (str(one["name"]), f"{one['loss']:.4g}", f"{one['gain']:.1%}", f"{one['p']:.2g}")
            for one in tried
        ]
        parts += ["## Tried", rows_of(("recipe", "loss", "gain", "p"), rows)]
    if gates:
        parts += ["## Gates", gate_table(gates)]
    return "\n\n".join(parts) + "\n"


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
