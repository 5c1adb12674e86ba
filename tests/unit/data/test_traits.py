from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from headstart.data.traits import image_traits
from headstart.errors import BadImageError


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_size_format_and_brightness(picture: Any) -> None:
    dark = image_traits(encoded(Image.fromarray(np.full((30, 60, 3), 51, np.uint8))))
    assert (dark.width, dark.height, dark.format) == (60, 30, "PNG")
    assert (dark.pixels, dark.aspect) == (1800, 2.0)
    assert dark.brightness == pytest.approx(0.2)
    assert dark.sharpness == 0
    light = image_traits(picture(size=(200, 150), tint=(90, 90, 90)))
    assert light.brightness > image_traits(picture(size=(200, 150))).brightness
    assert light.format == "array"


def test_blur_lowers_sharpness(photos: list[Any]) -> None:
    photo = Image.fromarray(photos[0])
    soft = [photo.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 4, 12)]
    sharpness = [image_traits(encoded(it, "JPEG", quality=90)).sharpness for it in soft]
    assert sharpness[0] > 2 * sharpness[1] > 4 * sharpness[2]


def test_the_same_photo_is_as_sharp_in_another_size_or_format(photos: list[Any]) -> None:
    photo = Image.fromarray(photos[2])
    small = photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.LANCZOS)
    whole = image_traits(encoded(photo))
    for other in (encoded(small), encoded(photo, "JPEG", quality=95), encoded(photo, "WEBP")):
        assert image_traits(other).sharpness == pytest.approx(whole.sharpness, rel=0.25)
        assert image_traits(other).brightness == pytest.approx(whole.brightness, abs=0.01)


def test_sizes_are_upright(photos: list[Any]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.fromarray(photos[0][:100])
    turned = image_traits(encoded(wide, "JPEG", exif=exif.tobytes()))
    assert turned.aspect == pytest.approx(100 / wide.width)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (2, 2), (3, 3)])
def test_odd_sizes_can_be_measured(size: tuple[int, int]) -> None:
    traits = image_traits(np.full((*size, 3), 128, np.uint8))
    assert traits.sharpness == 0
    assert traits.brightness == pytest.approx(128 / 255)


def test_what_is_no_image() -> None:
    with pytest.raises(BadImageError):
        image_traits(b"no image")
