"""``headstart augment`` shows training images, every class, seeded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from headstart.config import TrainConfig, build_config
from headstart.errors import ConfigError, DataError, UnknownNameError
from headstart.workflows import augment as augment_module
from headstart.workflows.augment import AugmentResult, augment

FolderMaker = Callable[..., Path]


def asked(seed: int = 0, **changes: Any) -> TrainConfig:
    return build_config(
        {
            "seed": seed,
            "data": {"image_size_px": 32},
            "training": {"augmentation": changes or {"preset": "waste"}},
        }
    )


@pytest.fixture
def photos(tmp_path: Path, image_folder: FolderMaker) -> Path:
    """Three classes of four images."""
    return image_folder(tmp_path / "photos", "ant", "bee", "cat")


def sheet(photos: Path, name: str = "sheet.png", **options: Any) -> AugmentResult:
    options = {"config": asked(), "images": 3, "samples": 2, **options}
    return augment(photos, out=photos.parent / name, **options)


def classes_shown(result: AugmentResult) -> Counter[str]:
    return Counter(Path(path).parent.name for path in result.images)


def test_classes_take_turns(photos: Path) -> None:
    assert classes_shown(sheet(photos)) == {"ant": 1, "bee": 1, "cat": 1}
    assert set(classes_shown(sheet(photos, images=7)).values()) == {2, 3}


def test_no_image_is_shown_twice_when_there_are_too_few(photos: Path) -> None:
    shown = sheet(photos, images=100, samples=1).images
    assert len(shown) == len(set(shown)) == 12


@pytest.mark.parametrize(("mode", "side"), [("squash", 32), ("pad", 32), ("crop", 36)])
def test_what_is_shown_has_the_scale_that_training_sees(
    photos: Path, monkeypatch: pytest.MonkeyPatch, mode: str, side: int
) -> None:
    seen = set()
    real = augment_module.load_pixels

    def noted(*arguments: Any, **options: Any) -> Any:
        pixels = real(*arguments, **options)
        seen.add(pixels.shape[0])
        return pixels

    monkeypatch.setattr(augment_module, "load_pixels", noted)
    config = asked(width_shift=0.1)
    data = config.data.model_copy(update={"geometry": mode})
    sheet(photos, config=config.model_copy(update={"data": data}))
    assert seen == {side}


def test_the_seed_decides(photos: Path) -> None:
    first = sheet(photos).sheet.read_bytes()
    assert sheet(photos).sheet.read_bytes() == first
    assert sheet(photos, config=asked(seed=1)).sheet.read_bytes() != first


def test_the_sheet_is_a_picture_or_a_page(photos: Path) -> None:
    result = sheet(photos)
    assert result.description == "mirrored left-right; mirrored top-bottom; turned up to 72°"
    with Image.open(result.sheet) as image:
        assert image.format == "PNG"
    page = sheet(photos, "sheet.html").sheet.read_text(encoding="utf-8")
    assert page.count("<img ") == 3 * 3
    assert "turned up to 72°" in page


def test_only_training_images_are_shown(tmp_path: Path, image_folder: FolderMaker) -> None:
    for split in ("train", "val", "test"):
        image_folder(tmp_path / "photos" / split, "ant", "bee")
    shown = sheet(tmp_path / "photos", images=100).images
    assert len(shown) == 8
    assert all(path.startswith("train/") for path in shown)


def test_without_training_images_there_is_nothing_to_show(
    tmp_path: Path, image_folder: FolderMaker
) -> None:
    photos = image_folder(tmp_path / "photos", "ant", "bee")
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    lines = [f"{name},{name.split('/')[0]},test" for name in names]
    (photos / "split.csv").write_text("\n".join(["path,label,split", *lines]))
    with pytest.raises(DataError, match="no 'train' images"):
        sheet(tmp_path / "photos")


def test_bad_images_are_named_and_passed_over(photos: Path) -> None:
    for path in (photos / "ant").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    result = sheet(photos, images=12)
    assert classes_shown(result) == {"bee": 4, "cat": 4}
    assert {bad.path for bad in result.rejected} == {f"ant/{n}.png" for n in range(4)}
    for path in photos.rglob("*.png"):
        path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="none of 12 images can be read"):
        sheet(photos)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"config": build_config({})}, "nothing is varied: choose --preset"),
        ({"config": asked(zoom=[1, 1])}, "nothing is varied"),
        ({"images": 0}, "--images 0: expected 1 to 100"),
        ({"samples": 33}, "--samples 33: expected 1 to 32"),
        ({"name": "sheet.jpg"}, "ends in .png or .html"),
    ],
)
def test_mistakes_are_refused_before_the_data_is_read(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        sheet(tmp_path / "no such folder", **options)


def test_a_misspelt_preset_says_what_is_close(photos: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean butterflies"):
        sheet(photos, config=asked(preset="butterfly"))
