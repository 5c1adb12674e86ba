"""Activation maps beside the errors of a report, as many as a time allows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from headstart.data.decoding import load_pixels
from headstart.data.manifest import ImageData
from headstart.data.resizing import frame
from headstart.errors import HeadstartError
from headstart.explain import ClassMap, Explainer, framed, load_explainer, on_image, overlay
from headstart.reporting import EvidenceMap, Example
from headstart.reporting.thumbnails import encode_jpeg, shrunken
from headstart.workflows.report_pictures import SIZE_PX, PictureSource
from headstart.workflows.stored_answers import StoredAnswers

MAP_SECONDS: Final = 2.0
"""What maps may take where nobody said how many are wanted."""
_MOST_BYTES: Final = 5_000
_QUALITY: Final = 75


@dataclass(frozen=True)
class MapPlan:
    """How many maps to draw.

    Attributes:
        most: Errors with maps.
        seconds: After which no other is begun; ``None``: draw them all.
    """

    most: int = 24
    seconds: float | None = MAP_SECONDS


@dataclass(frozen=True)
class Mapped:
    """Errors, some with maps.

    Attributes:
        errors: All of them, in the same order.
        note: Why some have none, and what else is to be known.
    """

    errors: tuple[Example, ...]
    note: str = ""


def draw_maps(
    errors: Sequence[Example],
    answers: StoredAnswers,
    source: PictureSource,
    bundle: Path,
    plan: MapPlan,
) -> Mapped:
    """Draw what speaks for the class that was said, and for the true one, over each error.

    Args:
        errors: The most confident first.
        answers: What was said of each image.
        source: Where images are.
        bundle: What said it.
        plan: How many.
    """
    began = time.monotonic()
    if not errors or not plan.most:
        return Mapped(tuple(errors))
    try:
        explainer = load_explainer(bundle)
    except HeadstartError as failure:
        return Mapped(tuple(errors), f"No activation maps: {failure}.")
    drawn: list[Example] = []
    for error in errors[: plan.most]:
        if drawn and plan.seconds is not None and time.monotonic() - began > plan.seconds:
            break
        drawn.append(_mapped(error, answers, source, explainer))
    return Mapped((*drawn, *errors[len(drawn) :]), _note(len(drawn), len(errors), explainer))


def _note(drawn: int, wanted: int, explainer: Explainer) -> str:
    words = []
    if drawn < wanted:
        words.append(
            f"Maps are drawn for the first {drawn} to save time: "
            f"headstart report RUN --maps {wanted} draws more."
        )
    if explainer.method == "occlusion":
        words.append("They are made by covering parts of the image.")
    return " ".join(words)


def _mapped(
    error: Example, answers: StoredAnswers, source: PictureSource, explainer: Explainer
) -> Example:
    content = source.read(error.path)
    if content is None or error.row is None:
        return error
    info = explainer.bundle.info
    square = load_pixels(content, info.geometry, max_pixels=source.max_pixels)
    found = explainer.explain(square, [error.predicted, error.label])
    return replace(
        error, maps=tuple(_drawn(one, content, answers, error.row, explainer) for one in found.maps)
    )


def _drawn(
    one: ClassMap, content: ImageData, answers: StoredAnswers, row: int, explainer: Explainer
) -> EvidenceMap:
    """Return a map over the image; the probability is the one that was judged."""
    info, judged = explainer.bundle.info, answers.probabilities
    assert judged is not None
    pixels = shrunken(content, size_px=SIZE_PX, max_pixels=info.max_pixels)
    height, width = pixels.shape[:2]
    over = overlay(pixels, on_image(one.map, info.geometry, width, height))
    seen = framed(over, frame(info.geometry, width, height).of_image)
    picture = encode_jpeg(seen, quality=_QUALITY, most_bytes=_MOST_BYTES)
    share = float(judged[row, answers.classes.index(one.label)])
    return EvidenceMap(one.label, share, picture)
