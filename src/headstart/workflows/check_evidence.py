"""What a strategy is chosen by, measured on a sample."""

from __future__ import annotations

import numpy as np

from headstart.backbones.layout import FeatureLayout
from headstart.config import TrainConfig
from headstart.evaluation import Estimate
from headstart.evaluation.intervals import wilson_of_share
from headstart.features.table import FeatureTable
from headstart.heads.probe import ProbeTask, cross_validate
from headstart.progress import Progress
from headstart.selection.neighbours import knn_accuracy
from headstart.selection.recognition import Answers, label_skill
from headstart.selection.strategy import Evidence
from headstart.selection.threads import one_thread
from headstart.workflows.check_data import CheckData
from headstart.workflows.preparation import fold_keys


def measure_evidence(
    data: CheckData,
    features: FeatureTable,
    layout: FeatureLayout,
    answers: Answers | None,
    *,
    config: TrainConfig,
    progress: Progress,
) -> Evidence:
    """Return what :func:`headstart.selection.strategy.advise` needs to know.

    Args:
        data: Labelled images and a sample of them, M rows.
        features: Of the sample, M rows.
        layout: What their columns are.
        answers: The network's own answers on the sample, if it has any.
        config: Seed, folds and penalty.
        progress: Who is told.

    Raises:
        DataError: All images of the sample are of one group.
    """
    counts = data.manifest.class_counts()
    with one_thread():
        linear = _linear_accuracies(data, features, layout, config, progress)
    return Evidence(
        images=len(data.manifest),
        classes=len(counts),
        smallest=min(counts.values()),
        largest=max(counts.values()),
        sampled=len(data.sample),
        base=float(np.bincount(data.targets).max() / len(data.sample)),
        confidence=answers.confidence if answers else None,
        telling=label_skill(answers.first, data.targets) if answers else None,
        knn=_knn(data, features, layout, config.seed),
        final=linear["final"],
        early=linear.get("early"),
        every=linear["all"],
    )


def _linear_accuracies(
    data: CheckData,
    features: FeatureTable,
    layout: FeatureLayout,
    config: TrainConfig,
    progress: Progress,
) -> dict[str, Estimate]:
    task = ProbeTask(
        features=features,
        layout=layout,
        targets=data.targets,
        groups=fold_keys(data.shown, data.shown_digests),
        classes=data.manifest.classes,
    )
    names = list(layout.tap_sets())
    found = {}
    for taps in progress.track(names, total=len(names), task="linear heads", unit="tap sets"):
        head = config.head.model_copy(update={"taps": taps})
        candidate = cross_validate(task, head, seed=config.seed)
        found[taps] = wilson_of_share(candidate.accuracy, candidate.images)
    return found


def _knn(data: CheckData, features: FeatureTable, layout: FeatureLayout, seed: int) -> Estimate:
    columns = layout.columns(layout.outputs_of("final"))
    vectors = features.read(np.arange(len(features)), columns).astype(np.float32)
    groups = fold_keys(data.shown, data.shown_digests)
    return knn_accuracy(vectors, data.targets, groups, seed=seed)
