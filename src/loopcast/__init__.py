"""From a sales table to a calibrated forecast out of one ONNX file."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["Predictor", "fit"]


def __getattr__(name: str) -> Any:
    """Rooms open when asked for (PEP 562): importing loopcast alone loads nothing."""
    if name == "Predictor":
        from loopcast.serving.predictor import Predictor

        return Predictor
    if name == "fit":
        from loopcast.training.api import fit

        return fit
    raise AttributeError(f"module 'loopcast' has no attribute {name!r}")
