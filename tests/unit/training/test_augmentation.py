"""Views of training images: each change does what it says, drawn from one generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from headstart.config.augmentation import AugmentationConfig
from headstart.training.augmentation import PRESETS, Augmenter, is_off, resolve, source_px
from headstart.training.augmentation.draws import Draws
from headstart.training.augmentation.trivial import _changes

SIDE = 32
Picture = Callable[..., Any]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views(pixels: torch.Tensor, *, size_px: int = SIDE, seed: int = 0, **changes: Any) -> Any:
    """Augmented views as numpy, after checking what holds for all of them."""
    before = pixels.clone()
    result = Augmenter(AugmentationConfig(**changes), size_px)(pixels, seeded(seed))
    assert result.dtype == torch.uint8
    assert result.shape == (len(pixels), size_px, size_px, 3)
    assert result.is_contiguous()
    assert torch.equal(pixels, before)
    return result.numpy()


@pytest.fixture
def batch(picture: Picture) -> torch.Tensor:
    """Twelve different images of 32 x 32."""
    return torch.from_numpy(np.stack([picture(seed, size=(SIDE, SIDE)) for seed in range(12)]))


def repeated(image: Any, count: int = 64) -> torch.Tensor:
    return torch.from_numpy(np.repeat(np.asarray(image, np.uint8)[None], count, 0))


EVERYTHING: dict[str, dict[str, Any]] = {
    **{name: {"preset": name} for name in PRESETS},
    "trivial": {"trivial_augment": True},
    "erasing": {"erasing": 0.5},
    "tone": {"brightness": (0.5, 2), "contrast": (0.5, 2), "gamma": (0.5, 2), "channel_shift": 30},
    "crop": {"resized_crop": (0.3, 1)},
    "dihedral": {"horizontal_flip": True, "vertical_flip": True, "transpose": True},
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_views_are_a_function_of_images_and_generator(name: str, batch: torch.Tensor) -> None:
    first = views(batch, **EVERYTHING[name])
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert np.array_equal(first, views(batch, **EVERYTHING[name]))
    assert torch.equal(torch.get_rng_state(), state), "the process-wide generator was drawn from"
    assert not np.array_equal(first, views(batch, seed=1, **EVERYTHING[name]))
    assert not np.array_equal(first, batch.numpy())


@pytest.mark.parametrize("name", EVERYTHING)
def test_going_on_from_a_saved_state_gives_the_same_views(name: str, batch: torch.Tensor) -> None:
    augmenter = Augmenter(AugmentationConfig(**EVERYTHING[name]), SIDE)
    generator = seeded()
    augmenter(batch, generator)
    state = generator.get_state()
    expected = augmenter(batch, generator)
    resumed = torch.Generator()
    resumed.set_state(state)
    assert torch.equal(augmenter(batch, resumed), expected)


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("count", [0, 1])
def test_batches_may_be_tiny(name: str, count: int, batch: torch.Tensor) -> None:
    views(batch[:count], **EVERYTHING[name])


@pytest.mark.parametrize(
    ("height", "width", "top", "left"), [(32, 32, 0, 0), (48, 40, 8, 4), (35, 33, 1, 0)]
)
def test_off_is_exactly_the_central_square(
    picture: Picture, height: int, width: int, top: int, left: int
) -> None:
    image = picture(0, size=(width, height))
    shown = views(repeated(image, 3))
    assert np.array_equal(shown[2], image[top : top + SIDE, left : left + SIDE])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 40), (35, 33), (40, 41)])
@pytest.mark.parametrize("fill", ["nearest", "reflect", "constant"])
def test_resampling_that_moves_nothing_is_the_central_square_too(
    picture: Picture, height: int, width: int, fill: str
) -> None:
    pixels = repeated(picture(0, size=(width, height)), 3)
    askew = views(pixels, shear_degrees=1e-9, fill=fill)
    assert np.array_equal(askew, views(pixels))


def flips_found(image: Any, shown: Any) -> set[str]:
    turned = {
        "as it was": image,
        "sideways": np.fliplr(image),
        "upright": np.flipud(image),
        "half turn": np.rot90(image, 2),
        "transposed": image.transpose(1, 0, 2),
        "quarter turn": np.rot90(image, 1),
        "three quarters": np.rot90(image, 3),
        "other diagonal": np.rot90(image, 2).transpose(1, 0, 2),
    }
    found = {name for view in shown for name, it in turned.items() if np.array_equal(view, it)}
    known = [any(np.array_equal(view, it) for it in turned.values()) for view in shown]
    assert all(known)
    return found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"horizontal_flip": True}, {"as it was", "sideways"}),
        ({"vertical_flip": True}, {"as it was", "upright"}),
        ({"transpose": True}, {"as it was", "transposed"}),
        (
            {"horizontal_flip": True, "vertical_flip": True},
            {"as it was", "sideways", "upright", "half turn"},
        ),
    ],
)
@pytest.mark.parametrize("resampled", [False, True])
def test_flips_are_numpys(
    batch: torch.Tensor, changes: dict[str, bool], expected: set[str], resampled: bool
) -> None:
    nothing = {"shear_degrees": 1e-9} if resampled else {}
    image = batch[0].numpy()
    assert flips_found(image, views(repeated(image), **changes, **nothing)) == expected


@pytest.mark.parametrize("resampled", [False, True])
def test_both_flips_and_transposing_give_all_eight_orientations(
    batch: torch.Tensor, resampled: bool
) -> None:
    changes = EVERYTHING["dihedral"] | ({"shear_degrees": 1e-9} if resampled else {})
    image = batch[0].numpy()
    assert len(flips_found(image, views(repeated(image, 100), **changes))) == 8


def test_half_of_the_images_are_mirrored(batch: torch.Tensor) -> None:
    image = batch[0].numpy()
    shown = views(repeated(image, 1000), horizontal_flip=True)
    mirrored = sum(np.array_equal(view, np.fliplr(image)) for view in shown)
    assert 430 < mirrored < 570


def test_shifts_use_the_margin_and_stay_in_range() -> None:
    """Each pixel says its own place, so a view says which window it is."""
    rows, columns = np.mgrid[0:48, 0:48]
    image = np.stack([rows, columns, rows * 0], 2)
    shown = views(repeated(image, 300), width_shift=0.25, height_shift=0.125).astype(int)
    tops, lefts = shown[:, 0, 0, 0], shown[:, 0, 0, 1]
    window = np.mgrid[0:SIDE, 0:SIDE].transpose(1, 2, 0)
    assert np.array_equal(
        shown[..., :2] - shown[:, :1, :1, :2], np.broadcast_to(window, (300, SIDE, SIDE, 2))
    )
    assert set(lefts) == set(range(17))
    assert set(tops) == set(range(4, 13))


def test_a_shift_over_the_margin_is_filled_as_numpy_pads(batch: torch.Tensor) -> None:
    image = batch[0].numpy()
    for fill, mode in (("nearest", "edge"), ("reflect", "symmetric"), ("constant", "constant")):
        options = {"constant_values": 127} if mode == "constant" else {}
        wide = np.pad(image, ((0, 0), (8, 8), (0, 0)), mode, **options)
        windows = [wide[:, left : left + SIDE] for left in range(17)]
        for view in views(repeated(image, 40), width_shift=0.25, fill=fill):
            assert any(np.array_equal(view, window) for window in windows)


def test_both_ways_of_shifting_agree(picture: Picture) -> None:
    """Cutting by whole pixels, and resampling between pixels."""
    pixels = repeated(picture(1, size=(48, 48)), 30)
    shift = {"width_shift": 0.3, "height_shift": 0.2, "horizontal_flip": True, "transpose": True}
    apart = views(pixels, **shift).astype(int) - views(pixels, **shift, shear_degrees=1e-9)
    assert np.abs(apart).mean() < 6


def angle_of(view: Any) -> float:
    """Direction of a bright half plane's gradient, in degrees."""
    grey = view.astype(float).mean(2)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
    disc = rows**2 + columns**2 < (SIDE / 2 - 1) ** 2
    return float(np.degrees(np.arctan2((grey * rows)[disc].sum(), (grey * columns)[disc].sum())))


