"""A contact sheet: images, and beside each what augmentation makes of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from headstart.data.manifest import Pixels
from headstart.reporting.canvas import GREY, INK
from headstart.reporting.words import shortened

_CELL, _GAP, _APART, _EDGE = 128, 6, 18, 20
_LINE, _TITLE = 26, 30
_PAPER: Final = "#FFFFFF"


@dataclass(frozen=True)
class SheetRow:
    """One image and views of it.

    Attributes:
        label: Its class.
        path: Where it lies.
        original: As loaded, uint8 (H, W, 3).
        samples: As training would see it, uint8 (K, S, S, 3).
    """

    label: str
    path: str
    original: Pixels
    samples: Pixels


def draw_sheet(rows: Sequence[SheetRow], *, title: str, subtitle: str) -> bytes:
    """Return the sheet as PNG bytes, the same each time.

    Args:
        rows: What to show, at least one; all with the same number of samples.
        title: Heading.
        subtitle: What is done to the images; wrapped where it is long.
    """
    most = max(len(row.samples) for row in rows)
    width = 2 * _EDGE + _CELL + _APART + most * (_CELL + _GAP) - _GAP
    lines = _wrapped(f"{subtitle}. Left: as it is.", width - 2 * _EDGE)
    top = _EDGE + _TITLE + _LINE * len(lines)
    sheet = Image.new("RGB", (width, top + len(rows) * (_LINE + _CELL + _GAP) + _EDGE), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_EDGE, _EDGE), shortened(title, 80), INK, _font("DejaVuSans-Bold", 20))
    for number, line in enumerate(lines):
        draw.text((_EDGE, _EDGE + _TITLE + number * _LINE), line, GREY, _font("DejaVuSans", 14))
    for number, row in enumerate(rows):
        _draw_row(sheet, draw, row, top + number * (_LINE + _CELL + _GAP))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw_row(sheet: Image.Image, draw: ImageDraw.ImageDraw, row: SheetRow, top: int) -> None:
    label, bold = shortened(row.label, 40), _font("DejaVuSans-Bold", 13)
    draw.text((_EDGE, top + 6), label, INK, bold)
    left = _EDGE + round(draw.textlength(label, bold)) + 10
    draw.text((left, top + 6), shortened(row.path, 90), GREY, _font("DejaVuSans", 13))
    sheet.paste(_cell(row.original), (_EDGE, top + _LINE))
    for number, sample in enumerate(row.samples):
        x = _EDGE + _CELL + _APART + number * (_CELL + _GAP)
        sheet.paste(_cell(sample), (x, top + _LINE))


def _cell(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels).resize((_CELL, _CELL), Image.Resampling.LANCZOS)


def _wrapped(text: str, width: int) -> list[str]:
    font = _font("DejaVuSans", 14)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font that Matplotlib brings: Latin, Greek, Cyrillic and Arabic letters."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    return ImageFont.truetype(str(file), size)
