from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import headstart
from headstart.backbones.catalog import find_backbone
from headstart.config import TrainConfig, build_config
from headstart.errors import ConfigError, DataError
from headstart.workflows import check as module
from headstart.workflows.check import check, page_path
from headstart.workflows.check_data import load_check_data
from headstart.workflows.featuriser import Featuriser


@pytest.fixture
def photos(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    return image_folder(tmp_path / "photos", "cat", "dog", "eel", per_class=12)


def test_what_the_network_sees_and_what_follows(
    photos: Path, config: TrainConfig, cache: Path
) -> None:
    result = check(photos, config=config, cache=cache)
    assert (result.images, result.sampled) == (33, 33)
    assert result.class_counts == {"cat": 11, "dog": 11, "eel": 11}
    assert [found.name for found in result.answers] == ["cat", "dog", "eel"]
    for found in result.answers:
        assert 0 < found.consistency <= 1
        assert 1 <= len(found.labels) <= 5
        assert sum(label.share for label in found.labels) <= 1 + 1e-9
    evidence = result.evidence
    assert evidence is not None
    assert (evidence.images, evidence.classes, evidence.smallest) == (33, 3, 11)
    assert evidence.final.low <= evidence.final.value <= evidence.final.high
    assert result.advice is not None
    assert result.advice.size == "small"
    assert any("3 test images were not looked at" in note for note in result.notes)
    json.dumps(result.to_json())


def test_the_same_check_says_the_same_from_the_cache(
    photos: Path, config: TrainConfig, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check(photos, config=config, cache=cache).to_json()
    monkeypatch.setattr(Featuriser, "engine", None)  # no forward pass is needed any more
    second = check(photos, config=config, cache=cache).to_json()
    first.pop("timings_s"), second.pop("timings_s")
    assert first == second


def test_images_that_a_training_locks_away_are_not_looked_at(
    finished: Any, config: TrainConfig, tmp_path: Path
) -> None:
    from headstart.progress import Silent

    table = (finished.result.folder / "split.csv").read_text().splitlines()[1:]
    locked = {line.split(",")[0] for line in table if line.endswith(",test")}
    loaded = load_check_data(
        finished.photos, config, images=None, cache=tmp_path, progress=Silent()
    )
    assert len(locked) == 3
    assert not locked & set(loaded.manifest.paths)
    assert len(loaded.manifest) == 33


def test_given_test_images_are_never_decoded(
    photos: Path, config: TrainConfig, cache: Path, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    for split in ("train", "test"):
        for path in sorted(photos.glob("*/*.png")):
            target = given / split / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if split == "train" and path.stem != "0":
                shutil.copy(path, target)
            elif split == "test" and path.stem == "0":
                target.write_bytes(path.read_bytes()[:-40])  # a header that opens, no whole picture
    result = check(given, config=config, cache=cache)
    assert result.images == 33
    assert any("3 test images were not looked at" in note for note in result.notes)
    assert not any("cannot be read" in note for note in result.notes)


def test_a_sample_has_every_class(photos: Path, config: TrainConfig, cache: Path) -> None:
    result = check(photos, config=config, images=15, cache=cache)
    assert (result.images, result.sampled) == (33, 15)
    assert [found.images for found in result.answers] == [5, 5, 5]


def test_images_without_labels_are_named_one_by_one(
    config: TrainConfig, cache: Path, picture: Any, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("n01440764_tench.png", "n02219486_ant.png"):
        Image.fromarray(picture(len(name))).save(flat / name)
    (flat / "n02206856_bee.png").write_bytes(b"not a picture")
    result = check(flat, config=config, cache=cache)
    assert [Path(it.path).name for it in result.pictures] == [
        "n01440764_tench.png",
        "n02219486_ant.png",
    ]
    assert len(result.pictures[0].labels) == 5
    assert (result.evidence, result.advice) == (None, None)
    assert [found.name for found in result.answers] == ["all images"]
    assert result.names is not None
    assert (result.names.source, result.names.named, result.names.synsets) == (
        "file names",
        2,
        True,
    )
    assert "identifiers" in result.memory
    assert any("no labels to tell apart" in note for note in result.notes)
    assert any("n02206856_bee.png" in note for note in result.notes)


def test_one_class_and_one_file_have_no_labels_to_tell_apart(
    image_folder: Callable[..., Path], config: TrainConfig, cache: Path, tmp_path: Path
) -> None:
    folder = image_folder(tmp_path / "one", "noodles", per_class=2)
    assert len(check(folder, config=config, cache=cache).pictures) == 2
    file = folder / "noodles" / "0.png"
    assert [it.path for it in check(file, config=config, cache=cache).pictures] == [str(file)]


def test_unreadable_pixels_are_named_and_left_out(
    image_folder: Callable[..., Path], config: TrainConfig, cache: Path, tmp_path: Path
) -> None:
    flat = image_folder(tmp_path / "one", "noodles", per_class=3) / "noodles"
    broken = flat / "1.png"
    broken.write_bytes(broken.read_bytes()[:-40])  # a header that opens, no whole picture
    result = check(flat, config=config, cache=cache)
    assert [Path(it.path).name for it in result.pictures] == ["0.png", "2.png"]
    assert any("1 of 3 images cannot be read" in note for note in result.notes)
    assert any("1.png" in note for note in result.notes)


def test_nothing_readable_is_an_error(config: TrainConfig, cache: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / "a.jpg").write_bytes(b"no")
    with pytest.raises(DataError, match=r"no image of .* can be read: .*a\.jpg"):
        check(flat, config=config, cache=cache)


def test_a_network_without_words_still_gives_evidence(
    photos: Path, config: TrainConfig, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    wordless = replace(find_backbone("efficientnet_lite0"), labels=None)
    build = Featuriser.__init__

    def built(self: Featuriser, *args: Any, **options: Any) -> None:
        build(self, *args, **options)
        graph = self.graph
        self.spec = wordless
        self.__dict__["graph"] = graph

    monkeypatch.setattr(Featuriser, "__init__", built)
    result = check(photos, config=config, cache=cache)
    assert result.answers == ()
    assert result.names is None
    assert result.notes[0].startswith("efficientnet_lite0 has no classifier of its own")
    assert result.evidence is not None
    assert result.evidence.confidence is None
    assert result.advice is not None


def test_the_networks_own_crop_unless_a_geometry_is_named(
    photos: Path, config: TrainConfig, cache: Path
) -> None:
    assert check(photos, config=config, cache=cache).geometry.mode == "crop"
    padded = build_config({"data": {"image_size_px": 96, "geometry": "pad"}})
    assert check(photos, config=padded, cache=cache).geometry.mode == "pad"


def test_size_advice_is_about_these_images(photos: Path, config: TrainConfig, cache: Path) -> None:
    rules = {
        finding.rule: finding for finding in check(photos, config=config, cache=cache).findings
    }
    assert rules["below native size"].severity == "warning"
    assert rules["upscaled"].severity == "warning"
    assert "all 33 images" in rules["upscaled"].text


def test_the_page_holds_pictures_and_needs_nothing_else(
    photos: Path, config: TrainConfig, cache: Path, tmp_path: Path
) -> None:
    result = check(photos, config=config, cache=cache, out=tmp_path / "out")
    assert result.page == tmp_path / "out" / "check.html"
    page = result.page.read_text(encoding="utf-8")
    shown = sum(len(found.labels) for found in result.answers)
    assert page.count("data:image/jpeg;base64,") == shown
    assert "http://" not in page
    assert result.advice is not None
    assert result.advice.text in page


def test_the_page_of_images_without_labels(
    image_folder: Callable[..., Path], config: TrainConfig, cache: Path, tmp_path: Path
) -> None:
    folder = image_folder(tmp_path / "one", "noodles", per_class=3)
    result = check(folder, config=config, cache=cache, out=tmp_path / "seen.html")
    page = (tmp_path / "seen.html").read_text(encoding="utf-8")
    assert result.page == tmp_path / "seen.html"
    assert "Image by image" in page
    assert "The evidence" not in page


def test_an_existing_page_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    page = tmp_path / "check.html"
    page.touch()
    for out in (page, tmp_path):
        with pytest.raises(ConfigError, match="exists already"):
            check(tmp_path / "nowhere", out=out)


def test_where_the_page_goes(tmp_path: Path) -> None:
    assert page_path(None) is None
    assert page_path(tmp_path / "a.HTML") == tmp_path / "a.HTML"
    assert page_path(tmp_path / "a") == tmp_path / "a" / "check.html"


def test_the_public_name() -> None:
    assert headstart.check is module.check
    assert len(headstart.__all__) <= 15
