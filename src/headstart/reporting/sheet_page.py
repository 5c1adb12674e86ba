"""The contact sheet as one HTML file, which needs no connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.data.manifest import Pixels
from headstart.reporting.html import environment
from headstart.reporting.sheet import SheetRow
from headstart.reporting.thumbnails import make_thumbnail

_SIDE_PX = 288
"""Twice what is shown, for screens with fine pixels."""


@dataclass(frozen=True)
class _Row:
    label: str
    path: str
    original: bytes
    samples: tuple[bytes, ...]


def render_sheet(rows: Sequence[SheetRow], *, title: str, subtitle: str) -> str:
    """Return the sheet as HTML; every name in it is escaped.

    Args:
        rows: What to show.
        title: Heading.
        subtitle: What is done to the images.
    """
    encoded = [
        _Row(row.label, row.path, _jpeg(row.original), tuple(map(_jpeg, row.samples)))
        for row in rows
    ]
    template = environment().get_template("sheet.html")
    return template.render(rows=encoded, title=title, subtitle=subtitle)


def _jpeg(pixels: Pixels) -> bytes:
    return make_thumbnail(pixels, size_px=_SIDE_PX, quality=88)
