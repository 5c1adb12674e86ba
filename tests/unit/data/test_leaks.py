from collections.abc import Sequence

import pytest

from headstart.data.audit import check_leaks
from headstart.data.containers import PathsContainer
from headstart.data.manifest import Manifest, Split
from headstart.errors import DataError


def manifest(splits: Sequence[Split | None], groups: Sequence[str | None] = ()) -> Manifest:
    paths = tuple(f"{row}.jpg" for row in range(len(splits)))
    given = tuple(groups) or (None,) * len(paths)
    return Manifest(PathsContainer(paths), paths, ("cat",) * len(paths), tuple(splits), given)


def test_the_same_content_in_two_splits_is_named() -> None:
    rows = manifest(["train", "train", "test", "val", "test"])
    with pytest.raises(DataError) as caught:
        check_leaks(rows, ["a", "b", "a", "a", "c"], allow_leaks=False)
    message = str(caught.value)
    assert "2 images lie in two splits" in message
    assert "0.jpg (train) = 2.jpg (test), 0.jpg (train) = 3.jpg (val)" in message
    assert "--allow-leaks" in message


def test_copies_within_a_split_or_without_one_are_no_leak() -> None:
    rows = manifest(["train", "train", None, "test"])
    assert check_leaks(rows, ["a", "a", "a", "b"], allow_leaks=False) == ()


def test_leaks_can_be_allowed_and_are_returned() -> None:
    rows = manifest(["train", "test"], ["g", "g"])
    assert check_leaks(rows, ["a", "a"], allow_leaks=True) == (("0.jpg", "1.jpg"),)


def test_a_group_across_splits_is_named() -> None:
    rows = manifest(["train", "test", None], ["patient 7"] * 3)
    with pytest.raises(DataError, match=r"1 group spans two splits: 'patient 7' \(0\.jpg \(train"):
        check_leaks(rows, ["a", "b", "c"], allow_leaks=False)


def test_a_long_list_is_cut() -> None:
    rows = manifest(["train"] * 15 + ["test"] * 15)
    with pytest.raises(DataError, match=r"15 images lie .* and 5 more"):
        check_leaks(rows, list("abcdefghijklmno") * 2, allow_leaks=False)
