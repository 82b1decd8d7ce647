"""The end of a run whose looks bring no gain any more: its learning rate goes to 0 first.

A plateau at a high learning rate is no end: much of what a schedule gains comes while it anneals
(Hägele et al., arXiv 2405.18392), and a long budget would never get there.
"""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping

SHARE = 5
"""Annealing takes one step for so many that were taken before."""


class Cooling(EarlyStopping):
    """After `patience` looks without gain the run anneals, and then ends.

    `end` is the step at which it does, None before. A constant schedule ends at once, and so does a
    loss that is no number.
    """

    end: int | None = None

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """See Cooling; on the epoch's end instead where the trainer looks there."""
        if self.end is None:
            before = trainer.should_stop
            super().on_validation_end(trainer, pl_module)
            self._begin(trainer, pl_module, before)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """See on_validation_end."""
        if self.end is None:
            before = trainer.should_stop
            super().on_train_epoch_end(trainer, pl_module)
            self._begin(trainer, pl_module, before)

    def _begin(self, trainer: L.Trainer, pl_module: L.LightningModule, stopped: bool) -> None:
        tired = trainer.should_stop and not stopped and self.wait_count >= self.patience
        if tired and getattr(pl_module, "schedule", "") == "cosine":
            step = trainer.global_step
            self.end = step + max(int(trainer.num_training_batches), step // SHARE)
            trainer.should_stop, self.stopped_epoch = False, 0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """The end."""
        if self.end is not None and trainer.global_step >= self.end:
            trainer.should_stop, self.stopped_epoch = True, trainer.current_epoch

    def state_dict(self) -> dict[str, Any]:
        """A resumed run ends where the first one would have."""
        return {**super().state_dict(), "end": self.end}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See state_dict."""
        self.end = state_dict.get("end")
        super().load_state_dict(state_dict)
