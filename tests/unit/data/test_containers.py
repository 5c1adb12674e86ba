from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from headstart.data import containers
from headstart.data.containers import (
    ArraysContainer,
    FolderContainer,
    JoinedContainer,
    PathsContainer,
)
from headstart.errors import DataError


def test_a_folder_lists_and_reads_its_files(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "2.jpg").write_bytes(b"two")
    (tmp_path / "cat" / "10.jpg").write_bytes(b"ten")
    folder = FolderContainer(tmp_path)
    assert folder.names() == ["cat/10.jpg", "cat/2.jpg"]
    assert folder.read("cat/2.jpg") == b"two"
    assert folder.location == str(tmp_path)


def test_a_folder_counts_what_it_passes_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "empty").mkdir()
    assert sum(FolderContainer(tmp_path).ignored.values()) == 2


@pytest.mark.parametrize("name", ["gone.jpg", "folder", "nul\0.jpg"])
def test_an_unreadable_file_gives_only_the_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError) as caught:
        FolderContainer(tmp_path).read(name)
    assert str(tmp_path) not in str(caught.value)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(b"12345")
    monkeypatch.setattr(containers, "MAX_FILE_BYTES", 4)
    with pytest.raises(DataError, match="5 bytes, more than the 4"):
        FolderContainer(tmp_path).read("a.jpg")


def test_paths_keep_their_names_as_given(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"b")
    given = PathsContainer([tmp_path / "b.jpg", "./a.jpg"])
    assert given.names() == sorted(["./a.jpg", str(tmp_path / "b.jpg")])
    assert given.read(str(tmp_path / "b.jpg")) == b"b"
    with pytest.raises(DataError, match="does not exist"):
        given.read("./a.jpg")


def test_arrays_are_read_as_rgb() -> None:
    colour = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    grey = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    arrays = ArraysContainer([colour, grey])
    assert arrays.names() == ["array-000000", "array-000001"]
    assert np.array_equal(arrays.read("array-000000"), colour)
    assert arrays.read("array-000001").shape == (2, 2, 3)
    assert arrays.read("array-000001")[1, 0].tolist() == [3, 3, 3]
    with pytest.raises(DataError):
        arrays.read("array-000002")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2, 3), np.float32), "float32"),
        (np.zeros((3, 2, 2), np.uint8), r"\(3, 2, 2\).*channels come last"),
        (np.zeros((2, 2, 4), np.uint8), r"\(2, 2, 4\)"),
        (np.zeros((0, 2, 3), np.uint8), r"\(0, 2, 3\)"),
        ("a path", "str"),
    ],
)
def test_an_array_of_another_kind_is_named(array: object, words: str) -> None:
    with pytest.raises(DataError, match=f"image 1 .*{words}"):
        ArraysContainer([np.zeros((2, 2), np.uint8), array])  # type: ignore[list-item]


def test_joined_containers_read_from_the_right_place(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    folder, arrays = FolderContainer(tmp_path), ArraysContainer([np.zeros((1, 1), np.uint8)])
    joined = JoinedContainer(
        {"z/a.jpg": (folder, "a.jpg"), "b": (arrays, "array-000000")}, location="both"
    )
    assert joined.names() == ["b", "z/a.jpg"]
    assert joined.read("z/a.jpg") == b"a"
    assert isinstance(joined.read("b"), np.ndarray)
    assert joined.location == "both"
    with pytest.raises(DataError, match="does not exist"):
        joined.read("c")


def test_threads_read_what_they_asked_for(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.jpg").write_bytes(str(number).encode())
    folder = FolderContainer(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda n: folder.read(f"{n}.jpg"), range(50)))
    assert contents == [str(number).encode() for number in range(50)]
