import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headstart.data.containers import PathsContainer
from headstart.data.manifest import Manifest, Split
from headstart.data.sources import open_source
from headstart.data.splits import SplitResult, make_splits, write_split_csv
from headstart.errors import ConfigError, DataError


def manifest(
    labels: Sequence[str],
    splits: Sequence[Split | None] | None = None,
    groups: Sequence[str | None] | None = None,
) -> Manifest:
    paths = tuple(f"{label}/{row}.jpg" for row, label in enumerate(labels))
    none = (None,) * len(paths)
    given, of = tuple(splits or none), tuple(groups or none)
    return Manifest(PathsContainer(paths), paths, tuple(labels), given, of)


def digests(count: int, seed: int = 0) -> list[str]:
    source = random.Random(seed)
    return [f"{source.getrandbits(128):032x}" for _ in range(count)]


def make(
    rows: Manifest, contents: Sequence[str] | None = None, val: float = 0.1, test: float = 0.1,
    seed: int = 0,
) -> SplitResult:  # fmt: skip
    return make_splits(rows, contents or digests(len(rows)), val=val, test=test, seed=seed)


def test_without_splits_all_three_are_made_by_class() -> None:
    labels = ["cat"] * 200 + ["dog"] * 100
    result = make(manifest(labels))
    counts = Counter(zip(labels, result.splits, strict=True))
    assert [counts["cat", s] for s in ("train", "val", "test")] == [160, 20, 20]
    assert [counts["dog", s] for s in ("train", "val", "test")] == [80, 10, 10]
    assert result.notes == (
        "splits made by class with seed 0: 240 train, 30 val, 30 test (wished 0.8 / 0.1 / 0.1)",
    )


def test_given_splits_are_kept() -> None:
    splits: list[Split] = ["train", "val", "test", "train", "val", "test"]
    result = make(manifest(["cat"] * 3 + ["dog"] * 3, splits))
    assert list(result.splits) == splits


@pytest.mark.parametrize(("has", "made"), [("test", "val"), ("val", "test")])
def test_the_missing_split_is_carved_from_train(has: Split, made: str) -> None:
    labels = ["cat", "dog"] * 100
    splits: list[Split] = ["train"] * 180 + [has] * 20
    result = make(manifest(labels, splits))
    assert Counter(result.splits) == {"train": 160, has: 20, made: 20}
    assert list(result.splits[180:]) == [has] * 20
    assert any(f"{made} split, from the training images" in note for note in result.notes)


def test_both_are_carved_where_only_train_is_given() -> None:
    result = make(manifest(["cat", "dog"] * 50, ["train"] * 100))
    assert Counter(result.splits) == {"train": 80, "val": 10, "test": 10}


def test_rows_left_blank_are_taken_for_train_and_said() -> None:
    splits: list[Split | None] = ["train", "val", "test", None] * 2
    result = make(manifest(["cat"] * 4 + ["dog"] * 4, splits))
    assert result.splits[3] == result.splits[7] == "train"
    assert any("2 images have no split" in note for note in result.notes)


def test_a_blank_row_follows_its_copy() -> None:
    splits: list[Split | None] = ["train", "val", "test", None, "train"]
    result = make(manifest(["cat"] * 5, splits), ["a", "b", "c", "c", "d"])
    assert result.splits[3] == "test"


def test_a_training_image_with_a_copy_in_test_is_not_carved_into_val() -> None:
    splits: list[Split] = ["train"] * 10 + ["test"]
    contents = digests(10)
    for seed in range(20):
        result = make(manifest(["cat"] * 11, splits), [*contents, contents[0]], seed=seed)
        assert result.splits[0] == "train"


def test_a_size_of_nothing_makes_no_split() -> None:
    assert Counter(make(manifest(["cat", "dog"] * 20), val=0).splits) == {"train": 36, "test": 4}
    assert Counter(make(manifest(["cat", "dog"]), val=0, test=0).splits) == {"train": 2}


