"""Archives that are larger, longer or deeper than they look, or lie about it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _attack_archives import BENIGN, Builder, Cases, benign, write_archive, write_raw, write_tar
from _attack_ground import Ground, photo


def bombs(_: Ground) -> Cases:
    """Yield archives that are larger, longer or deeper than they look."""
    yield from _zips()
    yield from _packed_tars()
    yield from _tars()
    yield "nothing at all", lambda _, folder: write_raw(folder / "a.zip", b"")
    yield "noise", lambda _, folder: write_raw(folder / "a.tar", os.urandom(100_000))


def _zips() -> Cases:
    for method, name in (
        (zipfile.ZIP_DEFLATED, "deflate"),
        (zipfile.ZIP_BZIP2, "bzip2"),
        (zipfile.ZIP_LZMA, "lzma"),
    ):
        yield f"zip: {name}, 300 MB of zeros", _zip_bomb(method, 300, None)
        yield f"zip: {name}, 300 MB that promise 100 bytes", _zip_bomb(method, 300, 100)
        yield f"zip: {name}, 100 bytes that promise 4 GB", _zip_bomb(method, 0, 0xFFFFFFF0)
        yield f"zip: {name}, 600 MB, more than any image", _zip_bomb(method, 600, None)
    yield (
        "zip: 100,000 entries",
        lambda _, folder: write_archive(
            folder / "a.zip", {f"cat/{n}.jpg": b"" for n in range(100_000)}
        ),
    )
    yield "zip: entries on top of each other", _overlapping
    yield "zip: a zip in a zip in a zip", _nested
    yield "zip: cut short", _cut("zip")
    yield "zip: unknown method", _zip_field(b"PK\x01\x02", 10, struct.pack("<H", 99))
    yield "zip: encrypted", _zip_field(b"PK\x01\x02", 8, struct.pack("<H", 1))
    yield (
        "zip: data at a place beyond the end",
        _zip_field(b"PK\x01\x02", 42, struct.pack("<I", 0xFFFFFF00)),
    )
    yield "zip: as many entries as there can be", _zip_field(b"PK\x05\x06", 8, b"\xff\xff\xff\xff")
    yield "zip: directory longer than the file", _zip_field(b"PK\x05\x06", 12, b"\xff\xff\xff\x7f")
    yield "zip: one name twice", _twice("zip")
    yield "tar: one name twice", _twice("tar")
    yield (
        "zip: names that differ in case",
        lambda _, folder: write_archive(
            folder / "a.zip", {"cat/1.jpg": photo(), "CAT/1.JPG": photo(1), "dog/1.jpg": photo()}
        ),
    )
    yield "zip: a photo in front", _polyglot


def _packed_tars() -> Cases:
    mega = bytes(1 << 20)
    yield (
        "tar.gz: 512 MB of zeros",
        lambda _, folder: _packed(folder / "a.tar.gz", gzip.compress, [mega] * 512),
    )
    yield (
        "tar.gz: 512 MB behind a header",
        lambda _, folder: _packed(folder / "a.tar.gz", gzip.compress, [_header(), *[mega] * 512]),
    )
    yield (
        "tar.bz2: 512 MB behind a header",
        lambda _, folder: _packed(folder / "a.tar.bz2", bz2.compress, [_header(), *[mega] * 512]),
    )
    yield (
        "tar.xz: 512 MB behind a header",
        lambda _, folder: _packed(folder / "a.tar.xz", lzma.compress, [_header(), *[mega] * 512]),
    )
    yield (
        "tar.xz: a dictionary of 1.5 GB",
        lambda _, folder: _packed(folder / "a.tar.xz", _vast_dictionary, [_header(), mega]),
    )
    yield "tar.gz: packed ten times", _gzip_tower
    for kind in ("tar", "tar.gz", "tar.xz"):
        yield f"{kind}: cut short", _cut(kind)
        yield f"{kind}: a size below zero", _tar_size(kind, b"\xff" * 11 + b"\x00")
        yield f"{kind}: a vast size", _tar_size(kind, b"\x80" + b"\x7f" * 11)


def _tars() -> Cases:
    yield (
        "tar: an extended header of vast size",
        _tar_size("tar", b"\x80\0\0\0" + b"\x7f" * 8, b"x"),
    )
    yield "tar: a long name of vast size", _tar_size("tar", b"\x80\0\0\0" + b"\x7f" * 8, b"L")
    yield "tar: 3,000 extended headers in a row", _header_tower(b"x", 3000)
    yield "tar: 3,000 long names in a row", _header_tower(b"L", 3000)
    yield "tar: extended size below zero", _pax({"size": "-512"})
    yield "tar: extended size of 30 digits", _pax({"size": "9" * 30})
    yield "tar: extended path outside", _pax({"path": "../outside/evil.jpg"})
    yield "tar: extended numbers that are none", _pax({"mtime": "nan", "uid": "x"})
    yield (
        "tar: sparse file of a terabyte",
        _pax(
            {
                "GNU.sparse.major": "1",
                "GNU.sparse.minor": "0",
                "GNU.sparse.realsize": str(1 << 40),
                "GNU.sparse.name": "cat/2.jpg",
            }
        ),
    )
    yield (
        "tar: sparse map of nonsense",
        _pax({"GNU.sparse.map": "1,2,3,x", "GNU.sparse.size": "-1"}),
    )
    yield (
        "tar: 50,000 entries",
        lambda _, folder: write_archive(
            folder / "a.tar", {f"cat/{n}.jpg": b"" for n in range(50_000)}
        ),
    )
    yield "tar: nothing but zeros", lambda _, folder: write_raw(folder / "a.tar", bytes(10240))


def _zip_bomb(method: int, megabytes: int, promised: int | None) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        path = folder / "a.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("dog/1.jpg", photo())
            with archive.open("cat/1.jpg", "w") as entry:
                for _ in range(megabytes):
                    entry.write(bytes(1 << 20))
                entry.write(bytes(100))
        if promised is not None:
            content = bytearray(path.read_bytes())
            last = content.rfind(b"PK\x01\x02")
            content[last + 24 : last + 28] = struct.pack("<I", promised)
            path.write_bytes(content)
        return path

    return build


def _zip_field(magic: bytes, offset: int, value: bytes) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        path = write_archive(folder / "a.zip", {name: photo() for name in BENIGN})
        content = bytearray(path.read_bytes())
        place = content.rfind(magic) + offset
        content[place : place + len(value)] = value
        return write_raw(path, bytes(content))

    return build


def _overlapping(_: Ground, folder: Path) -> Path:
    """2,000 names for the same 10 MB of zeros (after D. Fifield, WOOT 2019)."""
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/00000.jpg", bytes(10 << 20))
        entry = archive.infolist()[0]
        for number in range(1, 2000):
            other = zipfile.ZipInfo(f"cat/{number:05d}.jpg")
            for field in ("header_offset", "compress_type", "compress_size", "file_size", "CRC"):
                setattr(other, field, getattr(entry, field))
            archive.filelist.append(other)
    return path


def _nested(_: Ground, folder: Path) -> Path:
    path = write_archive(folder / "a.zip", {"cat/1.jpg": bytes(1 << 20)})
    for _ in range(5):
        path = write_archive(
            folder / "a.zip", {"cat/1.jpg": path.read_bytes(), "dog/inner.zip": path.read_bytes()}
        )
    return path


def _cut(kind: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        path = write_archive(folder / f"a.{kind}", {name: photo() * 50 for name in BENIGN})
        return write_raw(path, path.read_bytes()[: path.stat().st_size // 2])

    return build


def _twice(kind: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        if kind == "tar":
            return write_tar(folder / "a.tar", [*benign(), *benign()])
        path = write_archive(folder / "a.zip", {"cat/1.jpg": photo(), "cat/2.jpg": photo(1)})
        return write_raw(path, path.read_bytes().replace(b"cat/2.jpg", b"cat/1.jpg"))

    return build


def _polyglot(_: Ground, folder: Path) -> Path:
    path = write_archive(folder / "a.zip", {name: photo() for name in BENIGN})
    return write_raw(folder / "a.jpg", photo() + path.read_bytes())


def _header(size: int = 512 << 20) -> bytes:
    info = tarfile.TarInfo("cat/1.jpg")
    info.size = size
    return info.tobuf()


def _packed(path: Path, pack: Callable[[bytes], bytes], pieces: list[bytes]) -> Path:
    known: dict[bytes, bytes] = {}
    with path.open("wb") as stream:  # members of one stream: each piece is packed once
        for piece in pieces:
            known[piece] = known.get(piece) or pack(piece)
            stream.write(known[piece])
    return path


def _vast_dictionary(piece: bytes) -> bytes:
    small = bytearray(lzma.compress(piece, check=lzma.CHECK_NONE))
    place = small.index(b"\x21\x01") + 2  # the filter's one byte: the size of its dictionary
    small[place] = 39
    head = small.index(b"\x21\x01") - 2
    length = (small[head] + 1) * 4
    small[head + length - 4 : head + length] = struct.pack(
        "<I", zlib.crc32(small[head : head + length - 4])
    )
    return bytes(small)


def _gzip_tower(_: Ground, folder: Path) -> Path:
    content = write_archive(folder / "a.tar", {name: photo() for name in BENIGN}).read_bytes()
    for _ in range(10):
        content = gzip.compress(content)
    (folder / "a.tar").unlink()
    return write_raw(folder / "a.tar.gz", content)


def _tar_size(kind: str, size: bytes, type_: bytes = b"0") -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        header = bytearray(_header(0))
        header[124:136], header[156:157] = size, type_
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        content = bytes(header) + photo().ljust(1024, b"\0") + bytes(10240)
        pack: dict[str, Any] = {"tar.gz": gzip.compress, "tar.xz": lzma.compress}
        return write_raw(folder / f"a.{kind}", pack.get(kind, bytes)(content))

    return build


def _header_tower(type_: bytes, height: int) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        info = tarfile.TarInfo("x")
        info.type, info.size = type_, 20
        body = (b"11 path=a\n" if type_ == b"x" else b"a").ljust(512, b"\0")
        return write_raw(
            folder / "a.tar",
            (info.tobuf(tarfile.GNU_FORMAT) + body) * height + _header(0) + bytes(1024),
        )

    return build


def _pax(headers: dict[str, str]) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        info = tarfile.TarInfo("cat/2.jpg")
        info.pax_headers = headers
        return write_tar(folder / "a.tar", [*benign(), (info, photo())])

    return build
