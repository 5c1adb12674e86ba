"""What the images of a run speak for, by the same measures as ``headstart check``."""

from __future__ import annotations

from typing import Final

import numpy as np

from headstart.backbones.imagenet import IMAGENET_1K, imagenet_labels
from headstart.backbones.layout import has_logits
from headstart.backbones.spec import CLASSIFIER_TAP
from headstart.config import TrainConfig
from headstart.progress import Progress
from headstart.selection.recognition import Answers, read_answers
from headstart.selection.sampling import stratified_sample
from headstart.selection.strategy import Advice, advise
from headstart.workflows.check_data import CheckData
from headstart.workflows.check_evidence import measure_evidence
from headstart.workflows.featuriser import Featuriser
from headstart.workflows.tuning_data import TuningData

_IMAGES: Final = 1000


def advise_on(
    data: TuningData, featuriser: Featuriser, config: TrainConfig, progress: Progress
) -> Advice:
    """Return the strategy that training and validation images speak for.

    Args:
        data: Never the test split.
        featuriser: Whose features they have.
        config: Seed, folds and penalty.
        progress: Who is told.
    """
    layout = featuriser.graph.layout
    sample = stratified_sample(data.targets(), _IMAGES, config.seed)
    features = data.features_of(sample)
    shown = CheckData(
        manifest=data.manifest,
        digests=tuple(data.digests),
        widths=np.zeros(len(data.manifest), np.int64),
        heights=np.zeros(len(data.manifest), np.int64),
        sample=sample,
        labelled=True,
        lossless=0.0,
        notes=(),
    )
    answers: Answers | None = None
    if featuriser.spec.labels == IMAGENET_1K and has_logits(layout):
        columns = layout.columns([f"{CLASSIFIER_TAP}/logits"])
        answers = read_answers(
            features.read(np.arange(len(sample)), columns),
            shown.targets,
            classes=data.manifest.classes,
            labels=imagenet_labels(),
        )
    evidence = measure_evidence(shown, features, layout, answers, config=config, progress=progress)
    return advise(evidence)
