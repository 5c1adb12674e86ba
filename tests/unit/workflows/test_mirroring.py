"""Mirror images are trained with only where the head still knows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import torch

from headstart.backbones.layout import FeatureBlock, FeatureLayout
from headstart.config.augmentation import AugmentationConfig
from headstart.heads.linear import LinearHead
from headstart.training.batches import Examples
from headstart.workflows.mirroring import MirrorTester, allowed

LAYOUT = FeatureLayout((FeatureBlock("final", "mean", 2),))
HEAD = LinearHead(
    ("a", "b"), "final", ("final/mean",), np.eye(2, dtype=np.float32), np.zeros(2, np.float32), 1.0
)


class Brightness:
    """Mean of the left half, and of the right."""

    name, device, precision, batch_size = "fake", "CPU", "f32", 4

    def stream(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for batch in batches:
            halves = np.split(batch.astype(np.float32) / 64, 2, axis=2)
            yield np.stack([half.mean((1, 2, 3)) for half in halves], 1)


class Pictures:
    def __init__(self, squares: np.ndarray) -> None:
        self._squares = torch.from_numpy(squares)

    def read(self, rows: np.ndarray) -> torch.Tensor:
        return self._squares[torch.from_numpy(rows)]


@pytest.fixture
def tester() -> MirrorTester:
    """Class a is bright on the left, class b on the right."""
    targets = np.arange(60) % 2
    squares = np.random.default_rng(0).integers(0, 90, (60, 8, 8, 3), dtype=np.uint8)
    for square, target in zip(squares, targets, strict=True):
        square[:, 4 * target : 4 * target + 4] += 100
    return MirrorTester(Brightness(), LAYOUT, HEAD, Examples(Pictures(squares), targets))


def test_what_exchanges_the_classes_is_found_and_what_does_not_is_used(tester) -> None:
    left_right, top_bottom, diagonal = tester.run()
    assert not left_right.keeps_labels
    assert left_right.accuracies[1] < 0.2
    assert "are not trained with" in left_right.words
    assert top_bottom.keeps_labels
    assert top_bottom.harm == pytest.approx(0, abs=0.01)
    assert not diagonal.keeps_labels
    found = allowed((left_right, top_bottom, diagonal), AugmentationConfig())
    assert (found.horizontal_flip, found.vertical_flip, found.transpose) == (None, True, None)
