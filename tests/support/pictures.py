"""Pictures for tests of decoding, and how far two of them differ."""

import io

import numpy as np


def encoded(image, kind, **options):
    """Return a Pillow image as a file of a format."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def scene(width=96, height=64, seed=0):
    """A smooth gradient with some texture, different in every corner."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(seed).integers(0, 16, (height, width))
    red, green, blue = x * 200 / width, y * 200 / height, 100 + 60 * np.sin(x / 9) * np.cos(y / 7)
    return (np.stack([red, green, blue], axis=-1) + noise[..., None]).astype(np.uint8)


def difference(a, b):
    """Return the mean difference of two images of one shape."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())
