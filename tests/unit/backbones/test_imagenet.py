from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from timm.data import ImageNetInfo

from headstart.backbones.imagenet import imagenet_categories, imagenet_labels


def test_names_are_those_of_timms_own_interface() -> None:
    info = ImageNetInfo()
    categories = imagenet_categories()
    assert [category.synset for category in categories] == info.label_names()
    for index in (0, 134, 517, 959, 999):
        assert ", ".join(categories[index].words) == info.index_to_description(index)


def test_no_two_labels_are_alike() -> None:
    labels = imagenet_labels()
    assert len(labels) == len(set(labels)) == 1000
    assert {"crane (bird)", "crane (machine)", "carbonara"} < set(labels)


def test_reading_them_imports_neither_timm_nor_torch(command: Callable[..., Any]) -> None:
    script = (
        "import sys; from headstart.backbones.imagenet import imagenet_labels; imagenet_labels();"
        "print(sorted({'timm', 'torch'} & set(sys.modules)))"
    )
    assert command(script=script) == (0, "[]\n", "")
    assert "timm" in sys.modules  # this test's own import: the names above were compared with it
