from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.workflows.class_choice import judged_without, named_classes

CLASSES = ("bolts, nuts", "glass", "paper", "trash")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ()),
        (["trash,paper"], ("paper", "trash")),
        (["trash", " paper , trash,"], ("paper", "trash")),
        (["bolts, nuts"], ("bolts, nuts",)),
    ],
)
def test_names_come_in_class_order(given: list[str], expected: tuple[str, ...]) -> None:
    assert named_classes(given, CLASSES) == expected


def test_a_misspelt_class() -> None:
    with pytest.raises(UnknownNameError, match="unknown class 'tarsh': did you mean trash"):
        named_classes(["tarsh"], CLASSES)


def test_two_classes_must_be_left() -> None:
    with pytest.raises(ConfigError, match="there would be 1 of 4 classes left"):
        named_classes(["glass,paper,trash"], CLASSES)


def test_images_must_be_left() -> None:
    answers, targets = np.full((2, 4), 0.25), np.array([3, 3])
    with pytest.raises(DataError, match="no image is of the classes that would be left"):
        judged_without(answers, targets, classes=CLASSES, without=["trash"], resamples=10)
    assert judged_without(answers, targets, classes=CLASSES, without=(), resamples=10) is None
