"""What every place that holds images promises: one order, one content, from any thread."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from headstart.data.containers import ArraysContainer
from headstart.data.decoding import decode, load_pixels
from headstart.data.digest import content_digest
from headstart.data.geometry import Geometry
from headstart.data.inputs import open_images
from headstart.data.manifest import Manifest
from headstart.data.sources import open_source
from headstart.errors import DataError

CLASSES = ("cat", "dog", "owl")


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*.png"), reverse=True):
            archive.write(path, path.relative_to(folder))
    return folder.with_suffix(".zip")


def tarred(folder: Path, suffix: str) -> Path:
    target = folder.with_name(f"photos.tar{suffix and '.' + suffix}")
    with tarfile.open(target, f"w:{suffix}") as archive:  # type: ignore[call-overload]
        for path in sorted(folder.rglob("*.png"), reverse=True):
            archive.add(path, path.relative_to(folder))
    return target


def table(folder: Path, separator: str, name: str) -> Path:
    rows = [
        separator.join((str(path.relative_to(folder.parent)), path.parent.name))
        for path in sorted(folder.rglob("*.png"))
    ]
    (folder.parent / name).write_text("\n".join([f"path{separator}label", *rows]))
    return folder.parent / name


SOURCES: dict[str, Callable[[Path], Path]] = {
    "folder": lambda folder: folder,
    "zip": zipped,
    "tar": lambda folder: tarred(folder, ""),
    "tar.gz": lambda folder: tarred(folder, "gz"),
    "tar.xz": lambda folder: tarred(folder, "xz"),
    "csv": lambda folder: table(folder, ",", "photos.csv"),
    "tsv": lambda folder: table(folder, "\t", "photos.tsv"),
}


@pytest.fixture
def folder(tmp_path: Path, image_folder) -> Path:
    return image_folder(tmp_path / "photos", *CLASSES, per_class=3)


@pytest.fixture(params=SOURCES)
def manifest(request, folder: Path, own_cache: Path) -> Manifest:
    return open_source(SOURCES[request.param](folder), cache=own_cache)


@pytest.fixture
def plain(folder: Path, own_cache: Path) -> Manifest:
    return open_source(folder, cache=own_cache)


def digests(manifest: Manifest) -> list[str]:
    return [content_digest(manifest.container.read(path)) for path in manifest.paths]


def test_classes_and_order_are_those_of_the_folder(manifest: Manifest, plain: Manifest) -> None:
    assert manifest.classes == CLASSES
    assert manifest.labels == plain.labels
    assert [Path(path).name for path in manifest.paths] == [Path(p).name for p in plain.paths]


def test_an_image_has_the_same_digest_wherever_it_lies(manifest: Manifest, plain: Manifest) -> None:
    assert digests(manifest) == digests(plain)


def test_reading_from_many_threads_reads_the_same(manifest: Manifest) -> None:
    alone = [manifest.container.read(path) for path in manifest.paths]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(manifest.container.read, manifest.paths)) == alone


def test_names_are_sorted_and_hold_every_row(manifest: Manifest) -> None:
    names = manifest.container.names()
    assert names == sorted(names)
    assert set(manifest.paths) <= set(names)


def test_a_missing_name_is_a_data_error(manifest: Manifest) -> None:
    with pytest.raises(DataError):
        manifest.container.read("cat/none.png")


def test_unlabelled_images_read_the_same(manifest: Manifest, folder: Path, own_cache: Path) -> None:
    files = sorted(folder.rglob("*.png"))
    assert digests(open_images(files, cache=own_cache)) == digests(manifest)


def test_pixels_in_memory_become_the_same_square(manifest: Manifest) -> None:
    stored = [manifest.container.read(path) for path in manifest.paths]
    arrays = ArraysContainer([decode(data) for data in stored])
    for mode in ("crop", "pad", "squash"):
        geometry = Geometry(mode=mode, size_px=40)
        for name, data in zip(arrays.names(), stored, strict=True):
            np.testing.assert_array_equal(
                load_pixels(arrays.read(name), geometry), load_pixels(data, geometry)
            )
