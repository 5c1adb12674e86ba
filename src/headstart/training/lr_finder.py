"""The learning-rate range test: raise the rate step by step until the loss explodes.

Smith, "Cyclical Learning Rates for Training Neural Networks" (2015, arXiv:1506.01186);
the exponential course is fastai's. Nothing of the network is different afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import nn

from headstart.errors import ConfigError, TrainingError
from headstart.progress import Progress
from headstart.training.arithmetic import Arithmetic
from headstart.training.batches import Feed
from headstart.training.loop import PhasePlan
from headstart.training.losses import build_loss
from headstart.training.optimisers import build_optimiser, set_rates
from headstart.training.randomness import dropout_seed
from headstart.training.rate_curve import Floats, RateCurve, latest
from headstart.training.sampling import Rows, batches, epoch_order
from headstart.training.step import TrainingStep

_EXPLODED: Final = 4.0
"""Times the lowest smoothed loss (fastai's figure), and worse than guessing: the test ends."""
_STEPS_A_DECADE: Final = 5
_FEWEST: Final = 10


@dataclass(frozen=True)
class RateRange:
    """Which rates are tried.

    Attributes:
        start: First learning rate.
        end: Last one.
        steps: How many rates, evenly spaced in their logarithm, one batch each.

    Raises:
        ConfigError: The range is empty, or too wide for its steps.
    """

    start: float = 1e-7
    end: float = 10.0
    steps: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.start < self.end < math.inf:
            raise ConfigError(
                f"learning rates from {self.start:g} to {self.end:g}: "
                "expected a first one above 0 and a last one above that"
            )
        if self.steps < self.needed:
            raise ConfigError(
                f"{self.steps} steps are too few for rates from {self.start:g} to {self.end:g}: "
                f"expected at least {self.needed} ({_STEPS_A_DECADE} a decade), "
                "or a narrower range"
            )

    @property
    def decades(self) -> float:
        """Tenfold rises from first to last."""
        return math.log10(self.end / self.start)

    @property
    def needed(self) -> int:
        """Fewest steps from which a curve over this range can be read."""
        return max(_FEWEST, math.ceil(_STEPS_A_DECADE * self.decades - 1e-9))

    def rates(self) -> Floats:
        """Return the rate of each step, shape (steps,)."""
        return np.geomspace(self.start, self.end, self.steps)

    def shortage(self, images: int, batch_size: int) -> str:
        """Return why so many training images are too few for this range; empty if not.

        In a second pass the loss falls also because the images are known.

        Args:
            images: Training images.
            batch_size: Images a step.
        """
        one_pass = -(-images // batch_size)
        if one_pass >= self.needed:
            return ""
        fitting = images // self.needed
        smaller = f"--batch-size {fitting} or " if fitting > 1 else ""
        return (
            f"the data set is too small for this range: {images:,} training images make "
            f"{one_pass} batches of {batch_size}, and {self.decades:.2g} decades need "
            f"{self.needed}. Each image was shown up to {-(-self.steps // one_pass)} times, so "
            "the loss falls also because it is known, and rates look better than they are: "
            f"{smaller}a narrower range (--start, --end) helps"
        )


def find_rates(
    network: nn.Module,
    feed: Feed,
    plan: PhasePlan,
    wanted: RateRange,
    *,
    arithmetic: Arithmetic,
    progress: Progress,
) -> RateCurve:
    """Train with ever higher rates, watch the loss, and put everything back.

    Weights, buffers (batch-norm statistics), modes, what is trained, dropout and PyTorch's
    random state are afterwards what they were, bit for bit. The optimiser is one of its own.

    Args:
        network: From inputs to logits, on its device.
        feed: Training batches; nothing else is looked at.
        plan: The phase whose rate is sought; its schedule is not used. Every group of
            weights keeps its share of the rate (``head_factor``, ``layer_decay``).
        wanted: Which rates.
        arithmetic: How steps are computed.
        progress: Who is told.

    Raises:
        TrainingError: The loss is no number at the very first rates.
    """
    with unchanged(network):
        plan.prepare()
        losses, diverged = _losses(network, feed, plan, wanted, arithmetic, progress)
    if len(losses) < _FEWEST:
        raise TrainingError(
            f"the loss exploded after {len(losses)} steps, at a learning rate of "
            f"{wanted.rates()[len(losses) - 1]:.2g}: start lower than {wanted.start:g}"
        )
    return RateCurve(wanted.rates()[: len(losses)], np.array(losses), diverged)


def _losses(
    network: nn.Module,
    feed: Feed,
    plan: PhasePlan,
    wanted: RateRange,
    arithmetic: Arithmetic,
    progress: Progress,
) -> tuple[list[float], bool]:
    config = plan.config
    optimiser = build_optimiser(plan.groups(), config.optimiser)
    counts = np.bincount(feed.examples.targets, minlength=feed.classes)
    step = TrainingStep(
        network,
        optimiser,
        build_loss(config.loss, counts.tolist()),
        arithmetic=arithmetic,
        device=feed.device,
        clip_norm=config.clip_norm,
    )
    cut = _cut(feed, plan, wanted.steps)
    shown = feed.run(config, cut, place=(0, 0), start=0)
    losses: list[float] = []
    lowest = math.inf
    tracked = progress.track(shown, total=wanted.steps, task="raising the rate", unit="batches")
    for number, (rate, batch) in enumerate(zip(wanted.rates(), tracked, strict=True)):
        set_rates(optimiser, float(rate) / config.optimiser.learning_rate)
        with dropout_seed(feed.seed, "step", 0, 0, number):
            loss, _ = step.gradients(batch)
        if not math.isfinite(loss):
            return losses, True
        losses.append(loss)
        smoothed = latest(np.array(losses))
        lowest = min(lowest, smoothed)
        if smoothed > max(_EXPLODED * lowest, math.log(feed.classes)):
            return losses, True
        step.update()
    return losses, False


def _cut(feed: Feed, plan: PhasePlan, steps: int) -> list[Rows]:
    """Return batches as training makes them, epoch after epoch, until they suffice."""
    found: list[Rows] = []
    for epoch in range(steps):
        order = epoch_order(
            feed.examples.targets,
            sampling=plan.config.sampling,
            seed=feed.seed,
            phase=0,
            epoch=epoch,
        )
        found += batches(order, plan.config.batch_size)
        if len(found) >= steps:
            break
    return found[:steps]


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Put a network and PyTorch's random state back as they were after the block.

    Parameters, all buffers, gradients (none afterwards), what needs a gradient, modes,
    dropout, rerouted forwards. Tensors stay the same objects.
    """
    tensors = [*network.parameters(), *network.buffers()]
    kept = [tensor.detach().clone() for tensor in tensors]
    trained = [tensor.requires_grad for tensor in tensors]
    modules = list(network.modules())
    settings = [_settings(module) for module in modules]
    try:
        with torch.random.fork_rng(devices=_devices(tensors)):
            yield
    finally:
        with torch.no_grad():
            for tensor, before, wants in zip(tensors, kept, trained, strict=True):
                tensor.requires_grad_(wants).copy_(before)
                tensor.grad = None
        for module, setting in zip(modules, settings, strict=True):
            module.__dict__.pop("forward", None)
            module.__dict__.update(setting)


def _settings(module: nn.Module) -> dict[str, object]:
    return {
        name: module.__dict__[name]
        for name in ("training", "p", "forward")
        if name in module.__dict__
    }


def _devices(tensors: list[torch.Tensor]) -> list[int]:
    return sorted({tensor.get_device() for tensor in tensors if tensor.is_cuda})
