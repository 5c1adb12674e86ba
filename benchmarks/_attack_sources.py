"""Archives, tables, folders and images that try to be more than that."""
# ruff: noqa: E501  tables of bytes read best with a line each

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from _attack_ground import Ground, photo

Builder = Callable[[Ground, Path], Path]
"""Prepares an attack in a folder of its own; returns what a user would be led to point at."""
Cases = Iterator[tuple[str, Builder]]

FORMATS = ("zip", "tar", "tar.gz", "tar.xz")
BENIGN = ("cat/1.jpg", "dog/1.jpg")


def evil_names(ground: Ground) -> dict[str, str]:
    """Return names that lead outside, or pretend to, or are none."""
    out = str(ground.outside)
    return {
        "dot-dot": "../outside/evil.jpg",
        "dot-dot to a secret": "../outside/secret.jpg",
        "deep dot-dot": "cat/../../../outside/evil.jpg",
        "hidden dot-dot": "cat/./.././../outside/secret.jpg",
        "absolute": f"{out}/evil.jpg",
        "absolute to a secret": f"{out}/secret.jpg",
        "two slashes": f"/{out}/secret.jpg",
        "backslashes": "..\\..\\outside\\evil.jpg",
        "mixed slashes": "..\\../outside/secret.jpg",
        "drive": "C:\\outside\\evil.jpg",
        "drive, slash": "C:/outside/evil.jpg",
        "drive, relative": "C:evil.jpg",
        "share": "\\\\host\\share\\evil.jpg",
        "device path": "\\\\?\\C:\\evil.jpg",
        "look-alike dots": "․․/outside/evil.jpg",
        "wide letters": "．．／outside／secret.jpg",
        "look-alike slash": "..∕outside∕secret.jpg",
        "percent": "%2e%2e/outside/secret.jpg",
        "home": "~/evil.jpg",
        "variable": "$HOME/evil.jpg",
        "dots at ends": "cat./../outside/evil.jpg.",
        "new line": "cat/\n../outside/evil.jpg",
        "terminal codes": "cat/\x1b]0;evil\x07.jpg",
        "backwards": "cat/\u202egpj.exe.jpg",
        "formula": "cat/=cmd|' /C calc'!A0.jpg",
        "device name": "cat/CON.jpg",
        "stream": "cat/1.jpg:evil.jpg",
        "very long": "cat/" + 5000 * "a" + ".jpg",
        "very deep": 1500 * "d/" + "1.jpg",
        "address": "http://127.0.0.1:9/evil.jpg",
        "file address": f"file://{out}/secret.jpg",
    }


def named_archives(ground: Ground) -> Cases:
    """Yield an archive of every format for every evil name."""
    for what, name in evil_names(ground).items():
        for kind in FORMATS:
            yield f"{kind}: {what}", _named(kind, name)


