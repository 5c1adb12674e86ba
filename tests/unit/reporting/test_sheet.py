"""The contact sheet shows every image and view, under its own name."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from headstart.reporting import SheetRow, draw_sheet, render_sheet

RED, GREEN, BLUE = (250, 10, 10), (10, 240, 10), (10, 10, 250)


def flat(*colours: tuple[int, int, int], side: int = 40) -> Any:
    pixels = np.empty((len(colours), side, side, 3), np.uint8)
    pixels[:] = np.array(colours)[:, None, None]
    return pixels


@pytest.fixture
def rows() -> list[SheetRow]:
    """Two images, red and blue, with views in green and in their own colour."""
    return [
        SheetRow("cat", "cat/1.jpg", flat(RED, side=50)[0], flat(GREEN, RED)),
        SheetRow("dog & <co>", 'dog/"2".jpg', flat(BLUE, side=50)[0], flat(BLUE, GREEN)),
    ]


def opened(png: bytes) -> Any:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def runs(line: Any) -> list[tuple[int, int, int]]:
    """Colours along a line of pixels that are not paper, neighbours once."""
    colours = [tuple(int(value) for value in pixel) for pixel in line]
    changes = [one for one, before in zip(colours, [None, *colours], strict=False) if one != before]
    return [colour for colour in changes if colour != (255, 255, 255)]


def test_every_view_is_beside_its_image_in_its_colours(rows: list[SheetRow]) -> None:
    pixels = opened(draw_sheet(rows, title="Sheet", subtitle="words"))
    found = {tuple(runs(line)) for line in pixels}
    assert (RED, GREEN, RED) in found
    assert (BLUE, BLUE, GREEN) in found


def test_the_same_rows_give_the_same_bytes(rows: list[SheetRow]) -> None:
    assert draw_sheet(rows, title="a", subtitle="b") == draw_sheet(rows, title="a", subtitle="b")


def test_long_words_are_wrapped_and_odd_names_drawn(rows: list[SheetRow]) -> None:
    short = opened(draw_sheet(rows, title="t", subtitle="words"))
    odd = [SheetRow("línea\n木" * 30, "p" * 500, row.original, row.samples) for row in rows]
    long = opened(draw_sheet(odd, title="t" * 300, subtitle="many words " * 30))
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0]


def test_the_page_escapes_names_and_loads_nothing(rows: list[SheetRow]) -> None:
    page = render_sheet(rows, title="Sheet <1>", subtitle="turned & bent")
    assert "dog &amp; &lt;co&gt;" in page
    assert "Sheet &lt;1&gt;" in page
    assert "<co>" not in page
    assert page.count("<img ") == page.count('src="data:image/jpeg;base64,') == 6
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
