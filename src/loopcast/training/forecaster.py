"""The LightningModule around features and network."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from torch.optim import AdamW, Optimizer

from loopcast.core.errors import ConfigError
from loopcast.core.task import Task
from loopcast.features.encoder import Encoder
from loopcast.features.ranges import Lower, Ranges, floor
from loopcast.models.network import Network, Widths, Window
from loopcast.training.budget import Budget
from loopcast.training.card import parts
from loopcast.training.checkpoint import ADVICE, unlearned
from loopcast.training.defaults import Recipe, recipe, volume_of
from loopcast.training.losses import Loss, PinballLoss, SquaredLoss
from loopcast.training.mean import objective, parted, with_channel
from loopcast.training.members import Members
from loopcast.training.metrics import Metrics
from loopcast.training.ranks import Kept, in_order, mixed
from loopcast.training.shorten import sensible, shortened
from loopcast.training.trust import Trust
from loopcast.training.trust import sensible as share_of_members
from loopcast.training.volume import sensible as between
from loopcast.training.volume import weighed
from loopcast.training.warm import Earlier
from loopcast.training.windows import Batch

SEEDS = 2**31
HALVED = ("16-true", "bf16-true", "64-true")
MIXED = "windows are gathered in 32 bits: use 32-true, bf16-mixed or 16-mixed"


class Forecaster(L.LightningModule):
    """Every argument is a key of the YAML's `model:` section; docs/configuration.md tells each.

    `schedule` "cosine" brings the learning rate to 0 at the end of the budget (max_steps or
    max_time); what a timed run decided is kept in `paces`, so that it can be replayed by steps.
    `members` networks train side by side, each on windows of its own; the forecast is their median.
    `lower`: no forecast lies below; "auto" is 0 where the train part has no negative target.
    `shorten`: share of training windows whose history is cut, as if the series had just begun.
    `blind`: share of the members that do not see what is known ahead; validation weighs both kinds.
    `volume`: windows count by their scale to this power, 0 alike as in MASE, 1 as in WAPE; 2 at most.
    `compiled`: torch.compile the training step, on a GPU as CUDA graphs; the maths stay the same.
    """

    levels: Tensor
    seen: Tensor | None  # [member, 1, history]

    def __init__(
        self,
        network: Callable[[Task, Widths], Network] | None = None,
        quantiles: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9),
        loss: Loss | None = None,
        learning_rate: float | None = None,
        weight_decay: float = 0.01,
        optimizer: Callable[[Iterable], Optimizer] | None = None,
        schedule: Literal["cosine", "constant"] = "cosine",
        members: int | None = None,
        histories: list[int] | None = None,
        losses: list[Loss] | None = None,
        mean: bool = False,
        lower: Lower = "auto",
        shorten: float = 0.05,
        blind: float = 0.5,
        volume: float | None = None,
        warm_start: str | None = None,
        compiled: bool = False,
        paces: list[list[int]] | None = None,
    ) -> None:
        given = locals().items()
        options = {name: value for name, value in given if name not in ("self", "__class__")}
        super().__init__()
        self.options = options  # to make another one like it
        self.make, self.loss = network, loss or PinballLoss()
        self.together = Members(
            1 if members is None else members, histories or (), losses or [self.loss]
        )
        self.quantiles = tuple(quantiles)
        self.shorten, self.warm_start = sensible(shorten), warm_start
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.optimizer, self.schedule = optimizer, schedule
        self.members, self.mean, self.lower = members, mean, lower
        self.blind = share_of_members(blind)
        self.compiled, self.volume = compiled, between(volume)
        self.recipe: Recipe | None = None  # what was not named; a checkpoint brings its own
        self.budget = Budget([list(pace) for pace in paces or []], replayed=bool(paces))
        self.earlier: Earlier | None = None  # the run that warm_start names
        self.task: Task | None = None
        self.seed: int | None = None  # of draws and noise; a checkpoint brings its own

    def __setattr__(self, name: str, value: Any) -> None:
        """The trainer notes the hook it is in, forty times a step: too often for a module's own way."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def setup(self, stage: str) -> None:
        """Take task and fitted features from the data; a loaded checkpoint brings its own."""
        if str(self.trainer.precision) in HALVED:
            raise ConfigError(
                f"trainer.precision {self.trainer.precision} is not supported; {MIXED}"
            )
        if self.seed is None:
            self.seed = torch.initial_seed() % SEEDS
        if self.task is None:
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            task = replace(data.task, quantiles=self.quantiles, mean=self.mean)
            if stage == "fit" and self.earlier is None:
                self.earlier = Earlier.read(self.warm_start)
            warm = self.earlier
            if self.recipe is None and warm and self.make is None:
                self.choose(Recipe(**warm.facts.get("recipe", {})))
            elif self.recipe is None:
                self.plan(data, self.trainer)
            self.together.refuse()
            self.build(task, warm.widened(data.encoder, task) if warm else data.encoder)
            if warm:
                self._refuse_learned(warm.path, warm.facts)
                warm.carry(self)
            self.ranges.floor.fill_(floor(self.lower, data.checks.non_negative, data.train))

    def _refuse_learned(self, path: Path, facts: Mapping[str, Any]) -> None:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        unlearned(path, facts, parts(data.panel, data.splits), data.task)

    def plan(self, data: L.LightningDataModule, trainer: L.Trainer) -> None:
        """What the rules choose for these data and this budget."""
        facts = data.facts(trainer)  # type: ignore[attr-defined]
        facts = replace(facts, squared=isinstance(self.loss, SquaredLoss))
        self.choose(recipe(facts) if self.make is None else Recipe(volume=volume_of(facts)))

    def choose(self, chosen: Recipe) -> None:
        """Take from `chosen` what the config does not name."""
        count = chosen.members if self.members is None else self.members
        rate = chosen.learning_rate if self.learning_rate is None else self.learning_rate
        volume = chosen.volume if self.volume is None else self.volume
        self.recipe = replace(chosen, members=count, learning_rate=rate, volume=volume)
        self.together = replace(self.together, count=count)

    def build(self, task: Task, encoder: Encoder) -> None:
        """Make the network for a task whose features are fitted."""
        self.task, self.encoder = task, encoder
        past, future, static = encoder.widths
        if self.recipe is None:
            self.choose(Recipe())
        assert self.recipe is not None
        stacked = self.together.count if self.together.count > 1 else 0
        make = self.make or self.recipe.network
        self.trust = Trust(self.together.count, self.blind, future, encoder.covariates)
        widths = Widths(past, future, static, stacked, encoder.covariates, self.trust.blind)
        try:
            self.network = make(with_channel(task), widths)
        except (ValueError, RuntimeError) as error:
            raise ConfigError(f"model.network cannot be made like this: {error}") from error
        if any(not weight.numel() for weight in self.network.parameters()):
            raise ConfigError("model.network cannot be made like this: a layer has no width")
        self.register_buffer("levels", torch.tensor(task.quantiles), persistent=False)
        self.register_buffer("seen", self.together.seen(task.history), persistent=False)
        self.ranges = Ranges(task.horizon, task.quantiles)
        self.metrics = Metrics()

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """The artifact's inputs (text as codes) -> quantiles [batch, horizon, quantile], sorted."""
        return self.outputs(inputs)[0]

    def outputs(self, inputs: Batch) -> tuple[Tensor, ...]:
        """All that the graph gives: quantiles, and where the task asks the mean [batch, horizon]."""
        scaled, means, encoded = self.scaled(inputs)
        quantiles = self.finished(scaled, encoded["location"], encoded["scale"])
        return (quantiles,) if means is None else (quantiles, self.ranges.above(means))

    def scaled(self, inputs: Batch) -> tuple[Tensor, Tensor | None, Batch]:
        """The members' quantiles as one, sorted but not calibrated; their mean; the window's fields.

        The mean [batch, horizon] is in the target's units.
        """
        groups, mean, encoded = self._groups(inputs)
        if mean is not None:
            parts = [self.together.averaged(part) for part in self.trust.groups(mean)]
            mean = self.trust.mixed(parts)
        return self.trust.mixed(groups).sort(-1).values, mean, encoded

    def _groups(self, inputs: Batch) -> tuple[list[Tensor], Tensor | None, Batch]:
        """The quantiles of members that see the same, as one in scaled units; all members' means.

        The means [member, batch, horizon, 1] are in the target's units.
        """
        assert self.task is not None
        encoded = own = self.encoder(inputs)
        if self.seen is not None:
            own = self.encoder.through(inputs, encoded, self.seen)
        place = own["location"], own["scale"]
        quantiles, mean = parted(self.network(Window(**self.trust.seen(own))), self.task)
        if self.seen is not None:
            quantiles = self.encoder.units(quantiles, *place)
        groups = [self.together.combined(part) for part in self.trust.groups(quantiles)]
        if self.seen is not None:
            location, scale = encoded["location"][..., None], encoded["scale"][..., None]
            groups = [self.encoder.scaled(group, location, scale) for group in groups]
        return groups, None if mean is None else self.encoder.units(mean, *place), encoded

    def finished(self, scaled: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Sorted quantiles in scaled units -> calibrated, in the target's units, above the floor."""
        calibrated = self.ranges(scaled, location, scale)
        return self.ranges.above(self.encoder.units(calibrated, location, scale)).sort(-1).values

    def losses_of(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss [share] on a gathered batch, in scaled units, and the forecast; see Trust.shares."""
        groups, _, encoded = self._groups(batch)
        rest = None, self._weighed(batch), encoded, self.encoder, self.loss, self.levels
        mixed = [self.trust.mixed(groups, share).sort(-1).values for share in self.trust.shares]
        forecast = self.trust.mixed(groups).sort(-1).values
        found = self.finished(forecast, encoded["location"], encoded["scale"])
        return torch.stack([objective(one, *rest) for one in mixed]), found

    def _weighed(self, batch: Batch) -> Batch:
        """With each window's weight, by `volume`; the scale of one to be cut is that before the cut."""
        assert self.recipe is not None
        if not self.recipe.volume:
            return batch
        usual = self.encoder.level.usual
        return weighed(batch, self.encoder.scale(batch), usual, self.recipe.volume)

    def _members_loss(self, batch: Batch) -> Tensor:
        """The sum of the members' losses, each on its own share of the batch."""
        assert self.task is not None
        together, known = self.together, batch
        if self.seen is not None:
            batch = {**batch, "target": together.hidden(batch["target"], self.seen)}
        encoded = self.encoder(batch)
        if together.count > 1:
            encoded = together.apart(encoded)
            known = together.apart({n: batch[n] for n in ("actual", "weight") if n in batch})
        quantiles, mean = parted(self.network(Window(**self.trust.seen(encoded))), self.task)
        loss = together.losses[0] if together.count == 1 else together.loss
        return objective(quantiles, mean, known, encoded, self.encoder, loss, self.levels)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        """Pinball loss in scaled units; logged now and then, as logging costs a synchronisation."""
        self._set_learning_rate()
        batch = self._weighed(batch)
        shortened(batch, self.shorten)
        loss = self._objective(batch)
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (self.global_step + 1) % every == 0:
            mean = loss.detach() / self.together.count
            self.log("train_loss", mean, on_step=True, on_epoch=False, prog_bar=True)
            self.log("learning_rate", self.trainer.optimizers[0].param_groups[0]["lr"])
        return loss

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        """The loss, and scores in the target's units by the share chosen at the look before."""
        size = len(batch["origin"])
        losses, forecast = self.losses_of(batch)
        self.looked[:-1] += losses.float() * size
        self.looked[-1] += size
        self.metrics.score(batch["actual"], forecast, self.levels)
        self.log_dict(self.metrics, batch_size=size)

    def on_validation_epoch_start(self) -> None:
        """See on_validation_epoch_end."""
        shares = len(self.trust.shares)
        self.looked = torch.zeros(shares + 1, device=self.device)  # sums of losses, and windows

    def on_validation_epoch_end(self) -> None:
        """The loss of all ranks' windows; during a fit it also says what members count."""
        whole = self.trainer.strategy.reduce(self.looked, reduce_op="sum")
        losses, fitting = whole[:-1] / whole[-1], self.trainer.state.fn == TrainerFn.FITTING
        loss = self.trust.best(losses) if fitting else self.trust.present(losses)
        self.log("validation_loss", loss, prog_bar=True, sync_dist=True)

    def test_step(self, batch: dict[str, Tensor], index: int) -> None:
        """Kept for `predictions`, which puts the ranks' shares back in order."""
        self.kept.append((batch["number"].cpu(), self(batch).float().cpu()))

    def predict_step(self, batch: dict[str, Tensor], index: int) -> None:
        """As test_step; the mean, where the task asks it, is one more column."""
        quantiles, *mean = self.outputs(batch)
        whole = torch.cat([quantiles, *(one[..., None] for one in mean)], -1)
        self.kept.append((batch["number"].cpu(), whole.float().cpu()))

    def on_test_start(self) -> None:
        """See test_step."""
        self.kept: Kept = []

    on_predict_start = on_test_start

    def predictions(self) -> Tensor:
        """[window, horizon, quantile] of the last test or predict, all ranks, in order."""
        return in_order(self.kept)

    def configure_optimizers(self) -> Optimizer:
        """AdamW (fused) unless the YAML names another."""
        assert self.recipe is not None
        weights, rate = self.parameters(), self.recipe.learning_rate
        try:
            if self.optimizer is not None:
                return self.optimizer(weights)
            return AdamW(weights, rate, weight_decay=self.weight_decay, fused=self._fused())
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"model: the optimizer cannot be set up like this: {error}"
            ) from error

    def _fused(self) -> bool:
        """Gradients of mixed precision cannot be clipped for an optimizer that scales them itself."""
        clipped = self.trainer.gradient_clip_val
        return not (clipped and "mixed" in str(self.trainer.precision))

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """As torch does it, without its profiler's mark at every step."""
        for weight in self.parameters():
            weight.grad = None

    def _set_learning_rate(self) -> None:
        if self.schedule == "cosine":
            height = self.budget.advance(self.global_step)
            for group in self.trainer.optimizers[0].param_groups:
                group["lr"] = height * group.setdefault("initial_lr", group["lr"])

    def on_train_start(self) -> None:
        """The clock of a timed run starts."""
        self._objective: Callable[[Batch], Tensor] = self._members_loss
        if self.compiled:
            mode = "reduce-overhead" if self.device.type == "cuda" else "default"
            self._objective = torch.compile(self._members_loss, mode=mode, dynamic=False)
        self.budget.start(self.global_step)

    def on_train_end(self) -> None:
        """And stops."""
        self.budget.end()

    def on_train_epoch_start(self) -> None:
        """A timed run asks how many steps are still to come."""
        self.budget.look(self.trainer)

    def on_train_batch_start(self, batch: dict[str, Tensor], index: int) -> None:
        """A step's noise (dropout, hidden keys, cut histories) depends on seed, rank and step alone.

        So a run that is resumed or replayed draws what the first one drew.
        """
        step = self.trainer.fit_loop.epoch_loop.total_batch_idx
        noise = mixed(self.seed or 0, step, self.trainer.global_rank)
        torch.default_generator.manual_seed(noise)  # torch.manual_seed looks at every backend
        if self.device.type == "cuda":
            torch.cuda.manual_seed(noise)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What is needed to build the same forecaster without data; plain values only."""
        assert self.task is not None
        data = self.trainer.datamodule if self._trainer else None  # type: ignore[attr-defined]
        checkpoint["loopcast"] = {
            **({"data": parts(data.panel, data.splits)} if data else {}),
            "task": asdict(self.task),
            "encoder": self.encoder.facts(),
            "paces": [list(pace) for pace in self.budget.paces],
            "share": self.budget.share,
            "seed": self.seed,
            "recipe": self.recipe.facts() if self.recipe else {},
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Build from the checkpoint's facts, so that its weights fit."""
        facts = checkpoint["loopcast"]
        task = Task.from_dict(facts["task"])
        data = self.trainer.datamodule if self._trainer else None  # type: ignore[attr-defined]
        if data and self.trainer.training:
            self._refuse_learned(Path(str(self.trainer.ckpt_path)), facts)
        self.restore(facts, data.features if data else None, self.encoder.scaling)
        assert self.task == task
        self.seed, self.budget.share = facts["seed"], facts["share"]
        if not self.budget.replayed:
            self.budget.paces = [list(pace) for pace in facts["paces"]]

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **rest: Any) -> Any:
        """Raises ConfigError where the weights are another network's."""
        try:
            return super().load_state_dict(state_dict, *args, **rest)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[-1].strip()
            raise ConfigError(
                f"the checkpoint's weights do not fit the network of this config; {ADVICE} ({first})"
            ) from error

    def restore(self, facts: dict[str, Any], features: Any, scaling: Any) -> None:
        """From `facts` of a checkpoint, without data."""
        task = Task.from_dict(facts["task"])
        device = self.device
        self.choose(Recipe(**facts.get("recipe", {})))
        self.build(task, Encoder.restore(facts["encoder"], task, features, scaling))
        self.to(device)