@pytest.mark.parametrize(("val", "test"), [(-0.1, 0.1), (0.5, 0.5), (0.1, 1.0)])
def test_impossible_sizes_are_refused(val: float, test: float) -> None:
    with pytest.raises(ConfigError, match="leave nothing to train on"):
        make(manifest(["cat", "dog"] * 9), val=val, test=test)


def test_a_class_of_two_is_trained_and_tested_on() -> None:
    result = make(manifest(["cat"] * 20 + ["dog"] * 2))
    assert set(result.splits[20:]) == {"train", "test"}
    assert any("cat (2), dog (1)" in note for note in result.notes)
    assert any("no validation images" in note and "dog" in note for note in result.notes)


def test_every_class_that_cannot_be_split_is_named() -> None:
    labels = ["cat"] * 9 + ["dog"] + ["emu"] * 2 + ["fox"] * 3
    groups = [None] * 12 + ["den"] * 3
    contents = [*digests(10), "e", "e", "f", "g", "h"]
    with pytest.raises(DataError) as caught:
        make(manifest(labels, groups=groups), contents)
    assert "dog (1 image)" in str(caught.value)
    assert "emu (2 images that belong together)" in str(caught.value)
    assert "fox (3 images that belong together)" in str(caught.value)
    assert "cat" not in str(caught.value)


def test_a_class_that_was_given_no_training_images_is_named() -> None:
    splits: list[Split] = ["train", "val", "test", "test"]
    with pytest.raises(DataError, match="no training images of dog"):
        make(manifest(["cat"] * 3 + ["dog"], splits))


drawn = st.lists(
    st.tuples(st.sampled_from("xyz"), st.integers(0, 25), st.sampled_from([None, *range(8)])),
    min_size=1,
    max_size=60,
)


@given(drawn, st.integers(0, 5), st.randoms())
def test_what_belongs_together_stays_and_the_order_does_not_matter(
    rows: list[tuple[str, int, int | None]], seed: int, shuffler: random.Random
) -> None:
    labels = [label for label, _, _ in rows]
    contents = [f"{label}{number:02d}" for label, number, _ in rows]
    groups = [None if group is None else f"{label}{group}" for label, _, group in rows]
    try:
        result = make(manifest(labels, groups=groups), contents, seed=seed)
    except DataError:
        assume(False)
    places = defaultdict(set)
    for content, group, split in zip(contents, groups, result.splits, strict=True):
        places["content", content].add(split)
        places["group", group].add(split)
    places.pop(("group", None), None)
    assert all(len(found) == 1 for found in places.values())

    order = list(range(len(rows)))
    shuffler.shuffle(order)
    moved = manifest([labels[i] for i in order], groups=[groups[i] for i in order])
    again = make(moved, [contents[i] for i in order], seed=seed)
    assert list(again.splits) == [result.splits[i] for i in order]


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(3, 80), min_size=1), st.integers(0, 9))
def test_every_class_of_three_or_more_is_in_every_split(sizes: dict[str, int], seed: int) -> None:
    labels = [label for label, size in sizes.items() for _ in range(size)]
    result = make(manifest(labels), seed=seed)
    for label in sizes:
        found = {s for s, name in zip(result.splits, labels, strict=True) if name == label}
        assert found == {"train", "val", "test"}


def test_the_seed_decides() -> None:
    rows = manifest(["cat", "dog"] * 50)
    assert make(rows, seed=1).splits == make(rows, seed=1).splits
    assert make(rows, seed=1).splits != make(rows, seed=2).splits


@pytest.mark.parametrize("groups", [None, ["left", None, 'ri"ght', None]])
def test_a_split_csv_is_read_back_as_the_source(
    tmp_path: Path, groups: list[str | None] | None
) -> None:
    rows = manifest(["c,at", "c,at", "dog", "dog"], ["train", "test", "val", None], groups)
    for path in rows.paths:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    write_split_csv(tmp_path / "split.csv", rows)
    again = open_source(tmp_path, cache=tmp_path)
    assert (again.paths, again.labels, again.splits) == (rows.paths, rows.labels, rows.splits)
    assert again.groups == rows.groups
    header = (tmp_path / "split.csv").read_text().splitlines()[0]
    assert header == "image_path,label,split" + (",group" if groups else "")
