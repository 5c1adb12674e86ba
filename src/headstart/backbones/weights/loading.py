"""Weights put into a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from headstart.backbones.weights.file import WeightsFile
from headstart.backbones.weights.fitting import MisfitError, Renaming, fit_tensors
from headstart.backbones.weights.reading import read_tensors


@contextmanager
def initialised(weights: WeightsFile | None) -> Iterator[None]:
    """Build a network inside: random weights come out of their seed, and of nothing else."""
    if weights is None or weights.seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights.seed)
        yield


def load_weights(
    network: nn.Module,
    weights: WeightsFile | None,
    *,
    classifier: Sequence[str],
    renamings: Sequence[Renaming] = (),
) -> bool:
    """Load weights into a network in place.

    Args:
        network: A network, just built.
        weights: What to load; ``None`` leaves the network as it is.
        classifier: Names of the modules that make up its classifier.
        renamings: The library's own conversions of older checkpoints.

    Returns:
        Whether its classifier means anything now: not if its weights are random on
        purpose, or the file brings none that fits. The caller takes it out then.

    Raises:
        WeightsError: The file is damaged, or is not of this network.
    """
    if weights is None:
        return True
    if weights.path is None:
        return False
    expected = network.state_dict()
    stored = read_tensors(weights)
    try:
        fitted = fit_tensors(
            stored,
            expected,
            classifier=classifier,
            naming=weights.naming,
            renamings=renamings,
        )
    except MisfitError as misfit:
        raise weights.refused(str(misfit)) from misfit
    network.load_state_dict(fitted.tensors, strict=False)
    return fitted.has_classifier
