"""The training loop: phases of epochs of steps, resumable at any of them, bit for bit.

Every random draw is a pure function of seed, phase, epoch and step, so a checkpoint
holds weights, optimiser and a few numbers, and no random state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from headstart.config.durations import rounded
from headstart.config.training import PhaseConfig
from headstart.errors import TrainingError
from headstart.progress import Progress
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Batch, Examples, Feed
from headstart.training.checkpoints import (
    Checkpoint,
    Checkpoints,
    Tensors,
    pack_optimiser,
    unpack_optimiser,
)
from headstart.training.early_stopping import EarlyStopping
from headstart.training.ema import MovingAverage
from headstart.training.losses import build_loss
from headstart.training.optimisers import build_optimiser, set_rates
from headstart.training.randomness import dropout_seed
from headstart.training.sampling import batches, epoch_order
from headstart.training.schedules import build_schedule
from headstart.training.step import TrainingStep
from headstart.training.trunk import Shown

_EVALUATION_BATCH = 64
Listener = Callable[[Sequence[dict[str, Any]]], None]
"""Who is shown the history, as dictionaries of :class:`EpochRecord`, after every epoch."""
_MODEL, _AVERAGE, _OPTIMISER = "model.", "average.", "optimiser."


@dataclass(frozen=True)
class EpochRecord:
    """One line of the history.

    Attributes:
        phase: From 1.
        epoch: Of the phase, from 1.
        loss: Mean over the training images, as shown (augmented, mixed).
        accuracy: Share of them answered right.
        val_loss: On the validation images, never changed; not a number without any.
        val_accuracy: Likewise.
        learning_rate: At the epoch's last step.
        seconds: Of the training steps.
        images_per_s: Trained.
    """

    phase: int
    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float
    images_per_s: float


@dataclass(frozen=True)
class PhasePlan:
    """A phase, and what it does to the network.

    Attributes:
        config: Its settings.
        prepare: Freezes and sets modes; called before the phase, and before each epoch.
        groups: Parameter groups of what is trained, after ``prepare``.
        shown: What it trains on, after ``prepare``; ``None``: the loop's network and feed.
    """

    config: PhaseConfig
    prepare: Callable[[], None]
    groups: Callable[[], list[dict[str, Any]]]
    shown: Callable[[], Shown | None] = lambda: None


@dataclass
class _Position:
    """Where the run is: what is done is below it."""

    phase: int = 0
    epoch: int = 0
    step: int = 0
    steps_done: int = 0
    loss_sum: float = 0.0
    right: float = 0.0
    shown: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def next_epoch(self) -> None:
        self.epoch, self.step = self.epoch + 1, 0
        self.loss_sum, self.right, self.shown, self.seconds = 0.0, 0.0, 0, 0.0

    def next_phase(self) -> None:
        self.phase, self.epoch, self.step = self.phase + 1, 0, 0


class Trainer:
    """Trains a network through its phases.

    Args:
        network: From inputs to logits, on its device.
        feed: Training batches.
        validation: Never changed, never trained on.
        plans: The phases.
        arithmetic: How steps are computed.
        checkpoints: Where the run goes on from, if there are any.
        checkpoint_s: Longest time between two.
        progress: Who is told.
        listen: Who is shown the whole history after every epoch.
    """

    def __init__(
        self,
        network: nn.Module,
        feed: Feed,
        validation: Examples,
        plans: Sequence[PhasePlan],
        *,
        arithmetic: Arithmetic,
        checkpoints: Checkpoints,
        checkpoint_s: float,
        progress: Progress,
        listen: Listener = lambda history: None,
    ) -> None:
        self._network = network
        self._whole = Shown(network, feed, validation)
        self._shown = self._whole
        self._plans = plans
        self._arithmetic = arithmetic
        self._checkpoints = checkpoints
        self._checkpoint_s = checkpoint_s
        self._progress = progress
        self._listen = listen
        self._at = _Position()
        self._saved_at = time.monotonic()

    def run(self) -> tuple[EpochRecord, ...]:
        """Train from the last checkpoint, or from the start, to the end.

        Raises:
            TrainingError: The loss is no longer a number; says where to go on from.
            StorageError: A checkpoint cannot be written.
        """
        found = self._checkpoints.latest()
        if found is not None:
            self._at = _Position(**found.state["position"])
            self._network.load_state_dict(_within(found.tensors, _MODEL))
        else:
            self._save_model_only()  # the start itself: nothing is recomputed after this
        for index in range(self._at.phase, len(self._plans)):
            resumed = found if found is not None and index == found.state["phase"] else None
            _Phase(self, self._plans[index], index).run(resumed)
            self._shown = self._whole
            self._at.next_phase()
            self._save_model_only()
        return tuple(EpochRecord(**entry) for entry in self._at.history)

    def _save_model_only(self) -> None:
        state = {"position": asdict(self._at), "phase": -1}
        self._checkpoints.save(self._at.steps_done, Checkpoint(self._model(), state))

    def _model(self) -> Tensors:
        return {_MODEL + name: tensor for name, tensor in self._network.state_dict().items()}

    @torch.no_grad()
    def evaluate(self) -> tuple[float, float]:
        """Return the validation loss (nats) and accuracy of the network as it is."""
        targets = self._shown.validation.targets
        if not len(targets):
            return math.nan, math.nan
        self._network.eval()
        rows = np.arange(len(targets))
        parts = np.array_split(rows, -(-len(rows) // _EVALUATION_BATCH))
        logits = torch.cat([self._logits(part) for part in parts])
        labels = torch.from_numpy(targets)
        loss = nn.functional.cross_entropy(logits, labels)
        return float(loss), float((logits.argmax(1) == labels).double().mean())

    def _logits(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> torch.Tensor:
        device = self._shown.feed.device
        inputs = self._shown.validation.inputs.read(rows).to(device)
        with self._arithmetic.applied(device):
            logits = self._shown.network(inputs)
        return logits.float().cpu()


class _Phase:
    """One phase of a :class:`Trainer`."""

    def __init__(self, trainer: Trainer, plan: PhasePlan, index: int) -> None:
        self._trainer = trainer
        self._plan = plan
        self._index = index
        self._config = plan.config
        self._network = trainer._network
        self._at = trainer._at
        plan.prepare()
        trainer._shown = plan.shown() or trainer._whole
        self._shown = trainer._shown
        self._feed = self._shown.feed
        self._optimiser = build_optimiser(plan.groups(), plan.config.optimiser)
        counts = np.bincount(self._feed.examples.targets, minlength=self._feed.classes)
        self._taken = TrainingStep(
            self._shown.network,
            self._optimiser,
            build_loss(plan.config.loss, counts.tolist()),
            arithmetic=trainer._arithmetic,
            device=self._feed.device,
            clip_norm=plan.config.clip_norm,
        )
        self._schedule = build_schedule(
            plan.config.schedule, epochs=plan.config.epochs, steps_per_epoch=len(self._cut(0))
        )
        stopping = plan.config.early_stopping
        self._stopping = EarlyStopping(stopping) if stopping else None
        decay = plan.config.ema
        self._average = MovingAverage(self._network, decay) if decay else None

    def run(self, resumed: Checkpoint | None) -> None:
        if resumed is not None:
            self._load(resumed)
        for epoch in range(self._at.epoch, self._config.epochs):
            if self._stopping is not None and self._stopping.is_over:
                break
            self._plan.prepare()
            self._train_epoch(epoch)
            self._close_epoch(epoch)
            self._at.next_epoch()
            self._save()
        self._settle()

    def _cut(self, epoch: int) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
        order = epoch_order(
            self._feed.examples.targets,
            sampling=self._config.sampling,
            seed=self._feed.seed,
            phase=self._index,
            epoch=epoch,
        )
        return batches(order, self._config.batch_size)

    def _train_epoch(self, epoch: int) -> None:
        cut, at = self._cut(epoch), self._at
        feed = self._feed.run(self._config, cut, place=(self._index, epoch), start=at.step)
        task = f"phase {self._index + 1}, epoch {epoch + 1} of {self._config.epochs}"
        progress = self._trainer._progress
        started = time.monotonic()
        for batch in progress.track(feed, total=len(cut) - at.step, task=task, unit="batches"):
            self._step(batch, epoch, epoch * len(cut) + at.step)
            at.step += 1
            at.steps_done += 1
            if time.monotonic() - self._trainer._saved_at > self._trainer._checkpoint_s:
                self._save()
        at.seconds += time.monotonic() - started

    def _step(self, batch: Batch, epoch: int, number: int) -> None:
        set_rates(self._optimiser, self._schedule.factor(number))
        with dropout_seed(self._feed.seed, "step", self._index, epoch, self._at.step):
            loss, logits = self._taken.gradients(batch)
        self._check(loss)
        self._taken.update()
        if self._average:
            self._average.update()
        self._count(loss, logits, batch[1])

    def _count(self, loss: float, logits: torch.Tensor, targets: torch.Tensor) -> None:
        right = (logits.argmax(1) == targets.argmax(1)).sum()
        self._at.loss_sum += loss * len(targets)
        self._at.right += float(right)
        self._at.shown += len(targets)

    def _check(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise self._divergence(f"the loss became {loss}")

    def _check_weights(self) -> None:
        """Make sure that whatever is saved can be gone on from."""
        state = self._network.state_dict().values()
        if not all(bool(tensor.isfinite().all()) for tensor in state):
            raise self._divergence("a weight became infinite or no number")

    def _divergence(self, what: str) -> TrainingError:
        last = self._trainer._checkpoints.latest_path()
        mend = f"the last good checkpoint is {last}; " if last else ""
        return TrainingError(
            f"{what} in phase {self._index + 1}, epoch {self._at.epoch + 1}, "
            f"step {self._at.step + 1}: {mend}lower the learning rate "
            f"({self._config.optimiser.learning_rate:g}) or set clip_norm"
        )

    def _close_epoch(self, epoch: int) -> None:
        """Judge an epoch."""
        at = self._at
        last = (epoch + 1) * len(self._cut(epoch)) - 1
        set_rates(self._optimiser, self._schedule.factor(last))  # as it was, also after a resume
        with self._average.applied() if self._average else nullcontext():
            val_loss, val_accuracy = self._trainer.evaluate()
            record = EpochRecord(
                phase=self._index + 1,
                epoch=epoch + 1,
                loss=at.loss_sum / max(1, at.shown),
                accuracy=at.right / max(1, at.shown),
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                learning_rate=self._optimiser.param_groups[-1]["lr"],
                seconds=at.seconds,
                images_per_s=at.shown / at.seconds if at.seconds else math.nan,
            )
            at.history.append(asdict(record))
            self._trainer._listen(at.history)
            self._trainer._progress.say(_words(record, self._config.epochs))
            self._schedule.update(val_loss)
            if self._stopping is None:
                return
            self._stopping.update(epoch, asdict(record))
            if self._stopping.improved:
                self._trainer._checkpoints.save_best(
                    Checkpoint(self._trainer._model(), {"phase": self._index, "epoch": epoch})
                )

    def _settle(self) -> None:
        """Leave the phase with the weights that it is to be judged by."""
        stopping = self._config.early_stopping
        best = self._trainer._checkpoints.best() if stopping and stopping.restore_best else None
        if best is not None and best.state["phase"] == self._index:
            self._network.load_state_dict(_within(best.tensors, _MODEL))
        elif self._average:
            averaged = self._average.state_dict()
            own = self._network.state_dict()
            self._network.load_state_dict(
                {name: averaged[_AVERAGE + name].to(own[name].dtype) for name in own}
            )

    def _save(self) -> None:
        self._check_weights()
        tensors, values = pack_optimiser(self._optimiser)
        packed = {_OPTIMISER + name: tensor for name, tensor in tensors.items()}
        average = self._average.state_dict() if self._average else {}
        state = {
            "position": asdict(self._at),
            "phase": self._index,
            "optimiser": values,
            "step": self._taken.state_dict(),
            "schedule": self._schedule.state_dict(),
            "stopping": self._stopping.state_dict() if self._stopping else None,
        }
        kept = {**self._trainer._model(), **packed, **{f"ema/{n}": t for n, t in average.items()}}
        self._trainer._checkpoints.save(self._at.steps_done, Checkpoint(kept, state))
        self._trainer._saved_at = time.monotonic()

    def _load(self, found: Checkpoint) -> None:
        state = found.state
        unpack_optimiser(self._optimiser, _within(found.tensors, _OPTIMISER), state["optimiser"])
        self._taken.load_state_dict(state.get("step", {}))
        self._schedule.load_state_dict(state["schedule"])
        if self._stopping:
            self._stopping.load_state_dict(state["stopping"])
        if self._average:
            self._average.load_state_dict(_within(found.tensors, "ema/"))


def _within(tensors: Tensors, prefix: str) -> Tensors:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _words(record: EpochRecord, epochs: int) -> str:
    left = (epochs - record.epoch) * record.seconds
    return (
        f"phase {record.phase}, epoch {record.epoch}/{epochs}: loss {record.loss:.3f}, "
        f"validation loss {record.val_loss:.3f}, accuracy {record.val_accuracy:.3f}, "
        f"learning rate {record.learning_rate:.1e}, {record.images_per_s:.0f} images/s"
        + (f", {rounded(left)} left in this phase" if left else "")
    )
