"""One door to every head: by its name in the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from headstart.backbones.layout import FeatureLayout
from headstart.backbones.spec import FLAT
from headstart.config import HeadConfig
from headstart.heads.presets import (
    DenseSettings,
    KnnSettings,
    SvmSettings,
    resolve_settings,
    taps_wanted,
)
from headstart.heads.probe import ProbeFit, ProbeTask, fit_probe
from headstart.progress import Progress


def check_head(config: HeadConfig, layout: FeatureLayout | None = None) -> None:
    """Refuse a head that cannot be fitted, before anything dear is done.

    Args:
        config: The head wanted.
        layout: What the backbone gives; taps are checked against it where it is known.

    Raises:
        UnknownNameError: No such head, or no such tap set.
        ConfigError: A setting that the head does not take.
    """
    resolve_settings(config)
    taps = taps_wanted(config)
    if layout is not None and taps != "auto":
        layout.outputs_of(taps)


def fit_head(task: ProbeTask, config: HeadConfig, *, seed: int, progress: Progress) -> ProbeFit:
    """Fit the head that a configuration names, calibrated on held-out images.

    Args:
        task: Features, targets and groups of the training and validation images.
        config: Which head, what is fixed and what is to be chosen.
        seed: Seed of everything drawn.
        progress: Who is told.

    Raises:
        UnknownNameError: No such head, or no such tap set.
        ConfigError: A setting that the head does not take.
    """
    check_head(config, task.layout)
    settings = resolve_settings(config)
    if isinstance(settings, DenseSettings):
        from headstart.heads.dense_training import fit_dense

        taps = _dense_taps(config)
        return fit_dense(task, settings, config, taps=taps, seed=seed, progress=progress)
    sets = _tap_sets(config, task.layout)
    if isinstance(settings, SvmSettings):
        from headstart.heads.svm import fit_svm

        return fit_svm(task, settings, config, taps=sets, seed=seed, progress=progress)
    if isinstance(settings, KnnSettings):
        from headstart.heads.knn import fit_knn

        return fit_knn(task, settings, config, taps=sets, seed=seed, progress=progress)
    return fit_probe(task, config, seed=seed, progress=progress)


def _dense_taps(config: HeadConfig) -> str:
    taps = taps_wanted(config)
    assert taps != "auto", "every dense preset names its taps"
    return taps


def is_settled(config: HeadConfig) -> bool:
    """Tell whether a configuration leaves nothing for cross-validation to choose.

    >>> is_settled(HeadConfig()), is_settled(HeadConfig(taps="all", strength=1e-4))
    (False, True)
    """
    settings = asdict(resolve_settings(config))
    return taps_wanted(config) != "auto" and None not in settings.values()


def _tap_sets(config: HeadConfig, layout: FeatureLayout) -> Sequence[str]:
    wanted = taps_wanted(config)
    if wanted != "auto":
        return [wanted]
    return [name for name in layout.tap_sets() if name != FLAT]
