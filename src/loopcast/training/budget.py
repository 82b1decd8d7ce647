"""How much of a run is used up: what the learning rate follows, by steps or by the clock."""

from dataclasses import dataclass, field
from math import cos, pi
from time import monotonic

import lightning as L
from lightning.pytorch.callbacks import Timer

from loopcast.training.cooling import Cooling

WARM = 20
"""Steps over which the learning rate rises to its full height."""
GUESS = 0.01
"""Seconds a step takes, before one was taken."""
ENDLESS = 10**9
"""Steps to come where nothing but a plateau ends a run."""


@dataclass
class Budget:
    """Knows at each epoch's start how many steps are still to come, and keeps the answer.

    `paces` holds these answers, [step, steps to come]: a timed run that is given them again goes
    through the same learning rates, whatever the clock says.
    """

    paces: list[list[int]] = field(default_factory=list)
    replayed: bool = False
    share: float = 0.0  # that is used up
    began: tuple[float, int] = (0.0, 0)  # clock and step
    ended: float = 0.0  # clock
    latest: tuple[int, float] = (-1, 0.0)  # step and height

    def start(self, step: int) -> None:
        """The clock runs."""
        self.began = (monotonic(), step)

    def end(self) -> None:
        """The clock stops."""
        self.ended = monotonic()

    def look(self, trainer: L.Trainer) -> None:
        """Ask how many steps are to come; rank 0 decides for all."""
        if not self.replayed:
            left = trainer.strategy.broadcast(self._estimate(trainer))
            self.paces.append([trainer.global_step, left])

    def advance(self, step: int) -> float:
        """The learning rate of this step as a share of its full height: a cosine after a rise.

        A step that gathers the gradients of several batches asks several times.
        """
        if step != self.latest[0]:
            height = 0.5 * (1 + cos(pi * min(self.share, 1.0)))
            self.share += (1 - self.share) / max(self._left(step), 1)
            self.latest = step, height * min(1.0, (step + 1) / WARM)
        return self.latest[1]

    def _left(self, step: int) -> int:
        at, left = [pace for pace in self.paces if pace[0] <= step][-1]
        return left - (step - at)

    def _estimate(self, trainer: L.Trainer) -> int:
        """By max_steps, max_epochs, max_time and a plateau, whichever ends first.

        Without any of them the end is far, until there is a plateau.
        """
        step = trainer.global_step
        ends = []
        if trainer.max_steps > 0:
            ends.append(trainer.max_steps - step)
        if (trainer.max_epochs or -1) > 0:
            epochs = (trainer.max_epochs or 0) - trainer.current_epoch
            steps = -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches)
            ends.append(max(epochs, 1) * steps)
        ends += [
            c.end - step
            for c in trainer.callbacks  # type: ignore[attr-defined]
            if isinstance(c, Cooling) and c.end is not None
        ]
        remaining = _remaining(trainer)
        if remaining is not None:
            done = step - self.began[1]
            pace = (monotonic() - self.began[0]) / done if done else GUESS
            ends.append(int(remaining / max(pace, 1e-6)))
        return max(min(ends), 1) if ends else ENDLESS


def _remaining(trainer: L.Trainer) -> float | None:
    """Seconds left to a timed run."""
    timers = [c for c in trainer.callbacks if isinstance(c, Timer)]  # type: ignore[attr-defined]
    return timers[0].time_remaining() if timers else None


def allowed(trainer: L.Trainer) -> tuple[int | None, float | None]:
    """Steps and seconds that a run may take; None where it has no such end."""
    steps = trainer.max_steps if trainer.max_steps > 0 else None
    return steps, _remaining(trainer)
