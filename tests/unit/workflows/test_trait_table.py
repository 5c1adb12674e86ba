from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.data.manifest import Manifest
from headstart.data.sources import open_source
from headstart.errors import DataError
from headstart.evaluation.slices import slice_accuracy
from headstart.workflows.trait_table import TRAITS, TraitTable, measure_traits, read_traits


@pytest.fixture
def manifest(tmp_path: Path, image_folder: Callable[..., Path]) -> Manifest:
    photos = image_folder(tmp_path / "photos", "cat", "dog", per_class=10)
    for path in sorted(photos.glob("dog/*.png")):
        Image.open(path).point(lambda value: value // 4).save(path.with_suffix(".jpg"))
        path.unlink()
    return open_source(photos, cache=tmp_path / "cache")


@pytest.fixture
def measured(manifest: Manifest) -> TraitTable:
    return measure_traits(manifest, max_pixels=10**6)


def test_images_are_told_apart_by_what_is_seen_of_them(measured: TraitTable) -> None:
    right = np.repeat([True, False], 10)
    slices = {(it.trait, it.name): it for it in slice_accuracy(measured.described(), right)}
    assert slices["file format", "JPEG"].accuracy.value == 0
    assert slices["file format", "PNG"].differs
    assert slices["brightness", "darker"].accuracy.value == 0
    assert {trait for trait, _ in slices} == {"brightness", "sharpness", "file format"}


def test_a_table_is_read_as_it_was_written(
    manifest: Manifest, measured: TraitTable, tmp_path: Path
) -> None:
    measured.write(tmp_path, manifest.paths)
    read = read_traits(tmp_path, manifest.paths)
    assert read is not None
    assert read.rows.tolist() == list(range(20))
    for one, other in zip(read.traits, measured.traits, strict=True):
        assert (one.width, one.height, one.format) == (other.width, other.height, other.format)
        assert one.sharpness == pytest.approx(other.sharpness, rel=1e-5)
    some = read_traits(tmp_path, [manifest.paths[7], "gone.jpg", manifest.paths[3]])
    assert some is not None
    assert some.rows.tolist() == [0, 2]
    assert some.traits[1] == read.traits[3]
    assert read_traits(tmp_path / "elsewhere", manifest.paths) is None


def test_of_very_many_images_some_are_measured(manifest: Manifest) -> None:
    some = measure_traits(manifest, max_pixels=10**6, most=5)
    assert some.rows.tolist() == [0, 5, 10, 14, 19]


def test_an_image_that_is_gone_is_left_out(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "photos" / "cat" / "3.png").unlink()
    rows = measure_traits(manifest, max_pixels=10**6).rows.tolist()
    assert rows == [row for row in range(20) if row != 3]


@pytest.mark.parametrize(
    "text", ["path,width\na,1\n", "path,width,height,format,brightness,sharpness\na,,1,PNG,1,1\n"]
)
def test_a_damaged_table_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / TRAITS).write_text(text)
    with pytest.raises(DataError, match=r"image_traits.csv cannot be read"):
        read_traits(tmp_path, ["a"])
