"""Training images varied at random, a batch at a time."""

from __future__ import annotations

import torch

from headstart.config.augmentation import AugmentationConfig
from headstart.training.augmentation.cutting import cut
from headstart.training.augmentation.draws import Draws
from headstart.training.augmentation.erasing import erase
from headstart.training.augmentation.placement import draw_placement, needs_resampling
from headstart.training.augmentation.presets import resolve
from headstart.training.augmentation.tone import change_tone
from headstart.training.augmentation.trivial import change_trivially
from headstart.training.augmentation.warping import warp


class Augmenter:
    """Varies training images as configured.

    Nothing else in headstart varies an image: whoever trains calls this on training
    batches and on no others, so validation and test images are seen as they are.

    Args:
        config: Settings; a preset is resolved.
        size_px: Side of the squares it returns, S.

    Raises:
        UnknownNameError: No preset has that name.
    """

    def __init__(self, config: AugmentationConfig, size_px: int) -> None:
        self.config = resolve(config)
        self.size_px = size_px

    def __call__(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return one random view of each image: a function of the arguments and nothing else.

        Images may be larger than the views: shifts, turns and zooms then show what lies
        there before anything has to be made up. With every change of place off, a view
        is the central square, exactly.

        Args:
            pixels: uint8 (N, H, W, 3) in main memory, H and W at least S; left as it is.
            generator: Processor generator; all randomness is drawn from it, the same
                amount for every batch of one size.

        Returns:
            uint8 (N, S, S, 3), its own memory.

        Raises:
            ValueError: The pixels have another type or shape.
        """
        _check(pixels, self.size_px)
        draws = Draws(generator, len(pixels))
        views = self._placed(pixels, draws)
        views = change_tone(views, self.config, draws)
        if self.config.trivial_augment:
            views = change_trivially(views, draws)
        if self.config.erasing is not None:
            views = erase(views, self.config.erasing, draws)
        return views

    def _placed(self, pixels: torch.Tensor, draws: Draws) -> torch.Tensor:
        config, size_px = self.config, self.size_px
        height, width = pixels.shape[1:3]
        placement = draw_placement(config, size_px, (height, width), draws)
        place = warp if needs_resampling(config) else cut
        return place(pixels, placement, size_px=size_px, fill=config.fill or "reflect")


def _check(pixels: torch.Tensor, size_px: int) -> None:
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise ValueError(
            f"expected uint8 pixels of shape (N, H, W, 3), got {pixels.dtype} of shape "
            f"{tuple(pixels.shape)}"
        )
    if min(pixels.shape[1:3]) < size_px:
        raise ValueError(
            f"the images are {pixels.shape[2]} x {pixels.shape[1]} pixels, smaller than the "
            f"{size_px} x {size_px} asked for: load them larger"
        )
