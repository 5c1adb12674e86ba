from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    """Two classes of four images."""
    return image_folder(tmp_path / "photos", "ant", "bee")


def test_a_preset_with_changes_makes_a_sheet(cli: Any, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    size = ["--images", 2, "--samples", 3, "--image-size", 32]
    change = ["--set", "training.augmentation.rotation_degrees=10"]
    outcome = cli("augment", photos, "--preset", "waste", *size, *change, "--out", out)
    assert (outcome.code, outcome.err) == (0, "")
    words = "mirrored left-right; mirrored top-bottom; turned up to 10°"
    assert outcome.out.splitlines() == [f"each view: {words}", f"sheet  {out}"]
    with Image.open(out) as image:
        assert image.width > 4 * 128


def test_settings_may_come_from_a_file(cli: Any, photos: Path, tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("training: {augmentation: {erasing: 0.5}}\n")
    out = tmp_path / "sheet.html"
    outcome = cli("augment", photos, "--config", config, "--imgsz", 32, "-o", out)
    assert "each view: a rectangle blanked in 50%" in outcome.out
    assert out.exists()


def test_an_unreadable_image_is_named(cli: Any, photos: Path, tmp_path: Path) -> None:
    (photos / "ant" / "0.png").write_bytes(b"nothing")
    options = ["--preset", "light", "--imgsz", 32, "--out", tmp_path / "sheet.png"]
    assert "unreadable: ant/0.png: " in cli("augment", photos, *options, "--images", 8).out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing is varied"),
        (["--preset", "lihgt"], "did you mean light?"),
        (["--set", "training.augmentation.zoom=[2,1]"], "smaller number comes first"),
        (["--set", "training.augmentation.flip=true"], "unknown key training.augmentation.flip"),
        (["--preset", "light", "--out", "sheet.gif"], ".png or .html"),
    ],
)
def test_mistakes_say_the_mend(cli: Any, photos: Path, options: list[str], words: str) -> None:
    outcome = cli("augment", photos, *options)
    assert outcome.code == 2
    assert words in outcome.err
