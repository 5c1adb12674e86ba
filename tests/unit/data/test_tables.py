import io
from collections.abc import Sequence

import polars as pl
import pytest

from headstart.data.containers import PathsContainer
from headstart.data.manifest import Manifest
from headstart.data.tables import labelled_manifest, load_table, table_paths
from headstart.errors import DataError


def opened(text: str | bytes, name: str = "t.csv", missing: Sequence[str] = ()) -> Manifest:
    content = text.encode() if isinstance(text, str) else text
    table = load_table(content, name=name)
    return labelled_manifest(table, PathsContainer([]), missing=lambda _: list(missing))


def parquet(**columns: Sequence[object]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def test_every_column_is_read() -> None:
    rows = opened("image_path,label,split,group\nb.jpg,cat,train,1\n./a.jpg,dog,,\n")
    assert rows.paths == ("b.jpg", "a.jpg")
    assert rows.labels == ("cat", "dog")
    assert rows.splits == ("train", None)
    assert rows.groups == ("1", None)


@pytest.mark.parametrize("path", ["image_path", "path", "image", "file_name", "filepath", "Path "])
@pytest.mark.parametrize("label", ["label", "class", "category", "Label"])
def test_columns_may_have_their_usual_names(path: str, label: str) -> None:
    assert opened(f"n,{label},{path}\n1,cat,a.jpg\n").labels == ("cat",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"path,label\na.jpg,7\n"),
        ("t.csv", b"\xef\xbb\xbfpath;label\r\na.jpg;7\r\n"),
        ("t.tsv", b"path\tlabel\na.jpg\t7\n"),
        ("t.jsonl", b'{"path": "a.jpg", "label": 7}\n'),
        ("T.PARQUET", parquet(path=["a.jpg"], label=[7])),
    ],
)
def test_every_format_reads_alike_and_labels_become_text(name: str, content: bytes) -> None:
    rows = opened(content, name)
    assert (rows.paths, rows.labels) == (("a.jpg",), ("7",))


def test_labels_that_look_like_missing_values_are_labels() -> None:
    assert opened("path,label\na,NA\nb,null\nc,01\n").labels == ("NA", "null", "01")


def test_split_words_are_read_in_any_case() -> None:
    text = "path,label,split\n" + "".join(
        f"{word}.jpg,cat,{word}\n" for word in ("Train", "val", "VALID", "validation", "test")
    )
    assert opened(text).splits == ("train", "val", "val", "val", "test")


def test_unknown_split_words_are_all_listed() -> None:
    with pytest.raises(DataError, match=r"'dev' \(2 x\), 'eval' \(1 x\): expected train, val"):
        opened("path,label,split\na,x,dev\nb,x,eval\nc,x,dev\n", "t.csv")


def test_blank_labels_are_named_by_row() -> None:
    with pytest.raises(DataError, match=r"2 rows without a label \(row 2, 4;"):
        opened("path,label\na,x\nb,\nc,x\nd, \n")


def test_blank_paths_are_named_by_row() -> None:
    with pytest.raises(DataError, match="1 row without a path"):
        opened("path,label\n,x\n")


def test_missing_files_are_counted_and_listed() -> None:
    gone = [f"{n}.jpg" for n in range(12)]
    with pytest.raises(DataError, match=r"12 of the 1 file .*0\.jpg, .*9\.jpg and 2 more"):
        opened("path,label\na,x\n", missing=gone)


def test_a_missing_column_says_what_was_found_and_what_is_close() -> None:
    with pytest.raises(DataError, match=r"no column label .* it has path, labl; did you mean labl"):
        opened("path,labl\na,x\n")
    with pytest.raises(DataError, match="no column image_path"):
        opened("x,label\na,x\n")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "t.csv"),
        (b"path,label\n", "t.csv"),
        (b"path,label\n\xff\xfe\xfa,x\n", "t.csv"),
        (b"{broken", "t.jsonl"),
        (b"PAR1 is not enough", "t.parquet"),
        (b"path,label\na,x,y,z\n", "t.csv"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(content: bytes, name: str) -> None:
    with pytest.raises(DataError, match=name):
        opened(content, name)


def test_pictures_inside_the_table_are_not_paths() -> None:
    with pytest.raises(DataError, match=r"'image' of t\.parquet holds Binary"):
        opened(parquet(image=[b"x"], label=[1]), "t.parquet")


def test_paths_lie_below_the_prefix_unless_absolute() -> None:
    table = load_table(b"path\ncat/a.jpg\n/b.jpg\n", name="t.csv")
    assert table_paths(table, prefix="pets/") == ["pets/cat/a.jpg", "/b.jpg"]
