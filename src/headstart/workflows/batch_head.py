"""A head for a network whose batch norms are going to use the statistics of each batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from headstart.config import HeadConfig
from headstart.features.table import ArrayFeatures
from headstart.heads.dense import DenseHead
from headstart.heads.fitting import fit_head
from headstart.heads.linear import LinearHead
from headstart.heads.probe import ProbeTask
from headstart.progress import Silent
from headstart.training.arithmetic import Arithmetic
from headstart.training.fine_tuning import FineTuning, TuningTask

_FEWEST_IMAGES: Final = 512
_MOST_IMAGES: Final = 16_384
_SHOWN_PER_IMAGE: Final = 10
"""So this takes some 3 % of training's time: an image answered costs a third of one learnt."""


def on_batch_statistics(
    job: FineTuning,
    task: TuningTask,
    head: HeadConfig,
    *,
    arithmetic: Arithmetic,
    seed: int,
    shown: int = 0,
) -> TuningTask:
    """Return a task whose network and head start from the statistics of these images.

    A head fitted on features of the pretrained statistics is wrong on those of a batch's
    (its loss on the textile demo: 22 nats); fitted anew it is right. It is as good as its
    images are many (10,000 CIFAR-10 images at 96 px: .79 on pretrained statistics, .55 anew
    on 512 images), so there are more of them where training is long.

    Args:
        job: Holds the task's network.
        task: What would be trained; the statistics of its backbone change.
        head: How the head is fitted.
        arithmetic: How features are computed.
        seed: Of the choice of images and of the folds.
        shown: Images that the training to come shows in all, each time counted.
    """
    images = min(max(shown // _SHOWN_PER_IMAGE, _FEWEST_IMAGES), _MOST_IMAGES)
    rows = np.random.default_rng(seed).permutation(len(task.train))[:images]
    features = job.adopt_statistics(rows, arithmetic)
    rows = rows[: len(features)]
    layout = task.backbone.measure_layout(task.size_px)
    table = ArrayFeatures(np.clip(features, -6e4, 6e4).astype(np.float16))
    probe = ProbeTask(
        features=table,
        layout=layout,
        targets=task.train.targets[rows],
        groups=rows.tolist(),
        classes=task.head.classes,
    )
    wanted = head.model_copy(update={"taps": task.head.taps})
    found = fit_head(probe, wanted, seed=seed, progress=Silent()).head
    assert isinstance(found, LinearHead | DenseHead), "the start head was trainable"
    columns = np.arange(features.shape[1])
    return replace(task, head=found, features=table, columns=columns)
