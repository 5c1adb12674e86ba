"""Features that hold a class's mean and noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.features.table import ArrayFeatures
from headstart.heads.probe import ProbeTask

TaskMaker = Callable[..., ProbeTask]
WIDTH = 12


@pytest.fixture(scope="session")
def make_task() -> TaskMaker:
    """``make_task(per_class, classes, signal=…, informative="early/mean")``: two tap sets."""
    layout = FeatureLayout(
        (FeatureBlock("early", "mean", WIDTH), FeatureBlock("final", "mean", WIDTH))
    )

    def make(
        per_class: int = 40,
        classes: int = 3,
        *,
        signal: float = 1.5,
        informative: str | None = None,
        seed: int = 0,
    ) -> ProbeTask:
        rng = np.random.default_rng(seed)
        targets = np.tile(np.arange(classes), per_class)
        features = rng.normal(size=(len(targets), layout.dim))
        centres = np.random.default_rng(99).normal(size=(classes, layout.dim)) * signal
        columns = layout.columns([informative] if informative else layout.outputs_of("all"))
        features[:, columns] += centres[targets][:, columns]
        names = tuple(f"class {number:03d}" for number in range(classes))
        table = ArrayFeatures(features.astype(np.float16))
        return ProbeTask(table, layout, targets, range(len(targets)), names)

    return make
