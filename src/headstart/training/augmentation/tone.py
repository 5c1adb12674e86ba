"""Brightness, contrast, gamma, channels: a table of 256 values an image, looked up once."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from headstart.config.augmentation import AugmentationConfig
from headstart.training.augmentation.draws import Draws

_TONES: Final = ("brightness", "contrast", "gamma", "channel_shift")
_LUMA: Final = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601), as in torchvision."""

Tables = npt.NDArray[np.uint8]


def change_tone(pixels: torch.Tensor, config: AugmentationConfig, draws: Draws) -> torch.Tensor:
    """Return images with other tones, in new memory; the same ones where all that is off.

    Args:
        pixels: uint8 (N, S, S, 3).
        config: Resolved settings.
        draws: Source of numbers; what is off draws none.
    """
    if all(getattr(config, name) is None for name in _TONES):
        return pixels
    tables = _tables(pixels, config, draws)
    images = pixels.numpy()
    changed = np.empty_like(images)
    for image, table, out in zip(images, tables, changed, strict=True):
        _look_up(image, table, out)
    return torch.from_numpy(changed)


def _tables(pixels: torch.Tensor, config: AugmentationConfig, draws: Draws) -> Tables:
    """Draw what each value of each channel becomes: (N, 3, 256)."""
    brightness = draws.factor(config.brightness)[:, None]
    value = (torch.arange(256).double() / 255 * brightness).clamp(0, 1)
    if config.contrast is not None:
        mean = (_mean_grey(pixels)[:, None] * brightness).clamp(max=1)
        value = (mean + draws.factor(config.contrast)[:, None] * (value - mean)).clamp(0, 1)
    value = value ** draws.factor(config.gamma)[:, None]
    shifts = torch.stack([draws.either_way(config.channel_shift) for _ in _LUMA], 1) / 255
    tables = 255 * (value[:, None, :] + shifts[:, :, None]).clamp(0, 1)
    return tables.round().to(torch.uint8).numpy()


def _mean_grey(pixels: torch.Tensor) -> torch.Tensor:
    """Return the mean grey of each image, 0 to 1, float64 (N,)."""
    if not len(pixels):
        return torch.zeros(0, dtype=torch.float64)
    means = torch.stack([image.float().mean((0, 1)) for image in pixels]).double()
    return means @ torch.tensor(_LUMA, dtype=torch.float64) / 255


def _look_up(image: Tables, table: Tables, out: Tables) -> None:
    """Write what a (3, 256) table makes of an (S, S, 3) image.

    ``bytes.translate`` is several times as fast here as indexing in numpy or PyTorch.
    """
    if (table == table[0]).all():
        new = image.tobytes().translate(table[0].tobytes())
        out[...] = np.frombuffer(new, np.uint8).reshape(image.shape)
        return
    for channel in range(3):
        new = image[..., channel].tobytes().translate(table[channel].tobytes())
        out[..., channel] = np.frombuffer(new, np.uint8).reshape(image.shape[:2])
