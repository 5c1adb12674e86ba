from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.config import DataConfig
from headstart.data.manifest import Rejected
from headstart.errors import DataError
from headstart.progress import Silent
from headstart.workflows.preparation import PreparedData, data_digest, fold_keys, prepare

Folder = Callable[..., Path]


@pytest.fixture
def photos(tmp_path: Path, image_folder: Folder) -> Path:
    return image_folder(tmp_path / "photos", "cat", "dog", per_class=10)


def prepared(photos: Path, *, seed: int = 0, **settings: object) -> PreparedData:
    config = DataConfig.model_validate(settings)
    return prepare(photos, config, seed=seed, cache=photos.parent / "cache", progress=Silent())


def test_every_image_is_in_a_split(photos: Path) -> None:
    data = prepared(photos, val=0.2, test=0.3)
    assert len(data.manifest) == len(data.digests) == 20
    sizes = [len(data.manifest.rows_in(split)) for split in ("train", "val", "test")]
    assert sizes == [10, 4, 6]
    assert data.counts == {"cat": 10, "dog": 10}
    assert data.notes[0].startswith("splits made by class with seed 0: 10 train, 4 val, 6 test")


def test_the_seed_decides_the_splits(photos: Path) -> None:
    first, again, other = (prepared(photos, seed=seed).manifest.splits for seed in (0, 0, 1))
    assert first == again != other


def test_copies_are_noted_and_stay_together(photos: Path) -> None:
    shutil.copy(photos / "cat" / "0.png", photos / "cat" / "copy.png")
    data = prepared(photos)
    assert "1 images are exact copies of others" in data.notes
    splits = dict(zip(data.manifest.paths, data.manifest.splits, strict=True))
    assert splits["cat/0.png"] == splits["cat/copy.png"]


def test_conflicting_labels_are_noted(photos: Path) -> None:
    shutil.copy(photos / "cat" / "0.png", photos / "dog" / "copy.png")
    (note,) = (note for note in prepared(photos).notes if "different labels" in note)
    assert "cat/0.png" in note
    assert "dog/copy.png" in note


def test_rows_can_be_set_aside_later(photos: Path) -> None:
    data = prepared(photos)
    assert data.without({}) is data
    path = data.manifest.paths[3]
    smaller = data.without({3: Rejected(path, "truncated")})
    assert path not in smaller.manifest.paths
    assert len(smaller.manifest) == len(smaller.digests) == len(smaller.audit.widths) == 19
    assert smaller.audit.rejected == (Rejected(path, "truncated"),)
    assert smaller.counts == data.counts


def test_bad_files_stop_before_anything_is_computed(photos: Path) -> None:
    (photos / "cat" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="--allow-bad"):
        prepared(photos)
    assert len(prepared(photos, allow_bad=True).manifest) == 19


def test_rows_are_held_out_with_their_group_or_their_copies(photos: Path) -> None:
    data = prepared(photos)
    keys = fold_keys(data.manifest, data.digests)
    assert keys == list(data.digests)
    grouped = replace(data.manifest.take([0, 1, 2]), groups=("p1", "p1", None))
    first, second, third = fold_keys(grouped, data.digests[:3])
    assert first == second
    assert third == data.digests[2]


def test_a_groups_name_is_no_digest(photos: Path) -> None:
    data = prepared(photos)
    manifest = replace(data.manifest.take([0, 1]), groups=(data.digests[1], None))
    first, second = fold_keys(manifest, data.digests[:2])
    assert first != second


def test_the_digest_of_the_data_ignores_names_and_order(photos: Path) -> None:
    data = prepared(photos)
    backwards = data.manifest.take(reversed(range(20)))
    assert data_digest(backwards, data.digests[::-1]) == data_digest(data.manifest, data.digests)
    assert data_digest(data.manifest, data.digests[::-1]) != data_digest(
        data.manifest, data.digests
    )
