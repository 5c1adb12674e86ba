import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headstart.training.losses import soft_targets
from headstart.training.mixing import cutmix, mix, mixup
from headstart.training.randomness import generator

MIXERS = [mixup, cutmix]
DTYPES = [torch.uint8, torch.float32, torch.bfloat16]


def batch(count: int = 6, side: int = 16, dtype=torch.uint8):
    """Images of one flat colour each, 10 times their class, and one-hot targets."""
    labels = torch.arange(count)
    images = (labels * 10).to(dtype)[:, None, None, None].expand(count, side, side, 3).clone()
    return images, soft_targets(labels, count)


@pytest.mark.parametrize("mixer", MIXERS)
@given(count=st.integers(1, 9), seed=st.integers(0, 99), alpha=st.floats(1e-3, 50))
def test_targets_stay_distributions_and_follow_the_pixels(mixer, count, seed, alpha) -> None:
    images, targets = batch(count, dtype=torch.float32)
    mixed, soft = mixer(images, targets, alpha=alpha, generator=generator(seed))
    assert mixed.shape == images.shape
    assert (soft >= 0).all()
    torch.testing.assert_close(soft.sum(1), torch.ones(count))
    colour = soft @ (torch.arange(count) * 10.0)
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), colour, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_images_keep_their_type_and_the_arguments_their_values(mixer, dtype) -> None:
    images, targets = batch(dtype=dtype)
    mixed, soft = mixer(images, targets, alpha=1.0, generator=generator(1))
    assert (mixed.dtype, soft.dtype) == (dtype, torch.float32)
    again, same = batch(dtype=dtype)
    assert torch.equal(images, again)
    assert torch.equal(targets, same)
    assert not torch.equal(mixed, again)


def test_mixup_rounds_whole_numbers_to_the_nearest() -> None:
    images, targets = batch(dtype=torch.uint8)
    mixed, _ = mixup(images, targets, alpha=1.0, generator=generator(2))
    exact, _ = mixup(images.float(), targets, alpha=1.0, generator=generator(2))
    assert (mixed.float() - exact).abs().max() <= 0.5


def test_cutmix_pastes_one_box_and_invents_no_pixel() -> None:
    images, targets = batch(count=25)
    mixed, soft = cutmix(images, targets, alpha=1.0, generator=generator(3))
    for row, image in enumerate(mixed):
        foreign = (image != row * 10).all(-1)
        assert len(image[foreign].unique()) <= 1
        assert soft[row, row].item() == pytest.approx(1 - foreign.float().mean().item())
        down, across = foreign.any(1), foreign.any(0)
        assert torch.equal(foreign, down[:, None] & across[None, :])
        assert (down.int().diff() != 0).sum() <= 2
        assert (across.int().diff() != 0).sum() <= 2


def test_a_small_alpha_mixes_little() -> None:
    images, targets = batch(count=200)
    sharp, strong = (
        mixup(images, targets, alpha=alpha, generator=generator(4))[1].amax(1).mean().item()
        for alpha in (0.1, 10.0)
    )
    assert sharp > 0.9
    assert strong < 0.7


@pytest.mark.parametrize("mixer", MIXERS)
def test_the_generator_decides_and_nothing_else(mixer) -> None:
    images, targets = batch()
    torch.manual_seed(0)
    first = mixer(images, targets, alpha=1.0, generator=generator(5))
    torch.manual_seed(1)
    again = mixer(images, targets, alpha=1.0, generator=generator(5))
    other = mixer(images, targets, alpha=1.0, generator=generator(6))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_both_take_turns_and_neither_changes_anything() -> None:
    images, targets = batch()

    def mixed(mixup_alpha: float, cutmix_alpha: float, seed: int) -> torch.Tensor:
        return mix(
            images, targets, mixup_alpha=mixup_alpha, cutmix_alpha=cutmix_alpha,
            generator=generator(seed),
        )[0]  # fmt: skip

    assert mixed(0, 0, 0) is images
    flat = [(mixed(1, 1, seed).float().std(dim=(1, 2)) == 0).all().item() for seed in range(60)]
    assert 15 < sum(flat) < 45
    assert all((mixed(1, 0, s).float().std(dim=(1, 2)) == 0).all() for s in range(5))
    assert not any((mixed(0, 1, s).float().std(dim=(1, 2)) == 0).all() for s in range(5))
