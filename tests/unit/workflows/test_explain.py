"""Explaining files: one sheet an image, bad files named, nothing overwritten by a namesake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headstart.errors import UnknownNameError
from headstart.explain import Explainer, load_explainer
from headstart.workflows.explain import PANEL_PX, explain


@pytest.fixture(scope="module")
def explainer(small_bundle: Path) -> Explainer:
    return load_explainer(small_bundle, precision="f32", threads=1)


@pytest.fixture
def folder(tmp_path: Path, picture) -> Path:
    for name in ("a/same.png", "b/same.jpg", "wide.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        size = (800, 200) if name == "wide.png" else (64, 48)
        Image.fromarray(picture(len(name), size=size)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    return tmp_path / "in"


def test_every_image_has_its_own_sheet(explainer: Explainer, folder: Path, tmp_path: Path) -> None:
    found = {Path(one.path).name: one for one in explain(explainer, [folder], out=tmp_path / "o")}
    assert len(found) == 4
    bad = found.pop("broken.jpg")
    assert (bad.explanation, bad.sheet) == (None, None)
    assert bad.error
    sheets = {one.sheet for one in found.values()}
    assert sheets == {tmp_path / "o" / f"{name}.png" for name in ("same", "same-2", "wide")}
    for one in found.values():
        assert one.sheet is not None
        with Image.open(one.sheet) as sheet:
            assert sheet.width > 3 * 200
    with Image.open(tmp_path / "o" / "wide.png") as sheet:
        assert sheet.width > 3 * PANEL_PX
        assert sheet.height < PANEL_PX


def test_without_a_folder_nothing_is_written(
    explainer: Explainer, folder: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    found = list(explain(explainer, [folder / "wide.png"]))
    assert found[0].sheet is None
    assert found[0].explanation is not None
    assert sorted(tmp_path.rglob("*")) == before


def test_a_class_can_be_asked_for(explainer: Explainer, folder: Path) -> None:
    for wanted in explainer.classes:
        (one,) = explain(explainer, [folder / "wide.png"], label=wanted)
        assert one.explanation is not None
        labels = [shown.label for shown in one.explanation.maps]
        assert labels[0] == explainer.classes[one.explanation.best]
        assert wanted in labels
        assert len(set(labels)) == 2
        np.testing.assert_array_equal([m.map.shape for m in one.explanation.maps], [(96, 96)] * 2)


def test_a_strange_class_stops_before_any_image(explainer: Explainer, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="class 1"):
        next(explain(explainer, [tmp_path / "none.png"], label="class1"))
