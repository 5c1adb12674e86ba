"""``headstart explain``: what a bundle's answers rest on, drawn over the images."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.config import cache_dir
from headstart.data.decoding import decode, load_pixels
from headstart.data.inputs import open_images
from headstart.data.manifest import ImageData, Pixels
from headstart.data.resizing import frame
from headstart.errors import DataError, UnknownNameError
from headstart.explain import (
    Explainer,
    Explanation,
    framed,
    load_explainer,
    on_image,
    overlay,
    side_by_side,
)
from headstart.files import write_bytes
from headstart.progress import Progress, Silent

PANEL_PX = 384
"""Longest side of an image on a sheet."""


@dataclass(frozen=True)
class ExplainedImage:
    """One image's answer.

    Attributes:
        path: As it was given, or its name inside a folder or archive.
        explanation: Prediction and maps; ``None`` for a file that could not be read.
        sheet: The PNG that was written, if any was.
        error: The reason, for a bad file.
    """

    path: str
    explanation: Explanation | None
    sheet: Path | None = None
    error: str = ""


def explain(
    bundle: str | Path | Explainer,
    images: Sequence[str | Path],
    *,
    label: str | None = None,
    out: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Iterator[ExplainedImage]:
    """Explain a bundle's answers, one image after the other.

    Args:
        bundle: Bundle folder, run directory, or a loaded explainer.
        images: Files, folders, archives or tables, mixed as you like.
        label: Class to map beside the predicted one; the runner-up where not given.
        out: Folder for one PNG an image: the image, the map of the predicted class, the
            other class's. ``None`` writes nothing.
        cache: Cache folder, for archives.
        progress: Who is told how far it is.

    Yields:
        One answer an image, in order; a bad file has its reason.

    Raises:
        HeadstartError: The bundle, the class or an input cannot be used.
    """
    explainer = bundle if isinstance(bundle, Explainer) else load_explainer(bundle)
    if label is not None and label not in explainer.classes:
        raise UnknownNameError("class", label, explainer.classes)
    manifest = open_images(images, cache=cache_dir(cache))
    sheets = _sheet_names(manifest.paths, Path(out)) if out is not None else {}
    rows = range(len(manifest))
    told = (progress or Silent()).track(rows, total=len(rows), task="explaining", unit="images")
    for row in told:
        path = manifest.paths[row]
        try:
            data = manifest.container.read(path)
            yield _explained(explainer, path, data, label, sheets.get(row))
        except DataError as error:
            yield ExplainedImage(path, None, error=str(error))


def _explained(
    explainer: Explainer, path: str, data: ImageData, label: str | None, sheet: Path | None
) -> ExplainedImage:
    info = explainer.bundle.info
    square = load_pixels(data, info.geometry, max_pixels=info.max_pixels)
    explanation = explainer.explain(square)
    if label is not None and label != explainer.classes[explanation.best]:
        shown = [explainer.classes[explanation.best], label]
        explanation = explainer.explain(square, shown)
    if sheet is not None:
        image = decode(data, max_pixels=info.max_pixels, at_least=(PANEL_PX, PANEL_PX))
        write_bytes(sheet, draw_sheet(explainer, explanation, image, name=Path(path).name))
    return ExplainedImage(path, explanation, sheet)


def draw_sheet(
    explainer: Explainer, explanation: Explanation, image: Pixels, *, name: str = ""
) -> bytes:
    """Return a PNG: an image, and each map over it.

    Args:
        explainer: What explained it.
        explanation: Its maps.
        image: uint8 RGB, (H, W, 3), upright, of any size.
        name: Caption of the image.
    """
    small = Image.fromarray(image)
    small.thumbnail((PANEL_PX, PANEL_PX), Image.Resampling.LANCZOS)
    pixels = np.asarray(small)
    height, width = pixels.shape[:2]
    geometry = explainer.bundle.info.geometry
    panels = [(pixels, name, "")]
    for one in explanation.maps:
        over = overlay(pixels, on_image(one.map, geometry, width, height))
        seen = framed(over, frame(geometry, width, height).of_image)
        role = _role(explanation, one.label, explainer)
        panels.append((seen, f"{one.label}  {one.probability:.1%}", role))
    buffer = io.BytesIO()
    side_by_side(panels).save(buffer, "PNG")
    return buffer.getvalue()


def _role(explanation: Explanation, label: str, explainer: Explainer) -> str:
    predicted = label == explainer.classes[explanation.best]
    role = "predicted" if predicted else "for comparison"
    return f"{role}; by covering parts" if explanation.method == "occlusion" else role


def _sheet_names(paths: Sequence[str], folder: Path) -> dict[int, Path]:
    """Return a file for each row, no two the same."""
    names: dict[int, Path] = {}
    taken: set[str] = set()
    for row, path in enumerate(paths):
        stem, number = Path(path).stem, 2
        name = stem
        while name.lower() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.lower())
        names[row] = folder / f"{name}.png"
    return names
