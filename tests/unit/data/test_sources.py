import errno
import os
import tarfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from headstart.data.sources import open_source
from headstart.errors import DataError


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def pack(folder: Path, target: Path) -> Path:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(folder.parent))
    else:
        with tarfile.open(
            target, f"w:{target.suffix[1:]}" if target.suffix != ".tar" else "w"
        ) as tar:  # type: ignore[call-overload]
            tar.add(folder, folder.name)
    return target


LAYOUTS = {
    "classes": ("cat/1.jpg", "cat/2.jpg", "dog/1.png"),
    "splits": ("train/cat/1.jpg", "train/dog/2.jpg", "test/dog/1.png"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["zip", "tar", "gz", "xz"])
def test_an_archive_of_a_folder_reads_as_the_folder(tmp_path: Path, layout: str, kind: str) -> None:
    folder = make(tmp_path / "pets", *LAYOUTS[layout], "notes.txt")
    plain = open_source(folder, cache=tmp_path / "cache")
    packed = open_source(pack(folder, tmp_path / f"p.{kind}"), cache=tmp_path / "cache")
    assert packed.paths == tuple(f"pets/{path}" for path in plain.paths)
    assert (packed.labels, packed.splits) == (plain.labels, plain.splits)
    assert packed.ignored == plain.ignored
    assert sum(packed.ignored.values()) == 1
    for inside, outside in zip(packed.paths, plain.paths, strict=True):
        assert packed.container.read(inside) == plain.container.read(outside)


@pytest.mark.parametrize("name", ["split.csv", "metadata.csv"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_at_the_top_describes_the_folder(tmp_path: Path, name: str, packed: bool) -> None:
    folder = make(tmp_path / "pets", "a/1.jpg", "a/2.jpg", "a/3.jpg")
    (folder / name).write_text("file_name,label,split\na/2.jpg,dog,test\na/1.jpg,cat,train\n")
    source = pack(folder, tmp_path / "p.zip") if packed else folder
    rows = open_source(source, cache=tmp_path)
    prefix = "pets/" if packed else ""
    assert rows.paths == (f"{prefix}a/2.jpg", f"{prefix}a/1.jpg")
    assert rows.labels == ("dog", "cat")
    assert rows.splits == ("test", "train")
    assert rows.ignored == {f"image that {name} does not list": 1}


def test_jsonl_metadata_is_read(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "1.jpg", "label": 0}\n{"file_name": "2.jpg", "label": 1}\n'
    )
    assert open_source(tmp_path, cache=tmp_path).labels == ("0", "1")


def test_metadata_about_something_else_does_not_hide_the_folders(tmp_path: Path) -> None:
    make(tmp_path, "cat/1.jpg", "dog/1.jpg")
    (tmp_path / "metadata.csv").write_text("camera,iso\nx,100\n")
    assert open_source(tmp_path, cache=tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize("packed", [False, True])
def test_files_that_a_table_lists_in_vain_are_named(tmp_path: Path, packed: bool) -> None:
    folder = make(tmp_path / "pets", "1.jpg")
    (folder / "split.csv").write_text("path,label\n1.jpg,a\n2.jpg,b\nx/3.jpg,b\n")
    source = pack(folder, tmp_path / "p.zip") if packed else folder
    with pytest.raises(
        DataError, match=r"2 of the 3 files .*split\.csv lists .*2\.jpg, .*x/3\.jpg"
    ):
        open_source(source, cache=tmp_path)


def test_a_table_file_is_a_source_with_relative_and_absolute_paths(tmp_path: Path) -> None:
    make(tmp_path, "photos/1.jpg", "other/2.jpg", "tables/x.jpg")
    table = tmp_path / "tables" / "list.csv"
    absolute = (tmp_path / "other" / "2.jpg").as_posix()
    table.write_text(f"path,label\n../photos/1.jpg,a\n{absolute},b\n")
    rows = open_source(table, cache=tmp_path)
    assert rows.paths == ("../photos/1.jpg", absolute)
    assert [rows.container.read(path) for path in rows.paths] == [b"photos/1.jpg", b"other/2.jpg"]
    assert rows.container.location == str(table)


def test_what_is_no_image_is_ignored_and_counted(tmp_path: Path) -> None:
    make(
        tmp_path, "cat/1.jpg", "dog/1.JPEG", "cat/.DS_Store", "cat/Thumbs.db", "README.md",
        ".ipynb_checkpoints/1.jpg", "__MACOSX/cat/1.jpg", "dog/noext",
    )  # fmt: skip
    (tmp_path / "emu").mkdir()
    rows = open_source(tmp_path, cache=tmp_path)
    assert rows.paths == ("cat/1.jpg", "dog/1.JPEG")
    assert rows.ignored == {
        "hidden or system file or folder": 4,
        "not an image by its extension": 2,
        "empty folder": 1,
    }


def test_one_class_is_named_with_what_was_ignored(tmp_path: Path) -> None:
    make(tmp_path, "cat/1.jpg", "dog/1.txt")
    with pytest.raises(DataError, match=r"one class only, 'cat' \(1 images\) \(ignored: 1 x not"):
        open_source(tmp_path, cache=tmp_path)
    assert open_source(tmp_path, cache=tmp_path, min_classes=1).classes == ("cat",)


def test_an_empty_folder_says_what_is_expected(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt")
    with pytest.raises(DataError, match=r"holds no images \(ignored: 1 x not an image.*expected"):
        open_source(tmp_path, cache=tmp_path)


def test_a_path_that_does_not_exist_names_what_is_close(tmp_path: Path) -> None:
    make(tmp_path, "photos/cat/1.jpg")
    with pytest.raises(DataError, match=r"phtos does not exist: did you mean .*photos\?"):
        open_source(tmp_path / "phtos", cache=tmp_path)
    with pytest.raises(DataError, match="does not exist: give the path"):
        open_source(tmp_path / "no" / "where", cache=tmp_path)


def test_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "cat/1.jpg", "dog/1.jpg")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("dog"):  # pytest clears up by descriptors
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match=r"dog cannot be read \(Permission denied\)"):
        open_source(tmp_path, cache=tmp_path)


@pytest.mark.parametrize(("name", "words"), [("a.jpg", "is one image"), ("a.zip", "damaged")])
def test_a_file_that_is_no_source_says_so(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_source(make(tmp_path, name) / name, cache=tmp_path)


def test_many_files_are_listed_in_a_moment(tmp_path: Path) -> None:
    for label in "abcdefghij":
        (tmp_path / label).mkdir()
        for number in range(600):
            (tmp_path / label / f"{number}.jpg").touch()
    start = time.process_time()
    rows = open_source(tmp_path, cache=tmp_path)
    assert time.process_time() - start < 1.5  # 60,000 are to take no more; these are a tenth
    assert Counter(rows.labels) == dict.fromkeys("abcdefghij", 600)
    assert list(rows.paths) == sorted(rows.paths)
