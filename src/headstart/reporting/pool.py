"""The test images of a report: each stored once, in a block that the page's script reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection

import numpy as np
from markupsafe import Markup

from headstart.evaluation import Judgement
from headstart.reporting.content import ReportContent, TestImage

_DANGEROUS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
"""What could end the block, or begin a comment, inside a page."""


def image_block(content: ReportContent) -> Markup:
    """Return the JSON of all images in the galleries; nothing where there are none.

    Pictures that the page shows anyhow are not repeated: the script takes them from there.
    Texts are only ever shown as text.
    """
    if not content.images:
        return Markup("")
    drawn = {example.row for example in content.errors if example.row is not None}
    found = {
        "classes": [score.name for score in content.test.per_class],
        "counts": class_counts(content.test),
        "images": [_entry(image, drawn) for image in content.images],
    }
    text = json.dumps(found, separators=(",", ":"))
    for character, escaped in _DANGEROUS.items():
        text = text.replace(character, escaped)
    return Markup(text)


def class_counts(test: Judgement) -> list[list[int]]:
    """Return true positives, false negatives and false positives of each class."""
    hits = np.diagonal(test.confusion)
    missed = test.confusion.sum(axis=1) - hits
    wrong = test.confusion.sum(axis=0) - hits
    return [list(row) for row in zip(hits.tolist(), missed.tolist(), wrong.tolist(), strict=True)]


def _entry(image: TestImage, drawn: Collection[int]) -> list[object]:
    picture = "" if image.row in drawn else base64.b64encode(image.thumbnail).decode()
    top = [number for label, share in image.top for number in (label, round(1000 * share))]
    return [image.row, image.path, image.label, image.predicted, top, picture]
