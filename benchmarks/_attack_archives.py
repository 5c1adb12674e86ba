"""Archives whose names, links and devices lead outside."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

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


def write_raw(path: Path, content: bytes) -> Path:
    """Write a file as it is; return its place."""
    path.write_bytes(content)
    return path


def write_tar(path: Path, entries: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """Write a tar, compressed as its name says."""
    mode = {"gz": "w:gz", "xz": "w:xz", "bz2": "w:bz2"}.get(path.name.rpartition(".")[2], "w")
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for info, content in entries:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def benign() -> list[tuple[tarfile.TarInfo, bytes]]:
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
        return write_tar(folder / f"photos.{kind}", [*benign(), (info, b"")])

    return build


def _through_link(ground: Ground, folder: Path) -> Path:
    link = tarfile.TarInfo("owl")
    link.type, link.linkname = tarfile.SYMTYPE, str(ground.outside)
    inside = (tarfile.TarInfo("owl/evil.jpg"), photo())
    return write_tar(folder / "photos.tar", [*benign(), (link, b""), inside])


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
