"""What the attacks of benchmarks/attacks.py found, one by one."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from headstart.data import listing, tables
from headstart.data.archives import TarContainer, ZipContainer, open_archive
from headstart.data.containers import read_file
from headstart.data.inputs import open_images
from headstart.data.sources import open_source
from headstart.errors import DataError

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


def packed(path: Path, method: int, content: bytes, *, promised: int | None = None) -> Path:
    """Write a zip of one file, whose directory promises another size than it has."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("cat/1.jpg", content)
    if promised is not None:
        raw = bytearray(path.read_bytes())
        place = raw.rfind(b"PK\x01\x02") + 24
        raw[place : place + 4] = promised.to_bytes(4, "little")
        path.write_bytes(raw)
    return path


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_zip_is_read_whole(tmp_path: Path, method: int) -> None:
    content = os.urandom(30_000) + bytes(30_000)
    container = ZipContainer(packed(tmp_path / "a.zip", method, content))
    assert container.read("cat/1.jpg") == content


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("promised", [100, 4_000_000])
def test_an_entry_that_lies_about_its_size_is_refused_and_not_unpacked(
    tmp_path: Path, method: int, promised: int
) -> None:
    container = ZipContainer(
        packed(tmp_path / "a.zip", method, bytes(2_000_000), promised=promised)
    )
    with pytest.raises(DataError, match="cannot be read"):
        container.read("cat/1.jpg")


def tar_with(path: Path, *, size: bytes, kind: bytes = b"0", headers: int = 1) -> Path:
    header = bytearray(tarfile.TarInfo("cat/1.jpg").tobuf())
    header[124:136], header[156:157], header[148:156] = size, kind, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes((bytes(header) + bytes(512)) * headers + bytes(2048))
    return path


def test_a_size_below_zero_is_not_read_for_ever(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="damaged"):
        TarContainer(tar_with(tmp_path / "a.tar", size=b"\xff" * 10 + b"\xfc\x00"))


@pytest.mark.parametrize("kind", [b"x", b"L"])
def test_headers_without_bound_are_damage(tmp_path: Path, kind: bytes) -> None:
    vast = tar_with(tmp_path / "a.tar", size=b"\x80\0\0\0" + b"\x7f" * 8, kind=kind)
    row = tar_with(tmp_path / "b.tar", size=b"%011o\0" % 20, kind=kind, headers=3000)
    for path in (vast, row):
        with pytest.raises(DataError, match="damaged"):
            TarContainer(path)
        assert open_archive(path, cache=tmp_path) is None


@needs_pipes
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.jpg")
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(DataError, match="no plain file"):
        read_file(str(tmp_path / "1.jpg"))
    for name in ("1.jpg", "t.csv"):
        with pytest.raises(DataError, match="neither a file nor a folder"):
            open_source(tmp_path / name, cache=tmp_path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_a_link_to_what_has_no_end_is_a_row_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").symlink_to("/dev/zero")
    rows = open_images([tmp_path / "photos"], cache=tmp_path)
    with pytest.raises(DataError, match="no plain file"):
        rows.container.read(rows.paths[0])


def test_links_that_lead_to_themselves_do_not_stop_the_listing(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").write_bytes(b"1")
    (tmp_path / "cat" / "2.jpg").symlink_to("2.jpg")
    (tmp_path / "cat" / "a").symlink_to("b")
    (tmp_path / "cat" / "b").symlink_to("a")
    rows = open_images([tmp_path], cache=tmp_path)
    assert [Path(path).name for path in rows.paths] == ["1.jpg", "2.jpg"]


def test_folders_all_linked_to_each_other_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LINKED", 100)
    for one in range(6):
        (tmp_path / f"{one}").mkdir()
        for other in range(6):
            (tmp_path / f"{one}" / f"to-{other}").symlink_to(f"../{other}")
    with pytest.raises(DataError, match=r"links behind links below .* more than 100 folders"):
        open_images([tmp_path], cache=tmp_path)


@pytest.mark.parametrize("name", ["../secret.jpg", "a/../../secret.jpg", "ABSOLUTE"])
def test_a_table_found_in_a_folder_does_not_lead_out_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"1")
    path = name.replace("ABSOLUTE", (tmp_path / "secret.jpg").as_posix())
    table = tmp_path / "photos" / "split.csv"
    table.write_text(f"path,label\n1.jpg,a\n{path},b\n")
    with pytest.raises(DataError, match=r"outside of the folder .* point at the table itself"):
        open_source(tmp_path / "photos", cache=tmp_path)
    meant = open_source(table, cache=tmp_path)
    assert meant.container.read(meant.paths[1]) == b"secret"


def test_a_table_in_a_folder_may_name_its_files_whole(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "split.csv").write_text(
        f"path,label\n1.jpg,a\n{(tmp_path / '2.jpg').as_posix()},b\n"
    )
    assert len(open_source(tmp_path, cache=tmp_path)) == 2


def test_a_table_without_end_is_not_read_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import polars as pl

    monkeypatch.setattr(tables, "MOST_ROWS", 1000)
    pl.DataFrame({"path": ["a.jpg"] * 1001}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="more than the 1,000 rows"):
        open_images([tmp_path / "t.parquet"], cache=tmp_path)


def test_broken_parquet_is_a_data_error(tmp_path: Path) -> None:
    for content in (b"PAR1PAR1", b"PAR1" + bytes(200) + b"\xff\xff\xff\x7fPAR1"):
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            open_images([tmp_path / "t.parquet"], cache=tmp_path)


def test_a_table_may_name_its_files_by_a_link_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "photos").symlink_to("disk")
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "disk" / name).write_bytes(name.encode())
    rows = "".join(f"{(tmp_path / 'photos' / n).as_posix()},{n}\n" for n in ("1.jpg", "2.jpg"))
    (tmp_path / "disk" / "split.csv").write_text(f"path,label\n{rows}")
    found = open_source(tmp_path / "disk", cache=tmp_path)
    assert found.container.read(found.paths[0]) == b"1.jpg"