@pytest.mark.parametrize("turn", [{"rotation_degrees": 30}, {"rotation_turns": 30 / 360}])
def test_turns_reach_the_angle_given_both_ways_and_no_more(turn: dict[str, float]) -> None:
    image = np.zeros((SIDE, SIDE, 3))
    image[:, SIDE // 2 :] = 255
    angles = [angle_of(view) for view in views(repeated(image, 300), **turn, fill="nearest")]
    assert max(angles) == pytest.approx(30, abs=2)
    assert min(angles) == pytest.approx(-30, abs=2)
    assert np.std(angles) == pytest.approx(30 / 3**0.5, abs=2.5)


def test_a_shear_slants_upright_lines_and_leaves_level_ones() -> None:
    image = np.zeros((SIDE, SIDE, 3))
    image[:, SIDE // 2 :, 0] = 255
    image[SIDE // 2 :, :, 1] = 255
    shown = views(repeated(image, 200), shear_degrees=20, fill="nearest").astype(float)
    widths = shown[..., 0].sum(2) / 255
    slopes = (widths[:, 26] - widths[:, 5]) / 21
    assert np.allclose(shown[..., 1], image[..., 1])
    assert np.degrees(np.arctan([slopes.min(), slopes.max()])) == pytest.approx([-20, 20], abs=2)


@pytest.mark.parametrize(("zoom", "least", "largest"), [((2, 2), 2, 2), ((0.5, 1.5), 0.5, 1.5)])
def test_zoom_magnifies_about_the_centre(
    zoom: tuple[float, float], least: float, largest: float
) -> None:
    image = np.zeros((SIDE, SIDE, 3))
    image[12:20, 12:20] = 255
    shown = views(repeated(image, 200), zoom=zoom).astype(float) / 255
    sides = np.sqrt(shown[..., 0].sum((1, 2))) / 8
    assert (sides.min(), sides.max()) == pytest.approx((least, largest), rel=0.04)
    assert np.allclose(shown, shown[:, ::-1, ::-1], atol=0.02)


def test_zooming_out_shows_the_margin_before_anything_is_made_up() -> None:
    image = np.full((40, 40, 3), 200)
    image[4:36, 4:36] = 50
    edge = views(repeated(image, 2), zoom=(0.8, 0.8), fill="constant")[:, 0, 0]
    assert (edge == 200).all()


@pytest.mark.parametrize("name", ["nearest", "reflect"])
@pytest.mark.parametrize(
    "changes",
    [{"preset": "butterflies"}, {"preset": "waste"}, {"zoom": (0.3, 0.5)}, {"width_shift": 0.9}],
)
def test_these_fills_show_nothing_that_was_not_in_the_image(
    name: str, changes: dict[str, Any]
) -> None:
    bright = repeated(np.full((SIDE, SIDE, 3), (210, 220, 230)), 40)
    assert (views(bright, **changes, fill=name) == (210, 220, 230)).all()


def test_a_constant_fill_is_grey() -> None:
    bright = repeated(np.full((SIDE, SIDE, 3), 255), 40)
    for changes in ({"width_shift": 0.5}, {"rotation_degrees": 90}):
        assert views(bright, **changes, fill="constant").min() == 127


def test_a_crop_keeps_the_share_of_the_area_given() -> None:
    rows, columns = np.mgrid[0:100, 0:100]
    image = np.stack([rows, columns, rows * 0], 2)
    shown = views(repeated(image, 400), resized_crop=(0.25, 0.5)).astype(float)
    scale = SIDE / (SIDE - 1)
    heights = (shown[:, -1, 0, 0] - shown[:, 0, 0, 0]) * scale / 100
    widths = (shown[:, 0, -1, 1] - shown[:, 0, 0, 1]) * scale / 100
    areas, aspects = heights * widths, widths / heights
    assert (areas.min(), areas.max()) == pytest.approx((0.25, 0.5), abs=0.03)
    assert (aspects.min(), aspects.max()) == pytest.approx((0.75, 1.333), abs=0.08)
    assert shown[..., :2].min() < 5
    assert shown[..., :2].max() > 94


def test_brightness_multiplies(batch: torch.Tensor) -> None:
    shown = views(batch, brightness=(1.5, 1.5))
    exact = np.clip(batch.numpy() * 1.5, 0, 255)
    assert np.abs(shown - exact).max() <= 0.5


def test_contrast_widens_about_the_mean() -> None:
    image = np.full((SIDE, SIDE, 3), 100)
    image[: SIDE // 2] = 140
    shown = views(repeated(image, 2), contrast=(2, 2))
    assert {*shown.flat} == {80, 160}


def test_contrast_is_torchvisions(batch: torch.Tensor) -> None:
    ours = torch.from_numpy(views(batch, contrast=(1.4, 1.4))).permute(0, 3, 1, 2).int()
    theirs = v2.functional.adjust_contrast(batch.permute(0, 3, 1, 2), 1.4).int()
    assert (ours - theirs).abs().max() <= 2


def test_gamma_is_an_exponent(batch: torch.Tensor) -> None:
    shown = views(batch, gamma=(2, 2))
    assert np.array_equal(shown, np.round((batch.numpy() / 255.0) ** 2 * 255))


def test_channels_move_apart_and_no_farther_than_given() -> None:
    moves = views(repeated(np.full((SIDE, SIDE, 3), 100), 200), channel_shift=20).astype(int) - 100
    assert (moves == moves[:, :1, :1]).all()
    channels = moves[:, 0, 0]
    assert (channels.min(), channels.max()) == (-20, 20)
    assert np.abs(np.corrcoef(channels.T) - np.eye(3)).max() < 0.25


def test_erasing_blanks_one_rectangle_in_its_share_of_images() -> None:
    bright = repeated(np.full((SIDE, SIDE, 3), 255), 600)
    blank = (views(bright, erasing=0.4) == 127).all(3)
    areas = blank.mean((1, 2))
    hit = blank[areas > 0]
    assert 0.34 < len(hit) / 600 < 0.46
    assert 0.01 < areas[areas > 0].min() < areas.max() < 0.36
    heights, widths = hit.any(2).sum(1), hit.any(1).sum(1)
    assert np.array_equal(heights * widths, hit.sum((1, 2)))


class Asked(v2.TrivialAugmentWide):
    """torchvision's own, told what to do."""

    def act(self, image: torch.Tensor, name: str, magnitude: float) -> torch.Tensor:
        fill = {torch.Tensor: [127.0] * 3}
        return self._apply_image_or_video_transform(
            image, name, magnitude, interpolation=v2.InterpolationMode.BILINEAR, fill=fill
        )


THEIR_NAMES = {
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "colour": "Color",
    "autocontrast": "AutoContrast",
}


@pytest.mark.parametrize("name", _changes())
@pytest.mark.parametrize("level", [0, 7, 19, 30])
def test_trivial_changes_are_torchvisions(name: str, level: int, batch: torch.Tensor) -> None:
    reference = Asked(interpolation=v2.InterpolationMode.BILINEAR)
    their_name = THEIR_NAMES.get(name, name.capitalize())
    magnitudes, signed = reference._AUGMENTATION_SPACE[their_name]
    scale = magnitudes(31, SIDE, SIDE)
    magnitude = 0.0 if scale is None else float(scale if scale.ndim == 0 else scale[level])
    image = batch[0].permute(2, 0, 1)
    for sign in (1, -1) if signed else (1,):
        ours = _changes()[name](image, sign * level / 30)
        theirs = reference.act(image, their_name, sign * magnitude)
        assert (ours.int() - theirs.int()).abs().max() <= 1


def test_every_trivial_change_takes_its_turn(batch: torch.Tensor) -> None:
    which = Draws(seeded(), 1400).choice(len(_changes()))
    counts = torch.bincount(which, minlength=14)
    assert len(_changes()) == 14
    assert 60 < counts.min() < counts.max() < 140
    views(repeated(batch[0].numpy(), 200), trivial_augment=True)


def test_what_is_off_draws_nothing(batch: torch.Tensor) -> None:
    generator = seeded()
    before = generator.get_state()
    Augmenter(AugmentationConfig(), SIDE)(batch, generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (torch.zeros(2, 32, 32, 3), "uint8"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), r"\(2, 3, 32, 32\)"),
        (torch.zeros(32, 32, 3, dtype=torch.uint8), "N, H, W, 3"),
        (torch.zeros(2, 40, 31, 3, dtype=torch.uint8), "31 x 40 pixels, smaller than the 32 x 32"),
    ],
)
def test_what_is_no_batch_is_refused(pixels: torch.Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Augmenter(AugmentationConfig(), SIDE)(pixels, seeded())


factors = st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)).map(sorted)


@settings(max_examples=60)
@given(
    config=st.builds(
        AugmentationConfig,
        horizontal_flip=st.none() | st.booleans(),
        transpose=st.none() | st.booleans(),
        rotation_degrees=st.none() | st.floats(0, 180),
        shear_degrees=st.none() | st.floats(0, 80),
        zoom=st.none() | factors,
        width_shift=st.none() | st.floats(0, 0.99),
        brightness=st.none() | factors,
        contrast=st.none() | factors,
        gamma=st.none() | factors,
        channel_shift=st.none() | st.floats(0, 255),
        resized_crop=st.none() | st.tuples(st.floats(0.01, 1), st.just(1.0)),
        erasing=st.none() | st.floats(0, 0.99),
        fill=st.none() | st.sampled_from(["nearest", "reflect", "constant"]),
    ),
    height=st.integers(8, 20),
    width=st.integers(8, 20),
    seed=st.integers(0, 2**32),
)
def test_any_settings_give_views_of_any_images(
    config: AugmentationConfig, height: int, width: int, seed: int
) -> None:
    pixels = torch.randint(0, 256, (3, height, width, 3), dtype=torch.uint8, generator=seeded())
    views(pixels, size_px=8, seed=seed, **config.model_dump(exclude_none=True))


@given(
    white=st.booleans(),
    zoom=factors,
    degrees=st.floats(0, 180),
    fill=st.sampled_from(["nearest", "reflect"]),
)
def test_flat_images_stay_flat_wherever_they_are_moved(
    white: bool, zoom: list[float], degrees: float, fill: str
) -> None:
    flat = repeated(np.full((12, 12, 3), 255 * white), 4)
    changes = {"zoom": tuple(zoom), "rotation_degrees": degrees, "fill": fill}
    assert (views(flat, size_px=10, **changes) == 255 * white).all()


def test_without_a_margin_images_are_loaded_as_large_as_they_are_shown() -> None:
    moved = AugmentationConfig(width_shift=0.1, margin=0)
    assert source_px(resolve(moved), 32) == 32
    assert source_px(resolve(moved.model_copy(update={"margin": None})), 32) == 36
    pixels = torch.full((8, 32, 32, 3), 200, dtype=torch.uint8)
    assert (Augmenter(moved, 32)(pixels, torch.Generator().manual_seed(0)) == 200).all()
    assert is_off(AugmentationConfig(margin=0))
