import os
from collections import Counter
from pathlib import Path

import pytest

from headstart.data.listing import HIDDEN, NOT_IMAGE, looks_like_image, sift, walk


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jpg", True), ("A.JPEG", True), ("a.tar.webp", True), ("a.txt", False)],
)
def test_images_are_told_by_extension(name: str, expected: bool) -> None:
    assert looks_like_image(name) is expected


def test_a_file_named_like_an_extension_is_no_image() -> None:
    assert not looks_like_image("cat/jpg")
    assert not looks_like_image("jpg")


def test_sift_counts_what_it_leaves_out() -> None:
    names = [
        "cat/1.jpg",
        "cat/.x.jpg",
        "__MACOSX/cat/1.jpg",
        "cat/.git/1.jpg",
        "cat/a.txt",
        "cat/Thumbs.db",
        "my_cat/2.PNG",
        "cat/noext",
    ]
    ignored: Counter[str] = Counter()
    assert sift(names, ignored) == ["cat/1.jpg", "my_cat/2.PNG"]
    assert ignored == {HIDDEN: 4, NOT_IMAGE: 2}


def test_sift_leaves_out_names_that_cannot_be_written_down() -> None:
    ignored: Counter[str] = Counter()
    assert sift(["cat/\udce4.jpg", "cat/ä.jpg"], ignored) == ["cat/ä.jpg"]
    assert sum(ignored.values()) == 1


def test_walk_sorts_by_code_point_of_the_whole_path(tmp_path: Path) -> None:
    make(tmp_path, "b/1.jpg", "a.jpg", "B/1.jpg", "a/2.jpg", "a-b/1.jpg", "ä/1.jpg", "a/10.jpg")
    names = walk(tmp_path, Counter())
    assert names == sorted(names)
    assert names[0] == "B/1.jpg"
    assert len(names) == 7


def test_walk_does_not_enter_hidden_folders(tmp_path: Path) -> None:
    make(tmp_path, ".git/a.jpg", ".ipynb_checkpoints/b.jpg", "__MACOSX/c.jpg", "cat/d.jpg")
    ignored: Counter[str] = Counter()
    assert walk(tmp_path, ignored) == ["cat/d.jpg"]
    assert ignored[HIDDEN] == 3


def test_walk_follows_links_but_not_in_circles(tmp_path: Path) -> None:
    make(tmp_path, "data/cat/1.jpg", "elsewhere/2.jpg")
    root = tmp_path / "data"
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    (root / "cat" / "loop").symlink_to(root)
    (root / "self").symlink_to(root / "self2")
    (root / "cat" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert walk(root, Counter()) == ["cat/1.jpg", "cat/gone.jpg", "dog/2.jpg", "self"]


def test_walk_ends_where_two_folders_link_to_each_other(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a")
    assert "a/1.jpg" in walk(tmp_path, Counter())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_walk_passes_over_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    ignored: Counter[str] = Counter()
    assert walk(tmp_path, ignored) == []
    assert sum(ignored.values()) == 1
