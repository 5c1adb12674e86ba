"""What a person sees: hot places in colour, cold ones grey, captions that fit."""

from __future__ import annotations

import numpy as np

from headstart.explain.overlay import coloured, framed, overlay, side_by_side


def test_colours_grow_lighter_with_the_numbers() -> None:
    lightness = coloured(np.linspace(0, 1, 50, dtype=np.float32)) @ [0.299, 0.587, 0.114]
    assert (np.diff(lightness) > 0).all()


def test_hot_places_stand_out_and_cold_ones_show_the_image(picture) -> None:
    pixels = picture(1, size=(40, 30))
    values = np.zeros((30, 40), np.float32)
    values[:, 20:] = 1
    drawn = overlay(pixels, values).astype(int)
    assert drawn.shape == pixels.shape
    cold, hot = drawn[:, :20], drawn[:, 20:]
    assert hot.mean() > cold.mean() + 40
    grey = pixels[:, :20].mean(axis=2)
    assert np.corrcoef(cold.mean(axis=2).ravel(), grey.ravel())[0, 1] > 0.95


def test_a_long_caption_ends_at_its_panel(picture) -> None:
    pixels = picture(1, size=(300, 200))
    sheet = np.asarray(side_by_side([(pixels, "W" * 200, "w" * 300), (pixels, "b", "c")]))
    gap = sheet[:, 310:320]
    assert (gap == 255).all()
    assert (sheet[215:, :310] < 128).any()


def test_what_the_model_saw_is_framed_unless_it_saw_all(picture) -> None:
    pixels = picture(1, size=(40, 30)) // 2
    assert framed(pixels, (0.0, 0.0, 40, 30)) is pixels
    drawn = framed(pixels, (5.0, 0.0, 35.0, 30))
    assert (drawn[:, [5, 34]] == 255).all()
    np.testing.assert_array_equal(drawn[1:-1, 6:34], pixels[1:-1, 6:34])
