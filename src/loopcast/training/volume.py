"""How much a training window counts: each alike, as scaled scores have it, or by its scale, as sums do."""

from torch import Tensor

from loopcast.core.errors import ConfigError
from loopcast.training.windows import Batch

LEAST, MOST = 0.05, 20.0
"""No window counts less or more, of what the usual one counts."""


def weighed(known: Batch, scale: Tensor, usual: Tensor, volume: float) -> Batch:
    """`known` with weights that fit its actuals, times (scale / usual) to the power of `volume`.

    scale: [..., batch, 1] of the windows; usual: the log of train's usual one, a scalar.
    """
    counts = (volume * (scale.log() - usual)).exp().clamp(LEAST, MOST).detach()
    own = known["weight"].nan_to_num(1.0) if "weight" in known else 1.0
    return {**known, "weight": own * counts}


def sensible(volume: float | None) -> float | None:
    """Raises ConfigError beyond 0 to 2."""
    if volume is not None and not 0 <= volume <= 2:
        raise ConfigError(f"model.volume is {volume}; it must lie in 0 to 2")
    return volume
