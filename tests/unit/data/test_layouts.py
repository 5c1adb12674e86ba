from collections import Counter
from collections.abc import Sequence

import pytest

from headstart.data.containers import PathsContainer
from headstart.data.layouts import layout_manifest, wrapper
from headstart.data.manifest import Manifest
from headstart.errors import DataError


def laid_out(names: Sequence[str], prefix: str = "") -> Manifest:
    return layout_manifest(
        PathsContainer(["photos"]), sorted(names), prefix=prefix, ignored=Counter()
    )


def test_class_folders_may_hold_deeper_ones() -> None:
    rows = laid_out(["dog/x/y/2.jpg", "cat/1.jpg"])
    assert rows.paths == ("cat/1.jpg", "dog/x/y/2.jpg")
    assert rows.labels == ("cat", "dog")
    assert rows.splits == (None, None)


@pytest.mark.parametrize("val", ["val", "valid", "validation", "VAL"])
def test_split_folders_hold_class_folders(val: str) -> None:
    rows = laid_out(["Train/cat/1.jpg", "Train/dog/1.jpg", f"{val}/cat/2.jpg", "test/emu/3.jpg"])
    assert dict(zip(rows.labels, rows.splits, strict=True))["emu"] == "test"
    assert Counter(rows.splits) == {"train": 2, "val": 1, "test": 1}
    assert rows.classes == ("cat", "dog", "emu")


def test_train_alone_is_a_split() -> None:
    assert laid_out(["train/cat/1.jpg", "train/dog/1.jpg"]).splits == ("train", "train")


def test_images_of_no_class_and_folders_of_no_split_are_counted() -> None:
    rows = laid_out(["train/cat/1.jpg", "train/x.jpg", "test/1.jpg", "more/cat/2.jpg", "y.jpg"])
    assert rows.paths == ("train/cat/1.jpg",)
    assert sorted(rows.ignored.values()) == [2, 2]


def test_an_image_beside_the_class_folders_is_counted() -> None:
    rows = laid_out(["cat/1.jpg", "dog/1.jpg", "overview.jpg"])
    assert len(rows) == 2
    assert list(rows.ignored.values()) == [1]


@pytest.mark.parametrize(
    "names",
    [
        ["train/1.jpg", "bus/1.jpg"],
        ["valid/1.jpg", "invalid/1.jpg"],
        ["train/1.jpg", "bus/city/1.jpg"],
    ],
)
def test_a_train_can_be_a_vehicle(names: list[str]) -> None:
    assert len(laid_out(names).classes) == 2


@pytest.mark.parametrize(
    "names",
    [
        ["cat/1.jpg", "dog/1.jpg", "test/1.jpg"],
        ["cat/1.jpg", "dog/1.jpg", "Test/cat/1.jpg"],
        ["cat/1.jpg", "dog/1.jpg", "val/cat/1.jpg"],
        ["cat/1.jpg", "dog/1.jpg", "validation/1.jpg"],
        ["train/1.jpg", "test/1.jpg"],
        ["val/cat/1.jpg", "test/cat/1.jpg"],
    ],
)
def test_a_split_is_never_a_class(names: list[str]) -> None:
    with pytest.raises(DataError, match="cannot be a class: expected FOLDER/<class>"):
        laid_out(names)


def test_classes_that_hold_splits_are_refused() -> None:
    with pytest.raises(DataError, match="test images would be trained on"):
        laid_out(["cat/train/1.jpg", "cat/test/2.jpg", "dog/train/1.jpg"])


def test_images_without_folders_are_told_the_layout() -> None:
    with pytest.raises(DataError, match="photos holds 2 images and no class folders: expected"):
        laid_out(["1.jpg", "2.jpg"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["pets/cat/1.jpg", "pets/dog/1.jpg"], "pets/"),
        (["pets/cat/1.jpg", "pets/overview.jpg", "pets/dog/1.jpg"], "pets/"),
        (["cat/1.jpg", "cat/2.jpg", "cat/old/3.jpg"], None),
        (["cat/1.jpg", "dog/2.jpg"], None),
        (["train/cat/1.jpg", "train/dog/2.jpg"], None),
        (["1.jpg"], None),
        ([], None),
    ],
)
def test_one_folder_around_everything_is_a_wrapper(names: list[str], expected: str | None) -> None:
    assert wrapper(names, "") == expected


def test_a_layout_is_found_below_its_wrapper() -> None:
    names = ["pets/train/cat/1.jpg", "pets/test/dog/1.jpg"]
    assert laid_out(names, "pets/").labels == ("dog", "cat")
