import zipfile
from pathlib import Path

import pytest

from headstart.data.sources import open_images
from headstart.errors import DataError


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_explicit_files_are_taken_whatever_they_are(tmp_path: Path) -> None:
    make(tmp_path, "b.jpg", "a.weird", "noext")
    given = [tmp_path / "b.jpg", str(tmp_path / "a.weird"), tmp_path / "noext", "gone.txt", "gone"]
    rows = open_images(given, cache=tmp_path)
    assert rows.paths == tuple(str(path) for path in given)
    assert rows.labels == rows.splits == rows.groups == (None,) * 5
    assert rows.container.read(rows.paths[1]) == b"a.weird"
    with pytest.raises(DataError, match="does not exist"):
        rows.container.read("gone")


def test_a_folder_gives_all_images_below_it_sorted(tmp_path: Path) -> None:
    make(tmp_path / "new", "b/2.jpg", "a.png", ".hidden.jpg", "split.csv", "x.txt")
    rows = open_images([tmp_path / "new"], cache=tmp_path)
    assert rows.paths == (str(tmp_path / "new/a.png"), str(tmp_path / "new/b/2.jpg"))
    assert sum(rows.ignored.values()) == 3


def test_inputs_of_every_kind_mix_in_the_order_given(tmp_path: Path) -> None:
    make(tmp_path, "z.jpg", "folder/1.jpg", "t/7.jpg")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/2.jpg", b"two")
        archive.writestr("in/readme.txt", b"-")
    (tmp_path / "t" / "list.csv").write_text("file_name,other\n7.jpg,x\n8.jpg,y\n")
    inputs = [tmp_path / name for name in ("z.jpg", "a.zip", "t/list.csv", "folder")]
    rows = open_images(inputs, cache=tmp_path)
    assert [Path(path).relative_to(tmp_path).as_posix() for path in rows.paths] == [
        "z.jpg", "a.zip/in/2.jpg", "t/7.jpg", "t/8.jpg", "folder/1.jpg",
    ]  # fmt: skip
    assert rows.container.read(rows.paths[0]) == b"z.jpg"
    assert rows.container.read(rows.paths[1]) == b"two"
    assert rows.container.read(rows.paths[2]) == b"t/7.jpg"
    with pytest.raises(DataError, match="does not exist"):
        rows.container.read(rows.paths[3])


def test_the_same_file_twice_is_two_rows(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    assert len(open_images([tmp_path / "a.jpg"] * 2, cache=tmp_path)) == 2


def test_no_images_at_all_is_an_error(tmp_path: Path) -> None:
    make(tmp_path / "docs", "a.txt")
    with pytest.raises(DataError, match=r"no images in .*docs \(ignored: 1 x not an image"):
        open_images([tmp_path / "docs"], cache=tmp_path)
    with pytest.raises(DataError, match="no images in an empty list"):
        open_images([], cache=tmp_path)


def test_a_table_without_paths_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,label\na,b\n")
    with pytest.raises(DataError, match="no column image_path"):
        open_images([tmp_path / "t.csv"], cache=tmp_path)
