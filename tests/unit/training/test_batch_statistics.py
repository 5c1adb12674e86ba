"""Batch norms adopt new statistics; nothing else of the network changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.training.arithmetic import Arithmetic
from headstart.training.batch_statistics import (
    adopt_statistics,
    has_batch_norm,
    statistics_shift,
)

from .conftest import SIZE_PX


class Images:
    def __init__(self, count: int, brightest: int) -> None:
        draws = torch.Generator().manual_seed(1)
        shape = (count, SIZE_PX, SIZE_PX, 3)
        self.pixels = torch.randint(0, brightest, shape, dtype=torch.uint8, generator=draws)

    def read(self, rows: np.ndarray) -> torch.Tensor:
        return self.pixels[torch.from_numpy(rows)]


def adopt(backbone, images: Images, count: int) -> np.ndarray:
    return adopt_statistics(
        backbone, images, np.arange(count), arithmetic=Arithmetic("f32"), batch_size=8
    )


def test_only_statistics_change_and_become_those_of_the_images(toy) -> None:
    backbone = toy.backbone.eval()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    features = adopt(backbone, Images(32, 40), 32)
    assert len(features) == 32
    assert np.isfinite(features).all()
    for name, tensor in backbone.state_dict().items():
        moved = "running" in name or "num_batches" in name
        assert torch.equal(tensor, before[name]) != moved, name
    assert not any(module.training for module in backbone.modules())


def test_adopted_statistics_fit_the_images_and_the_shift_is_seen(toy) -> None:
    backbone, images = toy.backbone.eval(), Images(32, 40)
    far = statistics_shift(backbone, images.pixels)
    adopt(backbone, images, 32)
    near = statistics_shift(backbone, images.pixels)
    assert near < 0.2 < far


def test_a_last_small_batch_is_left_out(toy) -> None:
    assert len(adopt(toy.backbone, Images(20, 255), 20)) == 16


def test_networks_without_batch_norms_have_no_shift(toy) -> None:
    assert has_batch_norm(toy.backbone)
    for stage in ("low", "middle", "high"):
        getattr(toy.backbone.network, stage)[1] = torch.nn.Identity()
    assert not has_batch_norm(toy.backbone)
    assert statistics_shift(toy.backbone, Images(4, 9).pixels) == pytest.approx(0.0)
