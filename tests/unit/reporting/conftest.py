"""Made-up runs of any number of classes, for every test of the report."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from headstart.data.manifest import Rejected
from headstart.evaluation import Judgement, judge
from headstart.reporting import Candidate, Example, ReportContent, TestImage

JudgementMaker = Callable[..., Judgement]
ContentMaker = Callable[..., ReportContent]
ImagesMaker = Callable[[Judgement], tuple[TestImage, ...]]


def _judgement(classes: Sequence[str], *, images_per_class: int = 6, signal: float = 2.0):
    rng = np.random.default_rng(0)
    targets = np.arange(len(classes) * images_per_class) % len(classes)
    logits = rng.normal(size=(len(targets), len(classes)))
    logits[np.arange(len(targets)), targets] += signal
    odds = np.exp(logits)
    answers = odds / odds.sum(axis=1, keepdims=True)
    flat = np.sqrt(odds) / np.sqrt(odds).sum(axis=1, keepdims=True)
    return judge(answers, targets, classes=list(classes), resamples=50, uncalibrated=flat)


def _jpeg(colour: tuple[int, int, int] = (200, 120, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def _content(classes: Sequence[str] = ("cat", "dog", "owl"), **changes: object) -> ReportContent:
    judgement = _judgement(classes)
    first, second = classes[0], classes[1]
    facts: dict[str, object] = {
        "title": "pets",
        "created": "2025-01-02T03:04:05+00:00",
        "backbone": "efficientnet_lite0",
        "head": "logistic regression",
        "device": "OpenVINO, CPU, bf16",
        "test": judgement,
        "validation": judgement,
        "split_counts": {name: {"train": 8, "val": 1, "test": 6} for name in classes},
        "image_facts": {"Sizes": "8 × 6 px"},
        "notes": ("owl has few images",),
        "rejected": (Rejected("cat/broken.jpg", "it ends early"),),
        "ignored": {"hidden": 2},
        "duplicate_count": 3,
        "samples": {name: (Example(f"{name}/s.jpg", name, "", 0.0, _jpeg()),) for name in classes},
        "errors": (
            Example("cat/e1.jpg", first, second, 0.98, _jpeg()),
            Example("dog/e2.jpg", second, first, 0.71, _jpeg()),
        ),
        "selection": (
            Candidate("final", 0.1, 0.81, 0.52, chosen=False),
            Candidate("final+early", 1.0, 0.87, 0.41, chosen=True),
        ),
        "parity": {"images": 64, "largest difference": 2e-6},
        "config": {"head": {"class_weight": None}, "sizes": [0.8, 0.1, 0.1]},
        "environment": {"python": "3.11"},
        "timings_s": {"features": 7.0, "total": 12.0},
        "bundle_bytes": 18_240_000,
    }
    return ReportContent(**(facts | changes))  # type: ignore[arg-type]


def _images(test: Judgement) -> tuple[TestImage, ...]:
    """One image for each count of the confusion matrix, told apart by its colour."""
    cells = [
        (is_, said)
        for is_, counts in enumerate(test.confusion.tolist())
        for said, count in enumerate(counts)
        for _ in range(count)
    ]
    return tuple(
        TestImage(
            row=row,
            path=f"photos/{row}.jpg",
            label=is_,
            predicted=said,
            top=((said, 0.5 + row / 100), ((said + 1) % len(test.per_class), 0.01)),
            thumbnail=_jpeg((row * 7 % 256, 90, 40)),
        )
        for row, (is_, said) in enumerate(cells)
    )


@pytest.fixture
def make_images() -> ImagesMaker:
    return _images


@pytest.fixture
def make_judgement() -> JudgementMaker:
    return _judgement


@pytest.fixture
def make_content() -> ContentMaker:
    return _content


@pytest.fixture
def jpeg() -> bytes:
    return _jpeg()
