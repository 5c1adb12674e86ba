"""The command says what it saw and where the maps are."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def photo(tmp_path: Path, picture) -> Path:
    Image.fromarray(picture(3)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_it_prints_predictions_and_writes_sheets(cli, small_bundle, photo, tmp_path) -> None:
    done = cli("explain", small_bundle, photo, tmp_path / "gone.png", "--out", tmp_path / "maps")
    assert done.code == 0, done.err
    first, second = done.out.splitlines()
    path, label, confidence, sheet = first.split("\t")
    assert path == str(photo)
    assert label.startswith("class ")
    assert 1 / 3 <= float(confidence) <= 1
    assert Path(sheet).is_file()
    assert second.split("\t")[:2] == [str(tmp_path / "gone.png"), "error"]


def test_a_strange_class_is_a_mistake_with_the_way_out(cli, small_bundle, photo, tmp_path) -> None:
    done = cli("explain", small_bundle, photo, "--class", "class9", "--out", tmp_path / "maps")
    assert done.code == 2
    assert "class 0" in done.err
    assert not (tmp_path / "maps").exists()


def test_a_folder_without_a_bundle_is_a_mistake(cli, photo, tmp_path) -> None:
    done = cli("explain", tmp_path, photo)
    assert done.code == 2
    assert "bundle" in done.err


def test_it_runs_without_the_training_floor(command, small_bundle, photo, tmp_path) -> None:
    script = (
        "import sys\n"
        "for name in ('torch', 'timm', 'sklearn', 'onnx', 'matplotlib', 'scipy'):\n"
        "    sys.modules[name] = None\n"
        "from headstart.cli.main import entry_point; entry_point()"
    )
    done = command("explain", small_bundle, photo, "--out", tmp_path / "maps", script=script)
    assert done.code == 0, done.err
    assert (tmp_path / "maps" / "photo.png").is_file()
