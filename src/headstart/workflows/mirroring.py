"""Do mirror images keep their labels? The head that was fitted on plain images knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from headstart.backbones.layout import FeatureLayout
from headstart.config.augmentation import AugmentationConfig
from headstart.engines.base import Engine
from headstart.evaluation.comparison import lower_by_chance
from headstart.features.table import ArrayFeatures
from headstart.training.batches import Examples
from headstart.training.fine_tuning import TrainableHead
from headstart.workflows.contest import SIGNIFICANT, Logits, calibrated_losses

HARM: Final = 0.15
"""Log loss in nats by which a head may answer mirrored images worse. It is at most .05 on
TrashNet and .02 on ants and bees, where mirror images train a better network, and .52 on the
textile demo, whose labels say which way the threads run."""

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@dataclass(frozen=True)
class Mirror:
    """A way of mirroring.

    Attributes:
        name: In words.
        setting: What switches it on in the augmentation's settings.
        apply: From squares (N, S, S, 3) to squares.
    """

    name: str
    setting: str
    apply: Callable[[Pixels], Pixels]


MIRRORS: Final = (
    Mirror("left-right", "horizontal_flip", lambda pixels: pixels[:, :, ::-1]),
    Mirror("top-bottom", "vertical_flip", lambda pixels: pixels[:, ::-1]),
    Mirror("diagonal", "transpose", lambda pixels: pixels.transpose(0, 2, 1, 3)),
)


@dataclass(frozen=True)
class MirrorTest:
    """What one way of mirroring does to a head's answers.

    Attributes:
        mirror: Which.
        accuracies: Right on the images as they are, and mirrored.
        harm: Log loss on mirrored images less that on plain ones, in nats.
        keeps_labels: Whether it may be trained with.
    """

    mirror: Mirror
    accuracies: tuple[float, float]
    harm: float
    keeps_labels: bool

    @property
    def words(self) -> str:
        """The outcome in a sentence."""
        plain, mirrored = self.accuracies
        return (
            f"{self.mirror.name} mirror images {'are' if self.keeps_labels else 'are not'} "
            f"trained with: the head is right on {mirrored:.3f} of the validation images "
            f"mirrored so, {plain:.3f} as they are (log loss {self.harm:+.2f})"
        )


@dataclass(frozen=True)
class MirrorTester:
    """Shows a head mirrored validation images.

    Attributes:
        engine: Computes the pretrained network's features.
        layout: What their columns are.
        head: Fitted on plain training images.
        examples: Validation images.
    """

    engine: Engine
    layout: FeatureLayout
    head: TrainableHead
    examples: Examples

    def run(self) -> tuple[MirrorTest, ...]:
        """Test every way of mirroring."""
        plain = self._logits(None)
        return tuple(self._test(mirror, plain) for mirror in MIRRORS)

    def _test(self, mirror: Mirror, plain: Logits) -> MirrorTest:
        mirrored, targets = self._logits(mirror), self.examples.targets
        losses = [calibrated_losses(logits, targets) for logits in (plain, mirrored)]
        harm = float(losses[1].mean() - losses[0].mean())
        sure = lower_by_chance(losses[0], losses[1]) < SIGNIFICANT
        right = [float((logits.argmax(1) == targets).mean()) for logits in (plain, mirrored)]
        return MirrorTest(mirror, (right[0], right[1]), harm, not (harm > HARM and sure))

    def _logits(self, mirror: Mirror | None) -> Logits:
        features = np.concatenate(list(self.engine.stream(self._batches(mirror))))
        table = ArrayFeatures(np.clip(features, -6e4, 6e4).astype(np.float16))
        return self.head.logits(table, np.arange(len(table)), self.layout)

    def _batches(self, mirror: Mirror | None) -> Iterator[Pixels]:
        size = self.engine.batch_size
        for start in range(0, len(self.examples), size):
            rows = np.arange(start, min(start + size, len(self.examples)))
            pixels = self.examples.inputs.read(rows).numpy()
            yield np.ascontiguousarray(mirror.apply(pixels) if mirror else pixels)


def allowed(tests: tuple[MirrorTest, ...], base: AugmentationConfig) -> AugmentationConfig:
    """Return settings with every way of mirroring that keeps the labels."""
    return base.model_copy(
        update={test.mirror.setting: True for test in tests if test.keeps_labels}
    )
