import gc
import io
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headstart.data.archives import TarContainer, ZipContainer, open_archive
from headstart.errors import DataError

FILES = {"cat/2.jpg": b"two" * 500, "cat/10.jpg": b"ten" * 700, "dog/ü.jpg": b"\xff" * 1000}


def make_zip(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("cat")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes] = FILES, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


MAKERS: dict[str, Callable[[Path], Path]] = {
    "zip": make_zip,
    "tar": make_tar,
    "tar.gz": lambda path: make_tar(path, mode="w:gz"),
    "tar.bz2": lambda path: make_tar(path, mode="w:bz2"),
    "tar.xz": lambda path: make_tar(path, mode="w:xz"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_kind_reads_alike_whatever_its_name(tmp_path: Path, kind: str) -> None:
    path = MAKERS[kind](tmp_path / "archive.bin")
    archive = open_archive(path, cache=tmp_path / "cache")
    assert archive is not None
    assert archive.names() == sorted(FILES)
    assert {name: archive.read(name) for name in FILES} == FILES
    assert archive.location == str(path)
    with pytest.raises(DataError, match="not in the archive"):
        archive.read("cat/3.jpg")


@pytest.mark.parametrize("kind", MAKERS)
def test_threads_share_an_archive(tmp_path: Path, kind: str) -> None:
    archive = open_archive(MAKERS[kind](tmp_path / "a"), cache=tmp_path / "cache")
    assert archive is not None
    names = list(FILES) * 50
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(archive.read, names)) == [FILES[name] for name in names]


@pytest.mark.parametrize("kind", MAKERS)
def test_a_truncated_archive_is_named(tmp_path: Path, kind: str) -> None:
    files = {f"cat/{n}.jpg": bytes(range(256)) * 20 for n in range(20)}
    path = tmp_path / f"photos.{kind}"
    make_zip(path, files) if kind == "zip" else make_tar(path, files, f"w:{kind[4:]}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    if kind == "zip":
        assert open_archive(path, cache=tmp_path) is None  # its index is at its end
        with pytest.raises(DataError, match=r"photos\.zip is damaged"):
            ZipContainer(path)
    else:
        with pytest.raises(DataError, match=f"photos.{kind} is damaged or incomplete"):
            open_archive(path, cache=tmp_path)


def test_a_tar_cut_between_two_entries_is_noticed(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {"cat/1.jpg": b"x" * 512, "cat/2.jpg": b"x" * 512})
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(DataError, match="no end mark"):
        open_archive(path, cache=tmp_path)


def test_a_tar_damaged_in_the_middle_is_noticed(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {"cat/1.jpg": b"x" * 512, "cat/2.jpg": b"x" * 512})
    content = bytearray(path.read_bytes())
    content[1024:1100] = b"\xee" * 76
    path.write_bytes(content)
    with pytest.raises(DataError, match="no valid entry"):
        open_archive(path, cache=tmp_path)


def test_a_damaged_entry_costs_that_entry_only(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"cat/1.jpg": bytes(range(200)), "cat/2.jpg": b"fine" * 9})
    content = bytearray(path.read_bytes())
    place = content.index(b"cat/1.jpg") + 9
    content[place : place + 50] = b"\xee" * 50
    path.write_bytes(content)
    archive = ZipContainer(path)
    assert archive.read("cat/2.jpg") == b"fine" * 9
    with pytest.raises(DataError, match="cannot be read"):
        archive.read("cat/1.jpg")


def test_tar_entries_that_are_no_plain_files_or_lead_outside_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(special("cat", tarfile.DIRTYPE))
        archive.addfile(special("cat/link.jpg", tarfile.SYMTYPE, "/etc/passwd"))
        archive.addfile(special("cat/hard.jpg", tarfile.LNKTYPE, "cat/1.jpg"))
        archive.addfile(special("cat/device.jpg", tarfile.CHRTYPE))
        for name in ("/etc/1.jpg", "../2.jpg", "cat/../../3.jpg", "C:/4.jpg", "./cat//5.jpg"):
            archive.addfile(tarfile.TarInfo(name))
    opened = TarContainer(path)
    assert opened.names() == ["cat/5.jpg"]
    assert sorted(opened.ignored.values()) == [3, 4]


def test_zip_entries_that_are_links_or_lead_outside_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("cat/link.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        for name in ("../1.jpg", "/2.jpg", "cat\\3.jpg"):
            archive.writestr(name, b"x")
    opened = ZipContainer(path)
    assert opened.names() == ["cat/3.jpg"]
    assert opened.read("cat/3.jpg") == b"x"
    assert sorted(opened.ignored.values()) == [1, 2]


def test_an_encrypted_entry_is_a_bad_file(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"cat/1.jpg": b"secret"})
    content = bytearray(path.read_bytes())
    content[content.index(b"cat/1.jpg") - 30 + 6] |= 1  # the flag in the entry …
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # … and in the index
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        ZipContainer(path).read("cat/1.jpg")


def test_a_file_that_is_no_archive_is_none(tmp_path: Path) -> None:
    (tmp_path / "notes.tar").write_text("not a tar at all")
    (tmp_path / "empty.tar").write_bytes(b"")
    assert open_archive(tmp_path / "notes.tar", cache=tmp_path) is None
    assert open_archive(tmp_path / "empty.tar", cache=tmp_path) is None


def test_a_foreign_archive_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(30))
    with pytest.raises(DataError, match=r"a 7z archive: pack its files as \.zip"):
        open_archive(tmp_path / "a.7z", cache=tmp_path)


def test_a_damaged_copy_in_the_cache_is_made_afresh(tmp_path: Path) -> None:
    path, cache = MAKERS["tar.gz"](tmp_path / "a.tar.gz"), tmp_path / "cache"
    open_archive(path, cache=cache)
    (copy,) = (cache / "archives").iterdir()
    copy.write_bytes(copy.read_bytes()[:1500])
    archive = open_archive(path, cache=cache)
    assert archive is not None
    assert archive.read("cat/2.jpg") == FILES["cat/2.jpg"]


def test_an_archive_that_is_dropped_leaves_nothing_open(tmp_path: Path) -> None:
    archive = open_archive(make_zip(tmp_path / "a.zip"), cache=tmp_path)
    assert archive is not None
    archive.read("cat/2.jpg")
    del archive
    gc.collect()  # an unclosed file would be a warning, and so an error
