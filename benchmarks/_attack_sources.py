"""Tables, folders and images that try to be more than that; and every kind of source."""
# ruff: noqa: E501  tables of bytes read best with a line each

from __future__ import annotations

import json
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _attack_archives import (
    BENIGN,
    Builder,
    Cases,
    evil_names,
    links,
    named_archives,
    write_archive,
    write_raw,
)
from _attack_bombs import bombs
from _attack_ground import Ground, photo


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
            lambda _, folder, name=name, content=content: write_raw(folder / name, content),
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
