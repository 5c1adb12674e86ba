"""Thumbnails are small, whole and upright."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headstart.errors import BadImageError
from headstart.reporting import make_thumbnail


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_aspect_is_kept_and_the_longer_side_fits(kind: str) -> None:
    data = _encoded(Image.new("RGB", (1600, 800), (10, 200, 30)), kind)
    with Image.open(io.BytesIO(make_thumbnail(data, size_px=160))) as image:
        assert image.format == "JPEG"
        assert image.size == (160, 80)
        assert np.abs(np.asarray(image).mean(axis=(0, 1)) - (10, 200, 30)).max() < 6


def test_pixels_in_memory_work_and_small_images_are_not_enlarged() -> None:
    with Image.open(io.BytesIO(make_thumbnail(np.zeros((20, 30, 3), np.uint8)))) as image:
        assert image.size == (30, 20)


def test_an_image_turned_by_its_exif_is_shown_upright() -> None:
    source = Image.new("RGB", (400, 200))
    exif = source.getexif()
    exif[0x0112] = 6
    data = _encoded(source, "JPEG", exif=exif)
    with Image.open(io.BytesIO(make_thumbnail(data))) as image:
        assert image.size == (80, 160)


def test_a_very_long_image_keeps_at_least_a_pixel() -> None:
    with Image.open(io.BytesIO(make_thumbnail(np.zeros((2, 3000, 3), np.uint8)))) as image:
        assert image.size == (160, 1)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(BadImageError):
        make_thumbnail(b"not an image")
