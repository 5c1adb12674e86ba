from __future__ import annotations

import numpy as np
import pytest

from headstart.backbones.imagenet import imagenet_labels
from headstart.selection.memory import compare_names, memory_warning, own_categories

LABELS = imagenet_labels()
TENCH, ANT, BEE, VELVET = (LABELS.index(label) for label in ("tench", "ant", "bee", "velvet"))


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("ants", ["ant"]),
        ("Bee", ["bee"]),
        ("n01440764", ["tench"]),
        ("n01440764_18", ["tench"]),
        ("Tinca_tinca", ["tench"]),
        ("traffic-lights_003", ["traffic light"]),
        ("crane", ["crane (bird)", "crane (machine)"]),
        ("glass", []),
        ("n99999999", []),
        ("", []),
    ],
)
def test_what_a_name_means(name: str, labels: list[str]) -> None:
    assert sorted(LABELS[index] for index in own_categories(name)) == labels


def test_class_names_are_held_against_first_answers() -> None:
    paths = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "t/1.jpg"]
    found = compare_names(
        np.array([ANT, BEE, BEE, TENCH]), paths, ["ants", "ants", "bees", "trash"]
    )
    assert found is not None
    assert (found.source, found.named, found.images, found.synsets) == ("class names", 3, 4, False)
    assert found.top1.value == pytest.approx(2 / 3)
    assert found.matched == {"ants": ("ant",), "bees": ("bee",)}


def test_identifiers_in_file_names_count_before_class_names() -> None:
    paths = ["fish/n01440764_1.JPEG", "fish/n01440764_2.JPEG"]
    found = compare_names(np.array([TENCH, ANT]), paths, ["ant", "ant"])
    assert found is not None
    assert (found.source, found.synsets, found.top1.value) == ("file names", True, 0.5)


def test_files_without_labels_are_compared_by_their_names() -> None:
    found = compare_names(np.array([TENCH]), ["tench_01.jpg"], [None])
    assert found is not None
    assert (found.source, found.top1.value) == ("file names", 1.0)


def test_files_called_like_a_category_do_not_speak_for_other_classes() -> None:
    assert compare_names(np.array([TENCH]), ["fried/tench.jpg"], ["fried noodles"]) is None


def warning(first: list[int], labels: list[str], top1: float = 74.85) -> str:
    paths = [f"{label}/{number}.jpg" for number, label in enumerate(labels)]
    return memory_warning(compare_names(np.array(first), paths, labels), published_top1=top1)


def test_what_is_known_as_well_as_imagenet_may_be_imagenet() -> None:
    assert "memory in part" in warning([ANT, ANT, BEE, BEE], ["ants", "ants", "bees", "bees"])


def test_what_is_known_worse_is_not_suspected() -> None:
    assert warning([ANT, VELVET, BEE, VELVET], ["ants", "ants", "bees", "bees"]) == ""


def test_one_known_class_among_many_is_not_suspected() -> None:
    assert warning([ANT, VELVET, VELVET], ["ants", "glass", "paper"]) == ""


def test_identifiers_as_class_names_are_enough() -> None:
    assert "identifiers" in warning([VELVET, VELVET], ["n01440764", "n01440764"])


def test_a_network_without_a_published_figure_gives_no_alarm() -> None:
    assert warning([ANT, ANT], ["ants", "ants"], top1=0.0) == ""
    assert memory_warning(None, published_top1=74.85) == ""