def _named(kind: str, name: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        members = {**{benign: photo() for benign in BENIGN}, name: photo(3)}
        return write_archive(folder / f"photos.{kind}", members)

    return build


def write_archive(path: Path, members: dict[str, bytes]) -> Path:
    """Write an archive with names as they are."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                info = zipfile.ZipInfo("x")
                info.filename = name  # given to ZipInfo itself, it would be made harmless
                archive.writestr(info, content)
        return path
    entries = [(tarfile.TarInfo(name), content) for name, content in members.items()]
    return write_tar(path, entries)


def write_tar(path: Path, entries: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """Write a tar, compressed as its name says."""
    mode = {"gz": "w:gz", "xz": "w:xz", "bz2": "w:bz2"}.get(path.name.rpartition(".")[2], "w")
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for info, content in entries:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _benign() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(tarfile.TarInfo(name), photo()) for name in BENIGN]


def links(ground: Ground) -> Cases:
    """Yield archives with links, devices and pipes."""
    out = ground.outside
    special = {
        "link, relative": (tarfile.SYMTYPE, "cat/2.jpg", "../../outside/secret.jpg"),
        "link, absolute": (tarfile.SYMTYPE, "cat/2.jpg", f"{out}/secret.jpg"),
        "hard link, relative": (tarfile.LNKTYPE, "cat/2.jpg", "../../outside/secret.jpg"),
        "hard link, absolute": (tarfile.LNKTYPE, "cat/2.jpg", f"{out}/secret.jpg"),
        "link to itself": (tarfile.SYMTYPE, "cat/2.jpg", "2.jpg"),
        "link to a folder": (tarfile.SYMTYPE, "cat", str(out)),
        "link to everything": (tarfile.SYMTYPE, "all", "/"),
        "character device": (tarfile.CHRTYPE, "cat/2.jpg", ""),
        "block device": (tarfile.BLKTYPE, "cat/2.jpg", ""),
        "pipe": (tarfile.FIFOTYPE, "cat/2.jpg", ""),
        "unknown type": (b"Z", "cat/2.jpg", ""),
    }
    for what, (type_, name, target) in special.items():
        for kind in ("tar", "tar.gz"):
            yield f"{kind}: {what}", _special(kind, type_, name, target)
    yield "tar: a file through a link", _through_link
    for what, target in {
        "absolute": f"{out}/secret.jpg",
        "relative": "../outside/secret.jpg",
    }.items():
        yield f"zip: link, {what}", _zip_link("cat/2.jpg", target)
    yield "zip: link to a folder, then through it", _zip_link("cat", str(out), "cat/secret.jpg")


def _special(kind: str, type_: bytes, name: str, target: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.devmajor, info.devminor = type_, target, 1, 5
        return write_tar(folder / f"photos.{kind}", [*_benign(), (info, b"")])

    return build


def _through_link(ground: Ground, folder: Path) -> Path:
    link = tarfile.TarInfo("owl")
    link.type, link.linkname = tarfile.SYMTYPE, str(ground.outside)
    inside = (tarfile.TarInfo("owl/evil.jpg"), photo())
    return write_tar(folder / "photos.tar", [*_benign(), (link, b""), inside])


def _zip_link(name: str, target: str, *more: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
            for benign in BENIGN:
                archive.writestr(benign, photo())
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, target)
            for one in more:
                archive.writestr(one, photo())
        return folder / "photos.zip"

    return build


def bombs(_: Ground) -> Cases:
    """Yield archives that are larger, longer or deeper than they look."""
    mega = bytes(1 << 20)
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
    yield "tar: nothing but zeros", lambda _, folder: _raw(folder / "a.tar", bytes(10240))
    yield "nothing at all", lambda _, folder: _raw(folder / "a.zip", b"")
    yield "noise", lambda _, folder: _raw(folder / "a.tar", os.urandom(100_000))


def _raw(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


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
        return _raw(path, bytes(content))

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
        return _raw(path, path.read_bytes()[: path.stat().st_size // 2])

    return build


def _twice(kind: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        if kind == "tar":
            return write_tar(folder / "a.tar", [*_benign(), *_benign()])
        path = write_archive(folder / "a.zip", {"cat/1.jpg": photo(), "cat/2.jpg": photo(1)})
        return _raw(path, path.read_bytes().replace(b"cat/2.jpg", b"cat/1.jpg"))

    return build


def _polyglot(_: Ground, folder: Path) -> Path:
    path = write_archive(folder / "a.zip", {name: photo() for name in BENIGN})
    return _raw(folder / "a.jpg", photo() + path.read_bytes())


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
    return _raw(folder / "a.tar.gz", content)


def _tar_size(kind: str, size: bytes, type_: bytes = b"0") -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        header = bytearray(_header(0))
        header[124:136], header[156:157] = size, type_
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        content = bytes(header) + photo().ljust(1024, b"\0") + bytes(10240)
        pack: dict[str, Any] = {"tar.gz": gzip.compress, "tar.xz": lzma.compress}
        return _raw(folder / f"a.{kind}", pack.get(kind, bytes)(content))

    return build


def _header_tower(type_: bytes, height: int) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        info = tarfile.TarInfo("x")
        info.type, info.size = type_, 20
        body = (b"11 path=a\n" if type_ == b"x" else b"a").ljust(512, b"\0")
        return _raw(
            folder / "a.tar",
            (info.tobuf(tarfile.GNU_FORMAT) + body) * height + _header(0) + bytes(1024),
        )

    return build


def _pax(headers: dict[str, str]) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        info = tarfile.TarInfo("cat/2.jpg")
        info.pax_headers = headers
        return write_tar(folder / "a.tar", [*_benign(), (info, photo())])

    return build


def tables(ground: Ground) -> Cases:
    """Yield tables that nobody pointed at, in folders and archives, and tables full of nonsense."""
    for what in (
        "dot-dot to a secret",
        "absolute to a secret",
        "hidden dot-dot",
        "two slashes",
        "file address",
        "wide letters",
    ):
        name = evil_names(ground)[what]
        for top in ("split.csv", "metadata.csv", "metadata.jsonl"):
            yield f"folder with {top}: {what}", _table_in_folder(top, name)
        for kind in ("zip", "tar"):
            yield f"{kind} with split.csv: {what}", _table_in_archive(kind, name)
    nonsense: dict[str, tuple[str, bytes]] = {
        "NUL in a path": ("t.csv", b"path,label\na\0b.jpg,x\nc.jpg,y\n"),
        "devices": ("t.csv", b"path,label\n/dev/zero,x\n/dev/stdin,y\n/dev/random,y\n"),
        "a process's memory": (
            "t.csv",
            b"path,label\n/proc/self/mem,x\n/proc/kcore,y\n/proc/kmsg,y\n",
        ),
        "folders": ("t.csv", b"path,label\n/,x\n.,y\n"),
        "addresses": ("t.csv", b"path,label\nhttp://127.0.0.1:9/x.jpg,x\ns3://b/x.jpg,y\n"),
        "a path of a megabyte": (
            "t.csv",
            b"path,label\n" + b"a" * (1 << 20) + b".jpg,x\nb.jpg,y\n",
        ),
        "20,000 columns": ("t.csv", b",".join(b"c%d" % n for n in range(20_000)) + b"\n"),
        "depth": ("t.jsonl", b'{"path": ' + b"[" * 50_000 + b"]" * 50_000 + b"}\n"),
        "broken Parquet": ("t.parquet", b"PAR1" + bytes(200) + b"\xff\xff\xff\x7fPAR1"),
        "Parquet's ends alone": ("t.parquet", b"PAR1PAR1"),
        "noise as Parquet": (
            "t.parquet",
            b"PAR1" + os.urandom(2000) + struct.pack("<I", 1000) + b"PAR1",
        ),
        "bytes that are no text": ("t.csv", b"path,label\n\xff\xfe\xfd.jpg,\xff\nb.jpg,y\n"),
        "an open quote": ("t.csv", b'path,label\n"' + b"a\n" * 100_000),
    }
    for what, (name, content) in nonsense.items():
        yield (
            f"table: {what}",
            lambda _, folder, name=name, content=content: _raw(folder / name, content),
        )
    yield "table: 30 million rows of Parquet", _parquet_bomb


def _row(top: str, path: str, label: str) -> str:
    return (
        json.dumps({"file_name": path, "label": label})
        if top.endswith("jsonl")
        else f'"{path}",{label}'
    )


def _table_in_folder(top: str, name: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        photos = folder / "photos"
        photos.mkdir()
        (photos / "1.jpg").write_bytes(photo())
        rows = [_row(top, "1.jpg", "cat"), _row(top, name, "dog")]
        header = [] if top.endswith("jsonl") else ["file_name,label"]
        (photos / top).write_text("\n".join([*header, *rows]) + "\n")
        return photos

    return build


def _table_in_archive(kind: str, name: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        text = f'path,label\n1.jpg,cat\n"{name}",dog\n'
        return write_archive(folder / f"a.{kind}", {"1.jpg": photo(), "split.csv": text.encode()})

    return build


def _parquet_bomb(_: Ground, folder: Path) -> Path:
    import subprocess
    import sys

    script = (  # in a process of its own: polars has threads, and this one forks
        "import polars as pl, sys; "
        "one = pl.LazyFrame({'path': ['a.jpg'] * 1_000_000, 'label': ['x'] * 1_000_000}); "
        "pl.concat([one] * 30).sink_parquet(sys.argv[1], compression='zstd')"
    )
    subprocess.run([sys.executable, "-c", script, str(folder / "t.parquet")], check=True)
    return folder / "t.parquet"


def folders(ground: Ground) -> Cases:
    """Yield folders with things in them that are no files, or without end."""
    yield "folder: a pipe called .jpg", _folder(lambda place: os.mkfifo(place / "cat" / "2.jpg"))
    yield "folder: a link to a pipe", _folder(_linked_pipe)
    yield (
        "folder: a link to zeros without end",
        _folder(lambda place: (place / "cat" / "2.jpg").symlink_to("/dev/zero")),
    )
    yield (
        "folder: a link to what waits for input",
        _folder(lambda place: (place / "cat" / "2.jpg").symlink_to("/dev/stdin")),
    )
    yield (
        "folder: a link to a process's memory",
        _folder(lambda place: (place / "cat" / "2.jpg").symlink_to("/proc/self/mem")),
    )
    yield "folder: a socket", _folder(_socket)
    yield (
        "folder: a link to itself",
        _folder(lambda place: (place / "cat" / "2.jpg").symlink_to("2.jpg")),
    )
    yield (
        "folder: a link to its parent",
        _folder(lambda place: (place / "cat" / "up").symlink_to("..")),
    )
    yield "folder: links in a circle", _folder(_circle)
    yield "folder: every folder linked to every other", _folder(_link_farm)
    yield "folder: 300 levels", _folder(_deep)
    yield "folder: a sparse file of a terabyte", _folder(_sparse)
    yield (
        "folder: names that are no text",
        _folder(
            lambda place: Path(os.fsdecode(os.fsencode(place) + b"/cat/\xff\xfe.jpg")).write_bytes(
                photo()
            )
        ),
    )
    yield (
        "folder: a name of terminal codes",
        _folder(lambda place: (place / "cat" / "\x1b[2J\r\n=1+1.jpg").write_bytes(photo())),
    )
    yield "a pipe in the folder's place", _pipe("photos")
    yield "a pipe in an archive's place", _pipe("photos.zip")
    yield "a pipe in a table's place", _pipe("photos.csv")
    yield "zeros without end in an archive's place", _endless("photos.tar")
    yield "zeros without end in a table's place", _endless("photos.csv")


def _folder(spoil: Callable[[Path], Any]) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        place = folder / "photos"
        for name in BENIGN:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(photo())
        spoil(place)
        return place

    return build


def _linked_pipe(place: Path) -> None:
    os.mkfifo(place / "pipe")
    (place / "cat" / "2.jpg").symlink_to(place / "pipe")


def _socket(place: Path) -> None:
    here = Path.cwd()
    os.chdir(place)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("2.jpg")
    os.chdir(here)


def _circle(place: Path) -> None:
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("c")
    (place / "c").symlink_to("a")


def _link_farm(place: Path) -> None:
    names = [f"f{number}" for number in range(12)]
    for name in names:
        (place / name).mkdir()
    for one in names:
        for other in names:
            (place / one / f"to-{other}").symlink_to(f"../{other}")


def _deep(place: Path) -> None:
    here = Path.cwd()
    os.chdir(place)
    for _ in range(300):
        Path("deeper").mkdir()
        os.chdir("deeper")
    os.chdir(here)


def _sparse(place: Path) -> None:
    with (place / "cat" / "2.jpg").open("wb") as stream:
        stream.truncate(1 << 40)


def _pipe(name: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        os.mkfifo(folder / name)
        return folder / name

    return build


def _endless(name: str) -> Builder:
    def build(_: Ground, folder: Path) -> Path:
        (folder / name).symlink_to("/dev/zero")
        return folder / name

    return build


def images(ground: Ground) -> Cases:
    """Yield images that are larger than they look, or no images but programs."""
    secret = ground.outside / "secret.jpg"
    contents: dict[str, bytes] = {
        "PNG of 60,000 x 60,000": _png(60_000, 60_000),
        "PNG of no size": _png(0, 0),
        "PNG with 100 MB of text": _png(
            8, 8, (b"zTXt", b"a\0\0" + zlib.compress(bytes(100 << 20)))
        ),
        "PNG with 100 MB of profile": _png(
            8, 8, (b"iCCP", b"a\0\0" + zlib.compress(bytes(100 << 20)))
        ),
        "JPEG of 65,535 x 65,535": photo().replace(
            struct.pack(">HH", 30, 40), b"\xff\xff\xff\xff", 1
        ),
        "GIF of 65,535 x 65,535": b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;",
        "BMP of 2 billion rows": b"BM"
        + struct.pack(
            "<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 1, 1, 0, 0
        ),
        "TIFF that points at itself": b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\x08\0\0\0",
        "SVG that names a file": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{secret}"/></svg>'.encode(),
        "XML with an entity": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file://{secret}">]><svg>&b;</svg>'.encode(),
        "PostScript that reads a file": f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({secret}) (r) file".encode(),
        "ImageMagick's language": f"push graphic-context\nimage over 0,0 0,0 '{secret}'\npop graphic-context".encode(),
        "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj",
        "HTML": b"<html><script>alert(1)</script>",
    }
    for what, content in contents.items():
        yield (
            f"image: {what}",
            _folder(lambda place, content=content: (place / "cat" / "2.jpg").write_bytes(content)),
        )


def _png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        *chunks,
        (b"IDAT", zlib.compress(b"\0" * 1000)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


KINDS: dict[str, Callable[[Ground], Cases]] = {
    "archive: names": named_archives,
    "archive: links and devices": links,
    "archive: bombs and lies": bombs,
    "table": tables,
    "folder": folders,
    "image": images,
}
