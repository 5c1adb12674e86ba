"""Views of images: different, and the same again."""

from __future__ import annotations

import numpy as np
import torch

from headstart.training.batches import Examples
from headstart.training.pixels import PixelTable
from headstart.training.trunk_pass import ViewPlan


def examples(count: int, seed: int) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return Examples(PixelTable(pixels), np.zeros(count, np.int64))


def noisy(pixels: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    return pixels ^ torch.randint(0, 32, pixels.shape, generator=draws, dtype=torch.uint8)


def view_plan(*, views: int, seed: int = 0) -> ViewPlan:
    return ViewPlan(examples(5, 0), examples(3, 1), noisy, views, (seed, 0))


def test_views_differ_from_each_other_and_are_the_same_again() -> None:
    plan = view_plan(views=3)
    first, second, third, checked = list(plan.pixels())
    assert len(list(plan.pixels())) == plan.calls
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)
    assert np.array_equal(checked, plan.validation.inputs.read(np.arange(3)).numpy())
    again = list(view_plan(views=3).pixels())
    assert all(
        np.array_equal(a, b) for a, b in zip(again, (first, second, third, checked), strict=True)
    )
    assert not np.array_equal(first, next(view_plan(views=3, seed=1).pixels()))


def test_without_augmentation_training_images_are_shown_as_they_are() -> None:
    train = examples(70, 0)
    plan = ViewPlan(train, examples(1, 1), None, 1, (0, 0))
    *shown, checked = list(plan.pixels())
    assert len(shown) + 1 == plan.calls == 4
    assert np.array_equal(np.concatenate(shown), train.inputs.read(np.arange(70)).numpy())
    assert len(checked) == 1


def test_the_digest_knows_images_seed_and_number_of_views() -> None:
    plans = [
        ViewPlan(examples(5, 0), examples(3, 1), noisy, 2, (0, 0)),
        ViewPlan(examples(5, 2), examples(3, 1), noisy, 2, (0, 0)),
        ViewPlan(examples(5, 0), examples(3, 1), noisy, 2, (1, 0)),
        ViewPlan(examples(5, 0), examples(3, 1), noisy, 3, (0, 0)),
        ViewPlan(examples(5, 0), examples(3, 1), None, 2, (0, 0)),
    ]
    assert len({plan.digest() for plan in plans}) == 5
    assert plans[0].digest() == plans[0].digest()
