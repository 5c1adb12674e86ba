"""From the phases of a configuration to what the loop does with a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from headstart.config.training import PhaseConfig
from headstart.training.arithmetic import Arithmetic
from headstart.training.fast_convs import restore
from headstart.training.freezing import Freezing, apply_freezing, plan_freezing, set_mode
from headstart.training.layers import Layer, list_layers
from headstart.training.loop import PhasePlan
from headstart.training.network import HEAD, Classifier
from headstart.training.optimisers import check_optimiser, parameter_groups
from headstart.training.stages import stage_numbers
from headstart.training.tail import Tail
from headstart.training.trunk import Shown, TrunkCache

_NETWORK = "backbone.network."


@dataclass
class _Phase:
    """What one phase does to a classifier."""

    classifier: Classifier
    config: PhaseConfig
    layers: tuple[Layer, ...]
    arithmetic: Arithmetic
    example: torch.Tensor
    number: int
    cache: TrunkCache | None
    freezing: Freezing | None = None

    def prepare(self) -> None:
        """Freeze and reroute at the first call; put every part into its mode at each."""
        if self.freezing is None:
            self.freezing = apply_freezing(
                self.classifier,
                self.config.train,
                layers=self.layers,
                batch_norm=self.config.batch_norm,
            )
            self.arithmetic.prepare(self.classifier.backbone.network, self.example)
        set_mode(self.classifier, self.freezing)
        self.classifier.set_dropout(self.config.dropout)

    def shown(self) -> Shown | None:
        """Return records of what lies below the frozen boundary; ``None``: pixels it is."""
        cache, boundary = self.cache, self._boundary()
        if cache is None or not cache.limit_gb or boundary is None:
            return None
        self._rest()
        tail = Tail(self.classifier, boundary or None, self.example.shape[-1])
        self._go_on()
        self.classifier.eval()
        views = cache.choose_views(self.config, tail, fits=tail.fits(self.arithmetic))
        self._rest()
        shown = cache.fill(tail, views, self.arithmetic, self.number) if views else None
        self._go_on()
        return shown

    def _boundary(self) -> str | None:
        """Return the last frozen stage; empty: the whole backbone is frozen."""
        assert self.freezing is not None, "not prepared"
        return self.freezing.boundary if self.freezing.trained else ""

    def _rest(self) -> None:
        """Leave the classifier as if it were not in training."""
        restore(self.classifier.backbone.network)
        self.classifier.eval()

    def _go_on(self) -> None:
        self.prepare()
        self.arithmetic.prepare(self.classifier.backbone.network, self.example)

    def groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups of what is trained."""
        taps = self.classifier.backbone.taps
        numbers = stage_numbers(self.layers, taps)
        top = max(numbers, default=0)
        depth_of = {
            _NETWORK + weight: top - number
            for layer, number in zip(self.layers, numbers, strict=True)
            for weight in layer.weights
        }
        return parameter_groups(
            self.classifier.named_parameters(), depth_of, HEAD, self.config.optimiser
        )


def plan_phases(
    classifier: Classifier,
    phases: Sequence[PhaseConfig],
    *,
    arithmetic: Arithmetic,
    example: torch.Tensor,
    cache: TrunkCache | None = None,
) -> list[PhasePlan]:
    """Return a plan for each phase; nothing is changed until the loop asks for it.

    Args:
        classifier: What is trained.
        phases: In order.
        arithmetic: How steps are computed.
        example: What the backbone's network takes, float32 (N, 3, S, S), a few images.
        cache: Where what lies below a frozen boundary is kept; ``None``: nowhere.

    Raises:
        ConfigError: A phase that trains what is not there, or with what its optimiser
            does not take.
    """
    layers = list_layers(classifier.backbone.network, size_px=example.shape[-1])
    for phase in phases:
        check_optimiser(phase.optimiser)
        plan_freezing(phase.train, layers, classifier.backbone.taps)
    made = [
        _Phase(classifier, phase, layers, arithmetic, example, number, cache)
        for number, phase in enumerate(phases)
    ]
    return [PhasePlan(phase.config, phase.prepare, phase.groups, phase.shown) for phase in made]
